"""A reply in clauses: where to cut it, so that its first words are heard early, and a cache of clips."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voices import g711
from voices.g711 import Samples

SHORTEST = 14  # characters: a shorter clause sounds chopped and costs a model run of its own
LONGEST = 160  # Kokoro's memory grows with the clause, and its limit is 510 phonemes
MAX_BYTES = 32 << 20  # of cached clips: about eleven minutes of speech at 24 kHz

_AFTER_PUNCTUATION = re.compile(r"(?<=[.!?;:,…])\s+")
_SENTENCE_END = (".", "!", "?", "…")


def clauses(text: str) -> list[str]:
    """``text`` in the pieces to synthesize, in order; a sentence's end always ends a piece."""
    pieces: list[str] = []
    current = ""
    for part in _AFTER_PUNCTUATION.split(text.strip()):
        current = f"{current} {part}".strip()
        if current.endswith(_SENTENCE_END) or len(current) >= SHORTEST:
            pieces.extend(_shorter(current))
            current = ""
    return [*pieces, *_shorter(current)] if current else pieces


def _shorter(clause: str) -> list[str]:
    pieces: list[str] = []
    while len(clause) > LONGEST:
        cut = clause.rfind(" ", 0, LONGEST)
        cut = cut if cut > 0 else LONGEST
        pieces.append(clause[:cut])
        clause = clause[cut:].strip()
    return [*pieces, clause]


@dataclass(frozen=True, slots=True)
class Clip:
    """One clause as audio, kept in 16 bits."""

    pcm: NDArray[np.int16]
    rate: int

    @property
    def samples(self) -> Samples:
        return g711.from_int16(self.pcm)


class ClipCache:
    """Clauses that were synthesized before: an assistant says the same few dozen all day.

    Least recently used out first, bounded in bytes. Safe between threads.
    """

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
