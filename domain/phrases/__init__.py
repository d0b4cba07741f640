"""The sentences that a caller hears, one file of words per language."""

from __future__ import annotations

from domain.phrases.english import ENGLISH
from domain.phrases.french import FRENCH
from domain.phrases.wording import Wording
from domain.spoken_time import language_of

__all__ = ["Wording", "wording_for"]


def wording_for(language: str) -> Wording:
    """French for ``fr`` and its variants, English for anything else."""
    return FRENCH if language_of(language) == "fr" else ENGLISH
