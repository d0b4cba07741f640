"""A sentence as words: folded, with the stem by which two forms of a word are one, and the punctuation before each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from devstack.speech.matching import fold
from domain.number_words import ENGLISH_SMALL, FRENCH_SMALL

_WORDS = re.compile(r"[^\W_]+|%")
_LEAST_STEM = 3  # letters that have to be left
# "Quatre fromages" and "4 fromages" are one; "one" and "un" are articles more often than numbers.
_DIGITS = {word: str(value) for word, value in (ENGLISH_SMALL | FRENCH_SMALL).items() if value > 1}


@dataclass(frozen=True, slots=True)
class Word:
    """``at`` is where it stands in the original text; ``gap`` is the punctuation before it, "" for a space."""

    text: str
    folded: str
    at: int
    gap: str

    @property
    def stem(self) -> str:
        return stem(self.folded)


def words_of(text: str) -> list[Word]:
    found: list[Word] = []
    end = 0
    for match in _WORDS.finditer(text):
        folded = fold(match.group())
        if folded:
            found.append(Word(match.group(), folded, match.start(), text[end : match.start()].strip()))
            end = match.end()
    return found


@lru_cache(maxsize=8192)
def stem(folded: str) -> str:
    """A folded word without the ending of a plural or of a gender: ``dishes`` and ``dish``, ``cuite`` and ``cuit``."""
    if folded.isdigit() or folded in _DIGITS:
        return _DIGITS.get(folded, folded)
    word = folded
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif re.search(r"(?:s|x|ch|sh)es$", word):
        word = word[:-2]
    elif re.search(r"[^s]s$|eaux$", word):
        word = word[:-1]
    bare = word.rstrip("e")
    return bare if len(bare) >= _LEAST_STEM else word if len(word) >= _LEAST_STEM else folded


def stems(folded_words: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(stem, folded_words))
