"""A Piper voice (VITS, ONNX): English, fast enough that its first words leave within 60 ms."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from voices.g711 import Samples
from voices.onnx import load_session


class Piper:
    """Loads at the first use. ``voice`` is the model; its JSON stands beside it."""

    def __init__(self, voice: Path, threads: int) -> None:
        self._path, self._threads = voice, threads

    @cached_property
    def _voice(self) -> Any:
        from piper import PiperVoice
        from piper.config import PiperConfig

        config = PiperConfig.from_dict(json.loads(Path(f"{self._path}.json").read_text("utf-8")))
        return PiperVoice(session=load_session(self._path, self._threads), config=config)

    def say(self, text: str, speed: float) -> tuple[Samples, int]:
        """``(samples, rate)``."""
        from piper.config import SynthesisConfig

        voice = self._voice
        pace = SynthesisConfig(length_scale=(voice.config.length_scale or 1.0) / speed)
        chunks = [np.asarray(chunk.audio_float_array, np.float32) for chunk in voice.synthesize(text, pace)]
        rate = int(voice.config.sample_rate)
        return (np.concatenate(chunks) if chunks else np.zeros(0, np.float32)), rate
