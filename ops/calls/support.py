"""A file about one call that may leave the house: what explains it, and nothing that tells who called whom.

What goes in is chosen field by field; then every text is searched once more for what is known to be personal, and for
what looks like it. Addresses become letters, each the same wherever it appears, with what kind of address it is.
"""

from __future__ import annotations

import ipaddress
import json
import platform
import re
import string
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from domain import call_words as words
from domain import sip_ladders as ladder
from domain.traces import InForce, Ladder, Moment, Rung
from stores.migrate import shipped_migrations
from stores.traces import TracedCall

PACKAGES = ("asyncpg", "msgspec", "picows", "pjsua2-python", "redis", "uvloop")
_LOG_FIELDS = """
at level service logger message call_id attempt attempts outcome status reason failure packets_in packets_out lost late
jitter_ms rtt_ms strangers unagreed malformed flooded refused_frames dropped_frames limit_s
"""
LOG_FIELDS = frozenset(_LOG_FIELDS.split())
MOST_LOG_LINES = 5000
LONGEST_LINE = 4000

_IPV4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:])")
_URI = re.compile(r"(?:sips?|tel|mailto):[^\s<>\",;]+", re.IGNORECASE)
_MAIL = re.compile(r"[^\s<>\"@]+@[^\s<>\"@]+")
_NUMBER = re.compile(r"\+?[0-9](?:[0-9 ().\-/]{4,}[0-9])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+]+Z?")

README = """One telephone call, for support. The call: {call_id}

call.txt      the call in words: what was in force, the SIP messages, what happened, how it sounded
call.json     the same as data
log.jsonl     log lines of this call on this machine, where there were any
versions.json what ran

No phone numbers, names, addresses, transcripts, orders or passwords are in this file. Addresses of machines are
letters, each the same wherever it appears.
"""


class Redactor:
    """``known`` are texts that may appear nowhere. Letters are given in the order in which addresses are met."""

    def __init__(self, known: Iterable[str]) -> None:
        parts = sorted({one for one in known if len(one) > 2}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, parts)), re.IGNORECASE) if parts else None
        self._letters: dict[str, str] = {}

    def address(self, host: str) -> str:
        """``private address A``, ``name B``; "" stays."""
        if not host:
            return ""
        if host not in self._letters:
            number = len(self._letters)
            letter = string.ascii_uppercase[number % 26] + (str(number // 26) if number >= 26 else "")
            self._letters[host] = f"{_kind(host)} {letter}"
        return self._letters[host]

    def text(self, text: str) -> str:
        """Without what is known, without URIs, mail addresses and numbers, and with letters for addresses."""
        if self._known is not None:
            text = self._known.sub("[removed]", text)
        text = _MAIL.sub("[removed]", _URI.sub("[removed]", text))
        # Ids and times are full of digits, and no numbers.
        kept: list[str] = []

        def keep(match: re.Match[str]) -> str:
            kept.append(match[0])
            return f"\0{len(kept) - 1}\0"

        text = _TIME.sub(keep, _UUID.sub(keep, text))
        text = _IPV6.sub(self._letter, _IPV4.sub(self._letter, text))
        text = _NUMBER.sub("[removed]", text)
        return re.sub("\0([0-9]+)\0", lambda match: kept[int(match[1])], text)

    def _letter(self, match: re.Match[str]) -> str:
        return f"[{self.address(match[0])}]" if _kind(match[0]) != "name" else match[0]


def _kind(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "name"
    return "loopback address" if address.is_loopback else "private address" if address.is_private else "public address"


def write(one: TracedCall, file: Path, known: Iterable[str], logs: Iterable[Path]) -> None:
    """Raises OSError. ``known`` are personal texts of this call and its restaurant, ``logs`` files to look through."""
    redactor = Redactor(known)
    call = as_data(one, redactor)
    parts = {
        "README.txt": README.format(call_id=one.call.id),
        "call.json": json.dumps(call, indent=2) + "\n",
        "call.txt": "\n".join(_text(one, call)) + "\n",
        "log.jsonl": "".join(f"{line}\n" for line in log_lines(one.call.id, logs, redactor)),
        "versions.json": json.dumps(versions(), indent=2) + "\n",
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in parts.items():
            made.writestr(name, text)


def as_data(one: TracedCall, redactor: Redactor) -> dict[str, Any]:
    call, trace = one.call, one.trace
    found: dict[str, Any] = {
        "callId": call.id,
        "restaurantId": call.restaurant_id,
        "phoneLineId": call.phone_line_id,
        "startedAt": call.started_at,
        "answeredAt": call.answered_at,
        "joinedAt": call.joined_at,
        "endedAt": call.ended_at,
        "durationMs": call.duration_ms,
        "outcome": call.outcome,
        "missedReason": call.missed_reason,
        "attempts": call.attempts,
        "ledToAnOrder": call.order_id is not None,
        "callerWithheld": not call.caller and "caller" not in call.unreadable,
    }
    if trace is not None:
        moments = [
            msgspec.structs.replace(moment, detail=redactor.text(moment.detail), what=redactor.text(moment.what))
            for moment in trace.moments
        ]
        found |= {
            "inForce": _in_force(trace.in_force, redactor),
            "ladder": Ladder(
                rungs=[_rung(rung, redactor) for rung in trace.ladder.rungs],
                left_out=trace.ladder.left_out,
                late=trace.ladder.late,
            ),
            "course": moments,
            "audio": trace.audio,
        }
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built


def _in_force(held: InForce, redactor: Redactor) -> InForce:
    return msgspec.structs.replace(held, trunk=redactor.address(held.trunk), source=redactor.address(held.source))


def _rung(rung: Rung, redactor: Redactor) -> Rung:
    facts = dict(rung.facts)
    if "media" in facts:
        host, _, port = facts["media"].rpartition(":")
        facts["media"] = f"{redactor.address(host)}, port {port}"
    if "referTo" in facts:
        facts["referTo"] = redactor.address(facts["referTo"])
    others = {name: redactor.text(value) for name, value in facts.items() if name not in ("media", "referTo")}
    facts |= others
    return msgspec.structs.replace(rung, facts=facts)


def _text(one: TracedCall, call: dict[str, Any]) -> Iterator[str]:
    """From what is in ``call.json``, so that nothing else can get in."""
    for name, value in call.items():
        if not isinstance(value, dict | list):
            yield f"{name:<16} {value}"
    trace = one.trace
    if trace is None:
        return
    yield ""
    yield from (f"{name:<16} {value}" for name, value in call["inForce"].items())
    yield ""
    yield from ladder.lines(msgspec.convert(call["ladder"], Ladder))
    yield ""
    yield from (f"{at_ms:>9}  {what}" for at_ms, what in words.course(msgspec.convert(call["course"], list[Moment])))
    yield ""
    if trace.audio is not None:
        yield from (f"{line.way:<16} {line.verdict}: {line.figures}" for line in words.audio(trace.audio))


def log_lines(call_id: str, logs: Iterable[Path], redactor: Redactor) -> Iterator[str]:
    """The log's own fields of the lines that name the call, in the order of their time."""
    found: list[tuple[str, str]] = []
    for file in logs:
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if call_id in line and len(found) < MOST_LOG_LINES and (entry := _entry(line, redactor)):
                        found.append((str(entry.get("at", "")), json.dumps(entry, ensure_ascii=False)))
        except OSError:  # gone meanwhile, or another user's
            continue
    yield from (line for _, line in sorted(found))


def _entry(line: str, redactor: Redactor) -> dict[str, Any]:
    try:
        entry = json.loads(line[:LONGEST_LINE])
    except ValueError:
        return {}
    if not isinstance(entry, dict):
        return {}
    kept: dict[str, Any] = {}
    for name, value in entry.items():
        if name in LOG_FIELDS and isinstance(value, str | int | float | None):
            kept[name] = redactor.text(value) if isinstance(value, str) else value
    error = entry.get("error")
    if isinstance(error, dict):  # what it said may quote a caller
        kept["error"] = redactor.text(str(error.get("type", "")))
    return kept


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    found["schema"] = shipped_migrations()[-1].name
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
