"""Clauses that were synthesized before: an assistant says the same few dozen all day."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voices import g711
from voices.g711 import Samples

MAX_BYTES = 32 << 20  # about eleven minutes of speech at 24 kHz


@dataclass(frozen=True, slots=True)
class Clip:
    """One clause as audio, kept in 16 bits."""

    pcm: NDArray[np.int16]
    rate: int

    @property
    def samples(self) -> Samples:
        return g711.from_int16(self.pcm)


class ClipCache:
    """Least recently used out first, bounded in bytes. Safe between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._clips: OrderedDict[tuple[str, str, float], Clip] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str, float]) -> Clip | None:
        with self._lock:
            clip = self._clips.get(key)
            if clip is not None:
                self._clips.move_to_end(key)
            return clip

    def put(self, key: tuple[str, str, float], clip: Clip) -> None:
        if clip.pcm.nbytes > self._max_bytes:
            return
        with self._lock:
            known = self._clips.pop(key, None)
            self._bytes += clip.pcm.nbytes - (known.pcm.nbytes if known else 0)
            self._clips[key] = clip
            while self._bytes > self._max_bytes:
                self._bytes -= self._clips.popitem(last=False)[1].pcm.nbytes
