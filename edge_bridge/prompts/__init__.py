"""What the bridge can say by itself: G.711 µ-law at 8 kHz, rendered ahead, part of the package.

Made by ``python -m devstack.speech.render_prompts``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LANGUAGES = ("en", "fr")
NAMES = (
    *("greeting", "greeting_recorded", "one_moment", "busy", "unavailable", "closed", "goodbye", "hold"),
    *("putting_through", "nobody_answers", "cannot_serve", "call_back"),
    *("leave_message", "beep", "ringback"),
)
FALLBACK_LANGUAGE = "en"
# What "greeting" and "greeting_recorded" say: the handler's model has to know what the caller has heard.
GREETING_TEXTS = {
    "en": "Hello! This is the restaurant's AI assistant. How can I help you?",
    "fr": "Bonjour ! Ici l'assistant IA du restaurant. Que puis-je faire pour vous ?",
}
RECORDED_GREETING_TEXTS = {
    "en": "Hello! This is the restaurant's AI assistant. This call is recorded. How can I help you?",
    "fr": "Bonjour ! Ici l'assistant IA du restaurant. Cet appel est enregistré. Je vous écoute.",
}


@cache
def prompt(language: str, name: str) -> bytes:
    """The sound called ``name`` (one of NAMES) in ``language`` (one of LANGUAGES): raw µ-law, 8,000 bytes a second.

    Raises KeyError, with what there is, for another language or name.
    """
    if language not in LANGUAGES or name not in NAMES:
        raise KeyError(f"no prompt {language}/{name}: languages {', '.join(LANGUAGES)}; names {', '.join(NAMES)}")
    return (Path(__file__).parent / language / f"{name}.ulaw").read_bytes()


def spoken_language(language: str) -> str:
    """``language``, or English where there is no prompt in it."""
    return language if language in LANGUAGES else FALLBACK_LANGUAGE


def preload() -> None:
    """Read every prompt once, so that no call waits for the disk."""
    for language in LANGUAGES:
        for name in NAMES:
            prompt(language, name)
