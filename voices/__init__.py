"""Text to speech: which voices there are, which engine and language each has, and ``synthesize`` for one recording."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import soxr  # type: ignore[import-untyped]

from process.settings import load
from voices import g711, models
from voices.clauses import Clip, ClipCache, clauses
from voices.g711 import Samples
from voices.kokoro import Kokoro
from voices.piper import Piper
from voices.pronunciation import pronounced

LEVEL_DBFS = -20.0  # loudness of speech on a telephone line, as RMS of what is not silence
PEAK = 0.9
_QUIET = 0.01
_MARGIN_S = 0.03
_PAUSE_S = {",": 0.08, ";": 0.12, ":": 0.12}
_SENTENCE_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    language: str
    engine: Literal["piper", "kokoro"]


VOICES = {
    voice.name: voice
    for voice in (
        Voice("joe", "en", "piper"),
        Voice("af_heart", "en", "kokoro"),
        Voice("am_michael", "en", "kokoro"),
        Voice("ff_siwis", "fr", "kokoro"),
    )
}
DEFAULT_VOICES = {"en": "joe", "fr": "ff_siwis"}


def find_voice(name: str, language: str) -> Voice:
    """The voice called ``name``; for any other name (``marin``, ``alloy``…) the language's default."""
    return VOICES.get(name) or VOICES[DEFAULT_VOICES.get(language, "joe")]


class Voices:
    """All voices of one process. ``say`` runs a model: call it from one worker thread at a time."""

    def __init__(self, paths: models.ModelPaths, threads: int) -> None:
        self._piper = Piper(paths.piper_voice, threads)
        self._kokoro = Kokoro(paths.kokoro_model, paths.kokoro_vocabulary, paths.kokoro_voices_dir, threads)
        self._cache = ClipCache()
        self._speaking = threading.Lock()

    def warm_up(self) -> None:
        """Load each engine, so that the first caller does not wait for it."""
        self.say("Hello.", VOICES["joe"])
        self.say("Bonjour.", VOICES["ff_siwis"])

    def known(self, clause: str, voice: Voice, speed: float = 1.0) -> Clip | None:
        """What ``say`` has made of it before, if that is kept."""
        return self._cache.get((voice.name, clause, speed))

    def say(self, clause: str, voice: Voice, speed: float = 1.0) -> Clip:
        """One clause (see ``clauses``), loudness levelled, its pause included; from the cache when it can."""
        key = (voice.name, clause, speed)
        known = self.known(clause, voice, speed)
        if known is not None:
            return known
        text = pronounced(clause, voice.language)
        with self._speaking:
            if voice.engine == "piper":
                samples, rate = self._piper.say(text, speed)
            else:
                samples, rate = self._kokoro.say(text, voice.name, voice.language, speed)
        pause_s = _PAUSE_S.get(clause[-1:], _SENTENCE_PAUSE_S)
        pause = np.zeros(int(pause_s * rate), np.float32)
        clip = Clip(g711.to_int16(np.concatenate((_levelled(_trimmed(samples, rate)), pause))), rate)
        self._cache.put(key, clip)
        return clip

    def stream(self, text: str, voice: Voice, rate: int, speed: float = 1.0) -> Iterator[Samples]:
        """Clause by clause, at ``rate``."""
        for clause in clauses(text):
            clip = self.say(clause, voice, speed)
            yield resample(clip.samples, clip.rate, rate)


def resample(samples: Samples, rate: int, to_rate: int) -> Samples:
    """A whole recording, from ``rate`` to ``to_rate``."""
    if rate == to_rate or not len(samples):
        return samples
    resampled: Samples = soxr.resample(samples, rate, to_rate)
    return resampled


def synthesize(text: str, voice: str, rate: int = 8000, speed: float = 1.0) -> Samples:
    """Speech as float32 samples in [-1, 1] at ``rate``.

    Raises KeyError for an unknown voice, ModelError without models.
    """
    if voice not in VOICES:
        raise KeyError(f"no voice {voice!r}; there are {', '.join(VOICES)}")
    pieces = list(_shared_voices().stream(text, VOICES[voice], rate, speed))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def synthesize_ulaw(text: str, voice: str, speed: float = 1.0) -> bytes:
    """The same as G.711 µ-law at 8 kHz."""
    return g711.encode_ulaw(synthesize(text, voice, 8000, speed))


@cache
def _shared_voices() -> Voices:
    settings = load(models.ModelSettings)
    return Voices(models.locate(settings), settings.speech_threads)


def _trimmed(samples: Samples, rate: int) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if not len(loud):
        return samples
    margin = int(_MARGIN_S * rate)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def _levelled(samples: Samples) -> Samples:
    loud = samples[np.abs(samples) > _QUIET]
    if not len(loud):
        return samples
    gain = 10 ** (LEVEL_DBFS / 20) / float(np.sqrt(np.mean(loud**2)))
    levelled: Samples = np.clip(samples * gain, -PEAK, PEAK).astype(np.float32)
    return levelled
