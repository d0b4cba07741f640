"""Between a line's PCM of any rate and the session's µ-law at 8 kHz."""

import audioop
from typing import Any

RATE = 8_000


class Downsampler:
    """To µ-law. Halves the rate by averaging pairs of samples while it can, which also filters most of what would
    fold back into the telephone band; the rest (12 kHz, 11,025 Hz) is interpolated."""

    def __init__(self, rate: int) -> None:
        self._halvings = 0
        while rate // 2 >= RATE:
            rate //= 2
            self._halvings += 1
        self._rate = rate
        self._state: Any = None
        self._rest = b""
        self._unit = 2 << self._halvings  # bytes that become one sample

    def ulaw(self, pcm: bytes) -> bytes:
        """At any length; what does not fill a sample waits for the next call."""
        audio = self._rest + pcm
        whole = len(audio) - len(audio) % self._unit
        self._rest, audio = audio[whole:], audio[:whole]
        for _ in range(self._halvings):
            audio = audioop.tomono(audio, 2, 0.5, 0.5)  # pairs of samples, taken for left and right
        if self._rate != RATE:
            audio, self._state = audioop.ratecv(audio, 2, 1, self._rate, RATE, self._state)
        return audioop.lin2ulaw(audio, 2)


class Upsampler:
    """From µ-law, interpolating."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._state: Any = None

    def pcm(self, ulaw: bytes) -> bytes:
        pcm = audioop.ulaw2lin(ulaw, 2)
        if self._rate != RATE:
            pcm, self._state = audioop.ratecv(pcm, 2, 1, RATE, self._rate, self._state)
        return pcm
