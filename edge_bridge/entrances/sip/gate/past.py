"""INVITEs that came to nothing and calls that are over, so that what is repeated gets the same answer; and the INVITEs
that wait for a worker."""

import time
from dataclasses import dataclass

from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog
from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.gate.sources import Kind

KEPT_S = 32.0  # RFC 3261's timer B: for so long a caller repeats its INVITE
MOST = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """An INVITE that came while there was no worker, or no free place (``full``); ``since`` of the monotonic clock."""

    message: Message
    source: Address
    kind: Kind
    since: float
    full: bool = False


@dataclass(frozen=True, slots=True)
class _Past:
    """``sequence`` and ``answer`` are the INVITE's: b"" for one that was answered with 200."""

    sequence: int
    answer: bytes
    worker: int  # that refused it; 0 for the gate
    until: float
    bye_sequence: int = 0
    bye_answer: bytes = b""


class Past:
    """By Call-ID and From tag; beyond MOST the oldest goes."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], _Past] = {}

    def refused(self, message: Message, answer: bytes) -> None:
        self._put((message.call_id, message.from_tag), _Past(message.sequence, answer, 0, _until()))

    def refused_by_worker(self, dialog: Dialog, answer: bytes) -> None:
        """The worker's refusal of the INVITE that began ``dialog``."""
        self._put(dialog.key, _Past(dialog.sequence, answer, dialog.worker, _until()))

    def ended(self, dialog: Dialog, bye_sequence: int, bye_answer: bytes) -> None:
        """A call is over; 0 and b"" where its BYE was not the caller's."""
        self._put(dialog.key, _Past(dialog.sequence, b"", 0, _until(), bye_sequence, bye_answer))

    def answer(self, message: Message) -> bytes | None:
        """What a repeated INVITE or BYE was answered: b"" for nothing. None for another one, such as the next try of a
        caller."""
        known = self._by_key.get((message.call_id, message.from_tag))
        if known is None:
            return None
        if message.method == "BYE":
            return known.bye_answer if known.bye_sequence == message.sequence else None
        return known.answer if known.sequence == message.sequence else None

    def worker_of(self, message: Message) -> int:
        """Whose refusal an ACK is for; 0 when it is no worker's."""
        known = self._by_key.get((message.call_id, message.from_tag))
        return known.worker if known is not None and known.sequence == message.sequence else 0

    def sweep(self, now: float) -> None:
        for key, past in list(self._by_key.items()):
            if past.until > now:
                return  # in the order of their time
            del self._by_key[key]

    def _put(self, key: tuple[str, str], past: _Past) -> None:
        self._by_key.pop(key, None)
        if len(self._by_key) >= MOST:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[key] = past


def _until() -> float:
    return time.monotonic() + KEPT_S
