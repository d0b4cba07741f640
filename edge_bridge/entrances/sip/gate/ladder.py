"""The SIP messages of each call as its caller's side saw them, for the operator who has to explain the call later.

Of a message only what explains a call is read: when, which way, what, and of its headers and SDP a few facts in forms
that hold no name and no number. At most MOST_RUNGS a call: the first ones, and always the last.
"""

import re
import time

from domain.traces import Direction, Ladder, Rung
from edge_bridge.entrances.sip.gate.dialogs import Dialog, destination_of
from edge_bridge.entrances.sip.gate.message import Message, uri_of

MOST_RUNGS = 64
MOST_CODECS = 6
SAME_WITHIN = 8  # rungs back that a repeated message is looked for

_CONNECTION = re.compile(r"^c=IN IP[46] ([0-9A-Fa-f.:]{2,45})", re.MULTILINE)
_AUDIO = re.compile(r"^m=audio ([0-9]{1,5}) \S{1,32}((?: [0-9]{1,3})*)", re.MULTILINE)
_CODEC = re.compile(r"^a=rtpmap:([0-9]{1,3}) ([A-Za-z0-9.-]{1,20})/", re.MULTILINE)
_FLOW = re.compile(r"^a=(sendonly|recvonly|inactive)\b", re.MULTILINE)
_CAUSE = re.compile(r"^(SIP|Q\.850)\b.*?;\s*cause\s*=\s*([0-9]{1,3})", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,9}")
_STATE = re.compile(r"(active|pending|terminated)\b", re.IGNORECASE)
_FRAGMENT = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})")
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")
_STATIC = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"}  # RFC 3551

Key = tuple[str, str]


def facts_of(message: Message) -> dict[str, str]:
    """What of a message explains a call."""
    found: dict[str, str] = {}
    for name, value in message.headers:
        if name == "reason" and (cause := _CAUSE.match(value)):
            found["reason"] = f"{cause[1]} {cause[2]}"
        elif name == "retry-after" and (seconds := _SECONDS.match(value)):
            found["retryAfter"] = seconds[0]
        elif name == "refer-to":
            host = destination_of(uri_of(value))[0]
            if _HOST.fullmatch(host):
                found["referTo"] = host
        elif name == "subscription-state" and (state := _STATE.match(value)):
            found["state"] = state[0].lower()
    if message.body:
        found |= _facts_of_body(message.body)
    return found


def _facts_of_body(body: bytes) -> dict[str, str]:
    fragment = _FRAGMENT.match(body)  # a transfer's progress in a NOTIFY (RFC 3515)
    if fragment:
        return {"progress": fragment[1].decode()}
    text = body.decode("ascii", "replace").replace("\r\n", "\n")
    audio = _AUDIO.search(text)
    if audio is None:
        return {}
    address = _CONNECTION.search(text, audio.end()) or _CONNECTION.search(text)
    names = dict(_CODEC.findall(text))
    types = audio[2].split()[:MOST_CODECS]
    found = {"media": f"{address[1] if address else '?'}:{audio[1]}"}
    found["codecs"] = " ".join(names.get(one) or _STATIC.get(one, one) for one in types)
    flow = _FLOW.search(text)
    if flow:
        found["flow"] = flow[1]
    return found


class _Kept:
    __slots__ = ("began", "ladder")

    def __init__(self, began: float, *, late: bool) -> None:
        self.began = began
        self.ladder = Ladder(late=late)


class Ladders:
    """By Call-ID and the caller's tag. As many as there are dialogs, which are bounded."""

    def __init__(self) -> None:
        self._by_key: dict[Key, _Kept] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def began(self, message: Message) -> None:
        """With this INVITE a call begins."""
        kept = self._by_key[message.call_id, message.from_tag] = _Kept(time.time(), late=False)
        _put(kept, "in", message)

    def goes_on(self, dialog: Dialog) -> None:
        """A dialog of the gate before: what came until now is not known."""
        if not dialog.dialled:
            self._by_key.setdefault(dialog.key, _Kept(dialog.since, late=True))

    def came(self, message: Message) -> None:
        """A message from outside; it may be of no call."""
        kept = self._by_key.get((message.call_id, message.to_tag if message.status else message.from_tag))
        if kept is not None:
            _put(kept, "in", message)

    def went(self, message: Message) -> None:
        """A message to the outside; it may be of no call."""
        kept = self._by_key.get((message.call_id, message.from_tag if message.status else message.to_tag))
        if kept is not None:
            _put(kept, "out", message)

    def answered(self, request: Message, status: int) -> None:
        """The gate's own answer to a request from outside."""
        self._said((request.call_id, request.from_tag), request.method, request.sequence, status)

    def ended(self, dialog: Dialog, status: int = 0) -> None:
        """The gate itself ends a dialog of a dead worker: by its last BYE, or by this refusal of the INVITE."""
        if status:
            self._said(dialog.key, "INVITE", dialog.sequence, status)
        else:
            self._said(dialog.key, "BYE", dialog.local_sequence)

    def over(self, dialog: Dialog) -> tuple[float, Ladder] | None:
        """When the call began, in seconds since the epoch, and its ladder; no more of it is recorded."""
        kept = self._by_key.pop(dialog.key, None)
        return None if kept is None else (kept.began, kept.ladder)

    def _said(self, key: Key, method: str, sequence: int, status: int = 0) -> None:
        kept = self._by_key.get(key)
        if kept is not None:
            _add(kept, Rung(at_ms=0, direction="out", method=method, sequence=sequence, status=status))


def _put(kept: _Kept, direction: Direction, message: Message) -> None:
    method, sequence = message.sequence_method, message.sequence
    _add(
        kept,
        Rung(
            at_ms=0,
            direction=direction,
            method=method,
            sequence=sequence,
            status=message.status,
            facts=facts_of(message),
        ),
    )


def _add(kept: _Kept, rung: Rung) -> None:
    ladder = kept.ladder
    for known in reversed(ladder.rungs[-SAME_WITHIN:]):
        if (known.direction, known.method, known.sequence, known.status) == (
            rung.direction,
            rung.method,
            rung.sequence,
            rung.status,
        ):
            known.times += 1
            return
    rung.at_ms = max(round((time.time() - kept.began) * 1000), 0)
    if len(ladder.rungs) == MOST_RUNGS:
        ladder.left_out += 1
        ladder.rungs[-1] = rung
    else:
        ladder.rungs.append(rung)
