"""Telephone keys as RTP events (RFC 4733).

A key is a run of packets with one timestamp: updates with a growing duration, then three with the end bit. Any of
them may be lost or come late, and phones differ in marker bit and timestamps. A key counts once, at its first packet.
"""

import struct
from collections.abc import Iterator

KEYS = "0123456789*#ABCD"
SAME_KEY_WITHIN_S = 0.1  # updates come every 20 to 50 ms; between two keys a phone pauses for about as long
LONGEST_DURATION = 0xF000  # about: with 0xFFFF a key is continued as another event (RFC 4733, 2.5.1.3)
VOLUME = 10  # dBm0, negative
PRESSED_FRAMES = 5  # 100 ms
END_PACKETS = 3
PAUSE_FRAMES = 4  # 80 ms; telephone networks ask for 40 at least

_EVENT = struct.Struct(">BBH")
_END = 0x80


class KeyReader:
    """``read`` gives each pressed key once."""

    def __init__(self) -> None:
        self._event = -1
        self._timestamp = -1
        self._duration = 0
        self._ended = True
        self._at = 0.0

    def read(self, payload: bytes, marker: bool, timestamp: int, now: float) -> str | None:
        """The key that this packet begins, if it begins one. ``now`` in seconds of a monotonic clock."""
        if len(payload) < _EVENT.size:
            return None
        event, flags, duration = _EVENT.unpack_from(payload)
        if event >= len(KEYS):
            return None
        ended = flags >= _END
        begins = self._begins(event, ended, marker, timestamp, duration, now - self._at < SAME_KEY_WITHIN_S)
        self._ended = ended or (self._ended and not begins)
        self._event, self._timestamp, self._duration, self._at = event, timestamp, duration, now
        return KEYS[event] if begins else None

    def _begins(self, event: int, ended: bool, marker: bool, timestamp: int, duration: int, soon: bool) -> bool:
        if event != self._event:
            return True
        if timestamp != self._timestamp:
            # One key after all: of a phone that moves the timestamp on, or longer than a duration can say.
            anew = duration < self._duration < LONGEST_DURATION
            return marker or self._ended or anew or not soon
        # A clock that stands still: the next key is told by its marker, or by the pause before it. Without either, a
        # packet after the end is one that comes late.
        return self._ended and not ended and (marker or not soon) and duration < self._duration


def key_payloads(key: str, frame_samples: int) -> Iterator[bytes | None]:
    """What to send for ``key``, a payload a frame: updates, ends, then None while pausing.

    Raises ValueError for a key that a telephone does not have.
    """
    event = KEYS.index(key.upper())
    for number in range(1, PRESSED_FRAMES + 1):
        yield _EVENT.pack(event, VOLUME, number * frame_samples)
    for _ in range(END_PACKETS):
        yield _EVENT.pack(event, VOLUME | _END, PRESSED_FRAMES * frame_samples)
    for _ in range(PAUSE_FRAMES):
        yield None
