"""``alloresto doctor --trunk`` against trunks that answer, refuse, or say nothing; on real sockets."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.rules import Finding, Verdict
from devstack.edge.sip_registrar import SipRegistrar
from devstack.servers.ports import free_port
from edge_bridge.entrances.sip.registering.dns import SrvQuestions
from ops.trunks.examination import WITHIN_S, Account, examine
from ops.trunks.places import Trunk
from tests.integration.edge_bridge.transports import Authority, StreamRegistrar

pytestmark = pytest.mark.integration

USER, PASSWORD = "margot", "four horses"
MINE = Account(USER, "", PASSWORD)


class Trunks(SipRegistrar):
    """A registrar that also answers OPTIONS: ``options`` is the status line, "" for silence; ``extra`` goes with it."""

    options = "200 OK"
    extra = ""

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if not data.startswith(b"OPTIONS ") or not self.options or self.silent:
            super().datagram_received(data, source)
            return
        lines = [line.partition(":") for line in data.decode().partition("\r\n\r\n")[0].split("\r\n")[1:]]
        self._answer(self.options, {name.lower(): value.strip() for name, _, value in lines}, source, self.extra)


@pytest.fixture
async def trunk() -> AsyncIterator[Trunks]:
    made = Trunks({USER: PASSWORD})
    async with made:
        yield made


async def found(trunk: Trunks, account: Account = MINE) -> list[Finding]:
    return await examine(Trunk.parse(trunk.domain), account)


def of(findings: list[Finding], what: str) -> Finding:
    return next(one for one in findings if one.what.startswith(what))


async def test_a_trunk_that_takes_the_account_is_good_and_knows_no_more_than_before(trunk: Trunks) -> None:
    findings = await found(trunk)
    assert {one.verdict for one in findings} == {Verdict.GOOD}
    assert of(findings, "REGISTER as margot").detail.startswith("accepted with 200")
    assert of(findings, "OPTIONS").detail.endswith("the trunk is reached")
    assert trunk.bindings == {}
    assert PASSWORD not in str(findings)


async def test_a_wrong_password_is_called_so(trunk: Trunks) -> None:
    finding = of(await found(trunk, Account(USER, "", "another")), "REGISTER")
    assert finding.verdict is Verdict.REFUSED
    assert "refuses the username or the password (401, realm “trunk.test”)" in finding.detail
    assert trunk.refused == 1  # asked once: trunks ban those who try on


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("403 Forbidden", "blocked or bound to another address (403)"),
        ("404 Not Found", "does not know the username (404)"),
        ("405 Method Not Allowed", "takes no REGISTER (405)"),
        ("503 Service Unavailable", "out of service for now (503); it asks to wait 30 s"),
    ],
)
async def test_a_refusal_is_told_in_words_with_what_to_do(trunk: Trunks, answer: str, words: str) -> None:
    trunk.refusing = answer
    trunk.retry_after_s = 30 if answer.startswith("503") else 0
    finding = of(await found(trunk), "REGISTER")
    assert words in finding.detail
    assert finding.fix


async def test_an_algorithm_that_nobody_knows_is_named() -> None:
    trunk = Trunks({USER: PASSWORD}, algorithm="ROT13-4")
    async with trunk:
        finding = of(await found(trunk), "REGISTER")
    assert "wants ROT13-4, which this bridge does not have (401)" in finding.detail


async def test_a_trunk_that_answers_register_only_is_no_fault(trunk: Trunks) -> None:
    trunk.options = ""
    findings = await found(trunk)
    assert {one.verdict for one in findings} == {Verdict.GOOD}
    assert "no answer to OPTIONS, but to REGISTER" in of(findings, "OPTIONS").detail


async def test_silence_is_told_within_the_time_with_what_may_be_in_between(trunk: Trunks) -> None:
    trunk.silent = True
    began = time.monotonic()
    finding = (await found(trunk))[-1]
    assert time.monotonic() - began < WITHIN_S
    assert finding.verdict is Verdict.REFUSED
    assert "a firewall between" in finding.detail


async def test_a_port_where_nothing_listens_is_told_from_silence() -> None:
    finding = (await examine(Trunk("127.0.0.1", free_port()), MINE))[-1]
    assert "nothing takes SIP at this port" in finding.detail


async def test_a_trunk_that_takes_tcp_alone_is_called_so(trunk: Trunks) -> None:
    trunk.silent = True
    port = int(trunk.domain.rpartition(":")[2])
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    async with server:
        finding = (await found(trunk))[-1]
    assert "takes TCP" in finding.detail
    assert "transport to tcp" in finding.fix


async def test_a_line_by_tls_is_looked_at_by_tls_and_its_certificate_is_judged(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with StreamRegistrar({}, authority.certificate()) as trunk:
        port = trunk.port
        (told,) = await examine(Trunk("127.0.0.1", port, "tls"), MINE)
    assert told.what == f"127.0.0.1:{port} over TLS"
    assert told.warning
    assert "its certificate: " in told.detail
    assert "SIP_TLS_CA" in told.fix


async def test_a_line_by_tcp_is_looked_at_by_tcp() -> None:
    async with StreamRegistrar({}) as trunk:
        (there,) = await examine(Trunk("127.0.0.1", trunk.port, "tcp"), MINE)
    (gone,) = await examine(Trunk("127.0.0.1", free_port(), "tcp"), MINE)
    assert there.ok
    assert not gone.ok
    assert gone.detail == "no connection"


async def test_a_clock_that_is_far_off_is_warned_of(trunk: Trunks) -> None:
    trunk.extra = "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n"
    finding = of(await found(trunk), "clock")
    assert finding.verdict is Verdict.WARNING
    assert "ahead of the trunk" in finding.detail


async def test_a_name_that_leads_nowhere_is_the_only_thing_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameserver:  # that says nothing
        nameserver.bind(("127.0.0.1", 0))
        questions = SrvQuestions((nameserver.getsockname(),))
        findings = await examine(Trunk("trunk.invalid", 0), MINE, questions)
    assert [one.detail for one in findings] == ["the name leads to no address"]


async def test_the_command_reads_the_password_from_stdin_and_says_how_it_went(trunk: Trunks) -> None:
    def run(password: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "SIP_PASSWORD"}
        return subprocess.run(
            [sys.executable, "-m", "cli", "doctor", "--trunk", trunk.domain, "--user", USER],
            env=environment,
            input=f"{password}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    right, wrong = [await asyncio.to_thread(run, password) for password in (PASSWORD, "another")]
    assert (right.returncode, wrong.returncode) == (0, 1), right.stderr + wrong.stderr
    assert "refuses the username or the password" in wrong.stdout
    assert PASSWORD not in right.stdout + right.stderr


async def test_what_is_no_trunk_is_one_line() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", "doctor", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    wrong = await asyncio.to_thread(run, "--trunk", "sip:margot@trunk.example")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1)
    both = await asyncio.to_thread(run, "--trunk", "trunk.example", "--cluster")
    assert both.returncode == 2
