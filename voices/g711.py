"""G.711 µ-law and A-law by table. ``audioop`` left the standard library in Python 3.13; numpy tables are faster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FULL_SCALE = 32768.0


def _ulaw_tables() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Code to sample, and sample + 32768 to code."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    to_linear = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    sample = np.arange(-32768, 32768, dtype=np.int32)
    biased = np.minimum(np.abs(sample), 32635) + 0x84
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    mantissa = (biased >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    return to_linear, (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def _alaw_tables() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Code to sample, and sample + 32768 to the nearest value's code, so that decoding and encoding are inverse."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code >> 4) & 7
    base = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, base, (base + 0x100) << np.maximum(exponent - 1, 0))
    values = np.where(code & 0x80, magnitude, -magnitude)
    order = np.argsort(values)
    sample = np.arange(-32768, 32768, dtype=np.int32)
    right = np.clip(np.searchsorted(values[order], sample), 1, 255)
    nearer = np.where(sample - values[order][right - 1] < values[order][right] - sample, order[right - 1], order[right])
    return values.astype(np.int16), nearer.astype(np.uint8)


def _decoder(table: NDArray[np.int16]) -> Callable[[bytes], Samples]:
    scaled = (table / _FULL_SCALE).astype(np.float32)

    def decode(data: bytes) -> Samples:
        return scaled[np.frombuffer(data, np.uint8)]

    return decode


def _encoder(table: NDArray[np.uint8]) -> Callable[[Samples], bytes]:
    def encode(samples: Samples) -> bytes:
        return table[to_int16(samples).astype(np.int32) + 32768].tobytes()

    return encode


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Clipped to full scale."""
    return (np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)


def from_int16(samples: NDArray[np.int16]) -> Samples:
    return (samples / _FULL_SCALE).astype(np.float32)


_ULAW_TO_LINEAR, _LINEAR_TO_ULAW = _ulaw_tables()
_ALAW_TO_LINEAR, _LINEAR_TO_ALAW = _alaw_tables()
decode_ulaw = _decoder(_ULAW_TO_LINEAR)
decode_alaw = _decoder(_ALAW_TO_LINEAR)
encode_ulaw = _encoder(_LINEAR_TO_ULAW)
encode_alaw = _encoder(_LINEAR_TO_ALAW)
