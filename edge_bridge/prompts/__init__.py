"""What the bridge can say by itself: G.711 µ-law at 8 kHz, rendered ahead, part of the package.

Made by ``python -m devstack.speech.render_prompts``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LANGUAGES = ("en", "fr")
NAMES = ("greeting", "one_moment", "busy", "unavailable", "goodbye", "hold", "leave_message", "beep")


@cache
def prompt(language: str, name: str) -> bytes:
    """The sound called ``name`` (one of NAMES) in ``language`` (one of LANGUAGES): raw µ-law, 8,000 bytes a second.

    Raises KeyError, with what there is, for another language or name.
    """
    if language not in LANGUAGES or name not in NAMES:
        raise KeyError(f"no prompt {language}/{name}: languages {', '.join(LANGUAGES)}; names {', '.join(NAMES)}")
    return (Path(__file__).parent / language / f"{name}.ulaw").read_bytes()
