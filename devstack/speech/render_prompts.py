"""``python -m devstack.speech.render_prompts``: the edge bridge's own sentences and tones as 8 kHz µ-law files.

Run it after changing a sentence here, and commit what it writes to ``edge_bridge/prompts``. The bridge plays the
files as they are: it has no voice of its own, and must be able to speak when everything else is down.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import edge_bridge
from voices import LEVEL_DBFS, g711, synthesize
from voices.g711 import Samples

RATE = 8000
VOICES = {"en": "af_heart", "fr": "ff_siwis"}
LEAD_S = 0.1  # so that the first syllable survives a jitter buffer that is still filling

SENTENCES = {
    "en": {
        "greeting": "Hello! This is the restaurant's AI assistant. How can I help you?",
        "greeting_recorded": (
            "Hello! This is the restaurant's AI assistant. This call is recorded. How can I help you?"
        ),
        "one_moment": "One moment, please.",
        "busy": "All our lines are busy at the moment. Please call back in a few minutes.",
        "unavailable": "We can't take your call right now. Please try again later.",
        "goodbye": "Thank you for calling. Goodbye!",
        "hold": "Please hold the line, we'll be right with you.",
        "cannot_serve": "We can't take your call right now.",
        "call_back": (
            "We can't take your call now. The restaurant sees your number and can call you back, "
            "or please try again soon."
        ),
        "leave_message": "Please leave your name, your number and a short message after the tone.",
        "closed": "We are closed at the moment.",
        "putting_through": "One moment, I'm putting you through.",
        "nobody_answers": "I'm sorry, nobody is answering there.",
    },
    "fr": {
        "greeting": "Bonjour ! Ici l'assistant IA du restaurant. Que puis-je faire pour vous ?",
        "greeting_recorded": "Bonjour ! Ici l'assistant IA du restaurant. Cet appel est enregistré. Je vous écoute.",
        "one_moment": "Un instant, s'il vous plaît.",
        "busy": "Toutes nos lignes sont occupées. Merci de rappeler dans quelques minutes.",
        "unavailable": "Nous ne pouvons pas prendre votre appel. Merci de rappeler plus tard.",
        "goodbye": "Merci de votre appel. Au revoir !",
        "hold": "Ne quittez pas, nous sommes à vous tout de suite.",
        "cannot_serve": "Nous ne pouvons pas prendre votre appel.",
        "call_back": (
            "Nous ne pouvons pas vous répondre. Le restaurant voit votre numéro et peut vous rappeler, "
            "ou rappelez plus tard."
        ),
        "leave_message": "Laissez votre nom, votre numéro et un court message après le bip.",
        "closed": "Nous sommes fermés en ce moment.",
        "putting_through": "Un instant, je vous passe quelqu'un.",
        "nobody_answers": "Désolé, personne ne répond.",
    },
}
# ITU-T E.180's national ringing tones: frequencies in Hz, seconds on and off.
RINGBACK = {"en": ((440.0, 480.0), 2.0, 4.0), "fr": ((440.0,), 1.5, 3.5)}
RINGBACK_BELOW_SPEECH_DB = 6.0
BEEP_HZ = 1000.0
BEEP_S = 0.4
BEEP_FADE_S = 0.01


def beep() -> Samples:
    return tone((BEEP_HZ,), BEEP_S, LEVEL_DBFS)


def ringback(language: str) -> Samples:
    """One period of what a caller hears while a phone rings."""
    frequencies, on_s, off_s = RINGBACK[language]
    rings = tone(frequencies, on_s, LEVEL_DBFS - RINGBACK_BELOW_SPEECH_DB)
    return np.concatenate((rings, np.zeros(int(off_s * RATE), np.float32)))


def tone(frequencies: tuple[float, ...], seconds: float, level_dbfs: float) -> Samples:
    """Sines, together at ``level_dbfs``, faded so that they don't click."""
    at = np.arange(int(seconds * RATE)) / RATE
    fade = np.minimum(1.0, np.minimum(at, seconds - at) / BEEP_FADE_S)
    sines = np.sum([np.sin(2 * np.pi * hertz * at) for hertz in frequencies], axis=0) / np.sqrt(len(frequencies))
    made: Samples = (sines * fade * 10 ** (level_dbfs / 20) * np.sqrt(2)).astype(np.float32)
    return made


def render(directory: Path) -> int:
    """Write every file under ``directory``/<language>; the number of bytes written."""
    written = 0
    lead = np.zeros(int(LEAD_S * RATE), np.float32)
    for language, sentences in SENTENCES.items():
        (directory / language).mkdir(parents=True, exist_ok=True)
        sounds = {name: synthesize(text, VOICES[language], RATE) for name, text in sentences.items()}
        sounds |= {"beep": beep(), "ringback": ringback(language)}
        for name, samples in sounds.items():
            data = g711.encode_ulaw(np.concatenate((lead, samples)))
            written += (directory / language / f"{name}.ulaw").write_bytes(data)
            print(f"{language}/{name}.ulaw {len(data) / RATE:.1f} s")
    return written


def main() -> int:
    render(Path(edge_bridge.__path__[0]) / "prompts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
