"""INVITEs that were refused, so that a repeated one gets the same answer; and those that wait for a worker."""

import time
from dataclasses import dataclass

from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog
from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.gate.sources import Kind

KEPT_S = 32.0  # RFC 3261's timer B: for so long a caller repeats its INVITE
MOST = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """An INVITE that came while there was no worker; ``since`` of the monotonic clock."""

    message: Message
    source: Address
    kind: Kind
    since: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    sequence: int
    answer: bytes
    by_worker: bool
    until: float


class Refusals:
    """By Call-ID and From tag; beyond MOST the oldest goes."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], _Refusal] = {}

    def put(self, message: Message, answer: bytes, *, by_worker: bool) -> None:
        self._put((message.call_id, message.from_tag), _Refusal(message.sequence, answer, by_worker, _until()))

    def remember(self, dialog: Dialog, answer: bytes) -> None:
        """The worker's refusal of the INVITE that began ``dialog``."""
        self._put(dialog.key, _Refusal(dialog.sequence, answer, True, _until()))

    def answer(self, message: Message) -> bytes:
        """What an INVITE was answered that is repeated; b"" for another one, such as the next try of a caller."""
        known = self._by_key.get((message.call_id, message.from_tag))
        return known.answer if known is not None and known.sequence == message.sequence else b""

    def by_worker(self, message: Message) -> bool:
        """Whether an ACK is for a refusal of the worker's."""
        known = self._by_key.get((message.call_id, message.from_tag))
        return known is not None and known.by_worker and known.sequence == message.sequence

    def sweep(self, now: float) -> None:
        for key, refusal in list(self._by_key.items()):
            if refusal.until > now:
                return  # in the order of their time
            del self._by_key[key]

    def _put(self, key: tuple[str, str], refusal: _Refusal) -> None:
        self._by_key.pop(key, None)
        if len(self._by_key) >= MOST:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[key] = refusal


def _until() -> float:
    return time.monotonic() + KEPT_S
