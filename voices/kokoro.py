"""Kokoro-82M (ONNX, int8): English and French, natural, about a third of real time on two cores."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np

from voices.espeak import Phonemizer
from voices.g711 import Samples
from voices.onnx import load_session

RATE = 24000
MAX_TOKENS = 510


class Kokoro:
    """Loads at the first use."""

    def __init__(self, model: Path, vocabulary: Path, voices_dir: Path, threads: int) -> None:
        self._model, self._voices_dir, self._threads = model, voices_dir, threads
        self._symbols: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self._styles: dict[str, Samples] = {}

    @cached_property
    def _session(self) -> object:
        return load_session(self._model, self._threads)

    @cached_property
    def _phonemizer(self) -> Phonemizer:
        return Phonemizer()

    def say(self, text: str, voice: str, language: str, speed: float) -> tuple[Samples, int]:
        """``(samples, rate)``. Raises KeyError naming the voice when its file is missing."""
        phonemes = self._phonemizer.phonemes(text, language)
        tokens = [self._symbols[symbol] for symbol in phonemes if symbol in self._symbols][:MAX_TOKENS]
        if not tokens:
            return np.zeros(0, np.float32), RATE
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": self._style(voice)[len(tokens) - 1].reshape(1, 256),
            "speed": np.array([speed], np.float32),
        }
        audio: Samples = self._session.run(None, inputs)[0].ravel()  # type: ignore[attr-defined]
        return audio, RATE

    def _style(self, voice: str) -> Samples:
        if voice not in self._styles:
            path = self._voices_dir / f"{voice}.bin"
            if not path.is_file():
                raise KeyError(f"no voice file {voice}.bin in {self._voices_dir}; set KOKORO_VOICES_DIR to where it is")
            self._styles[voice] = np.fromfile(path, "<f4").reshape(-1, 256)
        return self._styles[voice]
