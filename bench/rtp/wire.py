"""What the bench's processes say to each other, a JSON line each, and the stamps that the audio carries.

A stamp is the wall clock in ns (the kernel stamps packets with no other) in the first bytes of a 20 ms frame. G.711
passes through unchanged, so it is still there at the other end.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Iterator
from typing import TypeVar

import msgspec

HOST = "127.0.0.1"
FRAME_S = 0.02
FRAME_BYTES = 160
TONE = bytes([0xA0] * 10 + [0x20] * 10) * 8  # what speech is filled up with; no part of it is a stamp
OLDEST_NS = 5_000_000_000
_STAMP = struct.Struct(">Q")


class Call(msgspec.Struct):
    """One call of an endpoint."""

    rtp_port: int
    url: str
    token: str


class Window(msgspec.Struct):
    """When to measure, on the wall clock in s; the process ends at ``end``."""

    calls: list[Call]
    begin: float
    end: float


Samples = dict[int, int]
"""How often each age came, in units of 10 µs: a minute of 60 calls in a few kilobytes."""


class PhoneSamples(msgspec.Struct):
    """Of all phones: WebSocket to RTP, and how much each packet's distance to the one before is off 20 ms."""

    outward: Samples
    jitter: Samples
    received: int
    sent: int


class HandlerSamples(msgspec.Struct):
    """Of all handlers, RTP to WebSocket: each message's newest frame, and how long its oldest one waited for that."""

    inward: Samples
    gathered: Samples

    def heard(self, ages_ms: list[float]) -> None:
        """One message's frames, the oldest first."""
        if ages_ms:
            add(self.inward, ages_ms[-1])
            add(self.gathered, ages_ms[0] - ages_ms[-1])

    def clear(self) -> None:
        self.inward.clear()
        self.gathered.clear()


def add(samples: Samples, ms: float) -> None:
    unit = round(ms * 100)
    samples[unit] = samples.get(unit, 0) + 1


def all_ms(samples: Samples) -> list[float]:
    return [unit / 100 for unit, count in samples.items() for _ in range(count)]


T = TypeVar("T")


def read(kind: type[T]) -> T:
    """The next line of standard input. Raises msgspec.DecodeError, and EOFError at its end."""
    line = sys.stdin.buffer.readline()
    if not line:
        raise EOFError
    return msgspec.json.decode(line, type=kind)


def tell(message: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def stamped() -> bytes:
    """A frame that says when it left."""
    return _STAMP.pack(time.time_ns()) + TONE[_STAMP.size :]


def ages_ms(ulaw: bytes, arrived_ns: int) -> Iterator[float]:
    """How old each stamped frame in ``ulaw`` was when it arrived."""
    for at in range(0, len(ulaw) - FRAME_BYTES + 1, FRAME_BYTES):
        age = arrived_ns - _STAMP.unpack_from(ulaw, at)[0]
        if 0 <= age < OLDEST_NS:
            yield age / 1e6
