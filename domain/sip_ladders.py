"""A call's SIP messages as a ladder of text: the caller's side on the left, the bridge on the right."""

from __future__ import annotations

from collections.abc import Iterator

from domain.traces import Ladder, Rung

WIDTH = 30  # of an arrow with its label
PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    603: "Decline",
}
FACTS = {
    "media": "media {}",
    "codecs": "{}",
    "flow": "{}",
    "reason": "reason {}",
    "retryAfter": "retry after {} s",
    "referTo": "to {}",
    "state": "{}",
    "progress": "the other phone: {}",
}
_PLACES = {name: place for place, name in enumerate(FACTS)}


def lines(ladder: Ladder) -> Iterator[str]:
    """Nothing for a call that left no messages."""
    if not ladder.rungs:
        return
    if ladder.late:
        yield "the gate was restarted during this call: its first messages are not known"
    yield f"{'ms':>9}  {'caller':<{WIDTH - 6}}bridge"
    for number, rung in enumerate(ladder.rungs):
        if ladder.left_out and number == len(ladder.rungs) - 1:
            yield f"{'':>9}  {f'… {ladder.left_out} messages left out':<{WIDTH}}"
        yield f"{rung.at_ms:>9}  {_arrow(rung)}  {_notes(rung)}".rstrip()


def label(rung: Rung) -> str:
    if not rung.status:
        return rung.method
    return f"{rung.status} {PHRASES.get(rung.status, '')}".rstrip()


def _arrow(rung: Rung) -> str:
    words = label(rung)
    stroke = "─" * max(WIDTH - len(words) - 2, 1)
    return f"{words} {stroke}▶" if rung.direction == "in" else f"◀{stroke} {words}"


def _notes(rung: Rung) -> str:
    notes = []
    if rung.status and rung.method != "INVITE":
        notes.append(f"of {rung.method}")
    if rung.times > 1:
        notes.append(f"{rung.times} times")
    facts = sorted(rung.facts.items(), key=lambda fact: _PLACES.get(fact[0], len(_PLACES)))
    # A fact of a later release is shown under its own name.
    notes += [FACTS.get(name, f"{name} {{}}").format(value) for name, value in facts]
    return ", ".join(notes)
