"""The protocol's audio formats: bytes on the wire to float samples and back. Inside, caller audio is always 8 kHz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr  # type: ignore[import-untyped]

from voices import g711
from voices.g711 import Samples

INPUT_RATE = 8000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One of ``audio/pcmu`` and ``audio/pcma`` (8 kHz, a byte a sample) and ``audio/pcm`` (24 kHz, s16le)."""

    type: str
    rate: int
    bytes_per_sample: int

    def duration_ms(self, byte_count: int) -> int:
        return byte_count * 1000 // (self.rate * self.bytes_per_sample)

    def encode(self, samples: Samples) -> bytes:
        """``samples`` at this format's rate."""
        if self.type == "audio/pcmu":
            return g711.encode_ulaw(samples)
        if self.type == "audio/pcma":
            return g711.encode_alaw(samples)
        return g711.to_int16(samples).astype("<i2").tobytes()


_PCMU = AudioFormat("audio/pcmu", 8000, 1)
_PCMA = AudioFormat("audio/pcma", 8000, 1)
_PCM = AudioFormat("audio/pcm", 24000, 2)
FORMATS = {known.type: known for known in (_PCMU, _PCMA, _PCM)}


class InputDecoder:
    """A stream of appended bytes to 8 kHz samples. An odd byte of a 16-bit stream waits for its other half."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format = audio_format
        same = audio_format.rate == INPUT_RATE
        self._stream = None if same else soxr.ResampleStream(audio_format.rate, INPUT_RATE, 1, dtype="float32")
        self._half = b""

    def decode(self, data: bytes) -> Samples:
        if self.format.type == "audio/pcmu":
            return g711.decode_ulaw(data)
        if self.format.type == "audio/pcma":
            return g711.decode_alaw(data)
        whole = self._half + data
        even = len(whole) & ~1
        self._half = whole[even:]
        samples = g711.from_int16(np.frombuffer(whole[:even], "<i2"))
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples)
        return resampled
