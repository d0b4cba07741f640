"""``alloresto lines``: how each line stands, in words, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ops.trunks.words import asked_wait_s, meaning, status_of
from stores.line_states import LineState

ELSEWHERE = {
    "sip": "takes calls from SIP_PEERS; has no trunk",
    "audiosocket": "takes calls over AudioSocket",
    "twilio": "takes calls from Twilio",
}


def lines(found: tuple[LineState, ...]) -> Iterator[str]:
    """A line or two each."""
    for one in found:
        yield f"{one.id}  {one.number:<14}  {_plain(one.restaurant_name)}"
        yield f"    {_state(one)}"
        yield from (f"    {words}" for words in _advice(one))


def _state(one: LineState) -> str:
    if one.status is None:
        if one.provider == "sip" and one.trunk:
            static = f"takes calls from the addresses of {_plain(one.trunk)}, without a registration"
            return "waits for a node to take it" if one.registers else static
        return ELSEWHERE[one.provider]
    since = "" if one.since is None else f" for {span(one.looked_at - one.since)}"
    heard = "" if one.answered_at is None else f", last heard {span(one.looked_at - one.answered_at)} ago"
    node = f"node {one.node}" if one.node else "no node"
    if one.node_status not in (None, "healthy"):
        node += f", which is {one.node_status}"
    if one.leaving_node:
        node += f", taking over from {one.leaving_node}"
    if not one.registers:
        return f"CANNOT BE CALLED{since}, {node}, by the addresses of {_plain(one.trunk)}, without a registration"
    state = {"registered": "registered", "unregistered": "not registered yet", "error": "NOT REGISTERED"}[one.status]
    return f"{state}{since}, {node}, trunk {_plain(one.trunk)}{heard if one.node else ''}"


def _advice(one: LineState) -> Iterator[str]:
    """What a line with a fault says, when it is tried again, and what to do."""
    if one.status != "error":
        return
    yield f"why   {_plain(one.error)}"
    status = status_of(one.error)
    if status is None:  # what its node or the assigner found, in its own words
        return
    again = _again(one, status)
    if again:
        yield f"next  {again}"
    yield f"fix   {meaning(status).fix}"


def _again(one: LineState, status: int) -> str:
    wait_s = asked_wait_s(one.error)
    if wait_s and one.answered_at is not None:
        left: timedelta = one.answered_at + timedelta(seconds=wait_s) - one.looked_at
        return f"asked again in {span(left)}, as the trunk wants" if left > timedelta(0) else "asked again about now"
    return f"asked again within {span(timedelta(seconds=meaning(status).asked_again_s))}"


def span(time: timedelta) -> str:
    """``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in text)


def as_data(found: tuple[LineState, ...]) -> list[dict[str, object]]:
    """For JSON."""
    return [
        {
            "lineId": one.id,
            "number": one.number,
            "provider": one.provider,
            "trunk": one.trunk,
            "registers": one.registers,
            "status": one.status,
            "error": one.error,
            "node": one.node,
            "leavingNode": one.leaving_node,
            "since": _instant(one.since),
            "answeredAt": _instant(one.answered_at),
        }
        for one in found
    ]


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
