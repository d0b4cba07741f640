"""Which trunk ``alloresto doctor`` asks, and as whom. A password never comes from the command line."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from cli.database import refusal, with_postgres

if TYPE_CHECKING:
    from ops.trunks.examination import Account
    from ops.trunks.places import Trunk


class TrunkSettings(msgspec.Struct, frozen=True):
    master_key: str


def examine(trunk: str, line: str, user: str, auth_user: str, json_file: Path | None) -> int:
    """The exit status of the examination. Raises typer.Exit where there is nothing to examine."""
    from ops import trunk_doctor

    if line and (user or auth_user):
        raise typer.BadParameter("--user, --auth-user: with --trunk; a line has its own")
    if auth_user and not user:
        raise typer.BadParameter("--auth-user: give --user, too")
    place, account = _of_line(line) if line else _given(trunk, user, auth_user)
    return trunk_doctor.run(place, account, json_file)


def _given(trunk: str, user: str, auth_user: str) -> tuple[Trunk, Account]:
    from ops.trunks.examination import Account

    return _place(trunk), Account(user, auth_user, _password() if user else "")


def _place(text: str) -> Trunk:
    from ops.trunks.places import Trunk

    try:
        return Trunk.parse(text)
    except ValueError as error:
        raise refusal(str(error)) from None


def _password() -> str:
    given = os.environ.get("SIP_PASSWORD", "")
    if given:
        return given
    if sys.stdin.isatty():
        asked: str = typer.prompt("SIP password", hide_input=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\n")


def _of_line(line_id: str) -> tuple[Trunk, Account]:
    from ops.trunks.examination import Account
    from process.settings import load_or_exit
    from stores import lines
    from stores.ciphers import CipherError, SipPasswordCipher

    key = load_or_exit(TrunkSettings).master_key
    found = {line.id: line for line in with_postgres(lines.active_lines)}
    if line_id not in found:
        raise refusal(f"there is no active line {line_id}")
    line = found[line_id]
    if not line.sip_domain:
        raise refusal(f"line {line_id} has no trunk: its calls come from SIP_PEERS, AudioSocket or Twilio")
    try:
        password = SipPasswordCipher(key).decrypt(line.id, line.sip_password) if line.sip_password else ""
    except (CipherError, ValueError):
        raise refusal("the stored SIP password cannot be read with this MASTER_KEY") from None
    place = _place(line.trunk.outbound_proxy or line.sip_domain)
    place = replace(place, transport=line.trunk.transport)
    return place, Account(line.sip_username, line.trunk.auth_username, password)
