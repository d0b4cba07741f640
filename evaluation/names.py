"""Whether two names sound the same: nobody hears how one is written, who does not spell it."""

from __future__ import annotations

from devstack.speech.matching import likeness, sound
from evaluation.questions import folded

NAMES_ALIKE = 0.8


def same_name(found: str, wanted: str) -> bool:
    return likeness(_sounds(found), _sounds(wanted)) >= NAMES_ALIKE


def _sounds(name: str) -> str:
    return sound(folded(name).replace(" ", ""))
