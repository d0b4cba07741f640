"""What callers say as audio: made once for all evaluations, as a voice takes about as long as the sentence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from process.settings import load
from voices import VOICES, g711, synthesize
from voices.models import ModelSettings, models_dir
from voices.pronunciation import pronounced

RATE = 8000
MARGIN_S = 0.25  # of noise before and after a sentence


def folder() -> Path:
    """Where they are kept: ``callers`` beside the speech models."""
    kept = models_dir(load(ModelSettings)).parent / "callers"
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def spoken(text: str, voice: str, noise_db: int | None, kept: Path) -> bytes:
    """µ-law. Read otherwise than before, a sentence is made anew."""
    read = pronounced(text, VOICES[voice].language)
    name = hashlib.sha256(f"{voice}/{noise_db}/{read}".encode()).hexdigest()[:32]
    file = kept / f"{name}.ulaw"
    if not file.exists():
        samples = synthesize(text, voice, RATE)
        noisy = samples if noise_db is None else with_noise(samples, noise_db)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(g711.encode_ulaw(noisy))
        part.rename(file)
    return file.read_bytes()


def with_noise(samples: g711.Samples, db: int) -> g711.Samples:
    """A room under the voice, ``db`` below it: noise with more of the low tones, the same for the same length."""
    margin = np.zeros(int(MARGIN_S * RATE), np.float32)
    voice = np.concatenate((margin, samples, margin))
    white = np.random.default_rng(len(voice)).standard_normal(len(voice))
    room = np.convolve(white, np.ones(6) / 6, "same")
    level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-db / 20)
    mixed: g711.Samples = np.clip(voice + room * level / float(np.sqrt(np.mean(room**2))), -0.95, 0.95).astype(
        np.float32
    )
    return mixed
