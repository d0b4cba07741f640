"""G.711 µ-law and A-law by table. ``audioop`` left the standard library in Python 3.13; numpy tables are faster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

ULAW_SILENCE = 0xFF
_FULL_SCALE = 32768.0


def _ulaw_to_linear() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _linear_to_ulaw() -> NDArray[np.uint8]:
    """Indexed by sample + 32768."""
    sample = np.arange(-32768, 32768, dtype=np.int32)
    biased = np.minimum(np.abs(sample), 32635) + 0x84
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    mantissa = (biased >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code


def _alaw_to_linear() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code >> 4) & 7
    base = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, base, (base + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _linear_to_alaw() -> NDArray[np.uint8]:
    """Indexed by sample + 32768: the code whose value is nearest, so that decoding and encoding are inverse."""
    values = _ALAW_TO_LINEAR.astype(np.int32)
    order = np.argsort(values)
    sample = np.arange(-32768, 32768, dtype=np.int32)
    right = np.clip(np.searchsorted(values[order], sample), 1, 255)
    nearer = np.where(sample - values[order][right - 1] < values[order][right] - sample, order[right - 1], order[right])
    return nearer.astype(np.uint8)


_ULAW_TO_LINEAR = _ulaw_to_linear()
_LINEAR_TO_ULAW = _linear_to_ulaw()
_ALAW_TO_LINEAR = _alaw_to_linear()
_LINEAR_TO_ALAW = _linear_to_alaw()


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


decode_ulaw = _decoder(_ULAW_TO_LINEAR)
decode_alaw = _decoder(_ALAW_TO_LINEAR)
encode_ulaw = _encoder(_LINEAR_TO_ULAW)
encode_alaw = _encoder(_LINEAR_TO_ALAW)
