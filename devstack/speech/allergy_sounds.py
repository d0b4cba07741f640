"""What somebody is allergic to, where speech-to-text wrote words that only sound so: "veut" for "œufs".

Found among the words for the fourteen allergens, by phonemes. Only what sounds the same is taken; what sounds nearly so
is for a question, since a wrong allergen on an order is as bad as none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from devstack.speech.menu_sounds import distance, phonemes
from domain.allergens import code_of, words_in

ENOUGH = 0.4  # of an allergen's phonemes may be others
CLEARLY = 0.1  # nearer than a word for another allergen
# What an article leaves before a word that begins with a vowel: "aux œufs" is heard as "au zeux", "aux arachides" as
# "osarachide".
_RUN_IN = {"en": ("",), "fr": ("", "z", "oz", "o", "l", "al", "d")}
_VOWELS = "aeiouyøœəɛɔɑ"
# Of the consonant that an article leaves nobody can be sure: "veut" for "z‿œufs".
_LIAISON_COST = 0.3


@dataclass(frozen=True, slots=True)
class Alike:
    """``name`` of an allergen that sounds as what was heard, ``same`` in all its phonemes."""

    name: str
    same: bool


def allergen_like(said: str, language: str) -> Alike | None:
    """The one allergen that ``said`` sounds like; None where there is none, or where it may be several."""
    heard = phonemes(said, language)
    if not heard:
        return None
    scored = sorted((_far(heard, sounds, language), name) for name, sounds in _sounds(language))
    best, name = scored[0]
    others = [far for far, other in scored if code_of(other) != code_of(name)]
    if best > ENOUGH or others[0] - best < CLEARLY:
        return None
    return Alike(name, best == 0)


def _far(heard: str, allergen: str, language: str) -> float:
    """Share of phonemes that are others, at the best way of running in."""
    ways = [distance(heard, run_in + allergen) / len(run_in + allergen) for run_in in _RUN_IN[language]]
    if language == "fr" and allergen[0] in _VOWELS and heard[1:] == allergen:
        ways.append(_LIAISON_COST)
    return min(ways)


@cache
def _sounds(language: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, phonemes(name, language)) for name in words_in(language))
