"""24 kHz speech to telephone audio by a filter of our own.

soxr does it better than anyone can hear, but with numpy it is 70 MB in every function's image. miniaudio (1 MB) takes
only 10 dB off a tone of 5 kHz, which is then heard at 3 kHz; this filter takes off 59. ``audioop.ratecv`` has none.
A second of audio costs some 80 ms, in a thread; a greeting is rendered when its text changes.
"""

from __future__ import annotations

import audioop
import math
import sys
from array import array
from operator import mul

from protocols.media import SAMPLE_RATE_HZ

SPEECH_RATE_HZ = 24_000
SAMPLE_BYTES = 2
STEP = SPEECH_RATE_HZ // SAMPLE_RATE_HZ
CUTOFF_HZ = 3_650  # −6 dB; a telephone's band ends at 3.4 kHz, and what is above 4 kHz would be heard as something else
TAP_COUNT = 121  # a Hamming window of this length falls by 53 dB within ±330 Hz, below µ-law's own noise
LOUDEST = 32_767


def _low_pass() -> tuple[float, ...]:
    """The taps of a windowed-sinc low-pass filter; their sum is 1."""
    middle = TAP_COUNT // 2
    width = 2 * CUTOFF_HZ / SPEECH_RATE_HZ
    taps = []
    for index in range(TAP_COUNT):
        turn = math.pi * width * (index - middle)
        sinc = math.sin(turn) / turn if turn else 1.0
        taps.append(sinc * (0.54 - 0.46 * math.cos(2 * math.pi * index / (TAP_COUNT - 1))))
    return tuple(tap / sum(taps) for tap in taps)


TAPS = _low_pass()


def to_ulaw(pcm: bytes) -> bytes:
    """24 kHz signed 16-bit little-endian mono to 8 kHz µ-law; half a sample at the end is dropped."""
    samples = array("h", pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES])
    if sys.byteorder == "big":
        samples.byteswap()
    silence = array("h", bytes(TAP_COUNT // 2 * SAMPLE_BYTES))
    padded = silence + samples + silence
    narrow = array("h")
    for start in range(0, len(samples), STEP):
        sample = round(sum(map(mul, padded[start : start + TAP_COUNT], TAPS)))
        narrow.append(max(-LOUDEST, min(LOUDEST, sample)))
    return audioop.lin2ulaw(narrow.tobytes(), SAMPLE_BYTES)
