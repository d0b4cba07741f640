"""What is on the menu, where French speech-to-text wrote words that only sound so: "bobou nos" for "bò bún aux".

By phonemes, not letters, since the pieces are cut elsewhere. Words that mean something in an order, or are on the menu,
are no reason to look: at least one word has to be strange, and one name has to fit clearly better than all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from devstack.speech.expecting import Expectation
from devstack.speech.lexicon import SIZES, words
from devstack.speech.matching import fold
from devstack.speech.words import Word, stem, words_of
from domain.number_words import FRENCH_SMALL
from voices.kokoro import Phonemizer
from voices.pronunciation import pronounced

LONGEST = 4  # words
ENOUGH = 0.22  # of a name's phonemes may be others
CLEARLY = 0.08  # nearer than the next name
LEAST = 5  # phonemes; a shorter name has to sound the same
_SHORTEST = 2
# What joins a dish and what it is made of, and runs into both: "bò bún aux" is heard as "bobou nos".
_TAILS = {"": "", "aux": "o", "au": "o"}
# What stands beside a name and not in it.
_BESIDE = frozenset(FRENCH_SMALL) | words(
    "un une des du de d la le les l au aux a et ou avec sans pas non pour en sur ce cette mon ma je plus"
)
_SIZE_WORDS = frozenset().union(*SIZES)
_ALIKE = (
    "iy",
    "iɪ",
    "øœəɔo",
    "eɛ",
    "ɑaɔ",
    "bp",
    "dt",
    "ɡk",
    "vf",
    "zs",
    "ʒʃ",
    "sf",
    "nm",
    "wu",
    "yu",
    "\u0303n",
    "\u0303m",
)
_ALIKE_COST = 0.5
_ALIKE_PAIRS = frozenset((one, other) for group in _ALIKE for one in group for other in group)
_TWICE = re.compile(r"(.)\1+")  # nobody says a sound twice where two words meet
_NO_PHONEMES = re.compile(r"[ˈˌː .,!?;:]")


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    sounds: str


def as_on_menu(text: str, expectation: Expectation) -> str:
    """``text`` with the menu's names in place of strange words that sound like one; French alone."""
    if expectation.language != "fr" or not expectation.words or not expectation.listed:
        return text
    names = _names(expectation.listed)
    heard = words_of(text)
    for length in range(min(LONGEST, len(heard)), 0, -1):
        for first in range(len(heard) - length + 1):
            said = heard[first : first + length]
            named = _named(said, expectation, names)
            if named:
                last = said[-1]
                return as_on_menu(text[: said[0].at] + named + text[last.at + len(last.text) :], expectation)
    return text


def _named(said: Sequence[Word], expectation: Expectation, names: Sequence[_Name]) -> str:
    """The name that ``said`` is heard of; "" where no word of it is strange, or none fits."""
    strange = [word for word in said if _is_strange(word, expectation)]
    edges = {said[0].folded, said[-1].folded}
    if not strange or edges & _BESIDE or any(word.gap for word in said[1:]):
        return ""
    if any(word.folded.isdigit() for word in said):
        return ""
    if not (_is_strange(said[0], expectation) or _is_strange(said[-1], expectation)):
        return ""
    heard = _TWICE.sub(r"\1", phonemes(" ".join(word.text for word in said)))
    if len(heard) < _SHORTEST:
        return ""
    scored = sorted(_distances(heard, names, whole=len(strange) == len(said)))
    if not scored:
        return ""
    best, name, named = scored[0]
    others = [far for far, other, _ in scored if other != name]
    return named if not others or others[0] - best >= CLEARLY else ""


def _distances(heard: str, names: Sequence[_Name], *, whole: bool) -> Iterator[tuple[float, str, str]]:
    """How far each name is that fits, the name, and what to write for it."""
    for name in names:
        for tail, sounds in _TAILS.items():
            wanted = name.sounds + sounds
            if len(name.sounds) < LEAST:
                if whole and not tail and heard == wanted:
                    yield 0.0, name.text, name.text
            elif abs(len(heard) - len(wanted)) <= ENOUGH * len(wanted):
                far = distance(heard, wanted) / len(wanted)
                if far <= ENOUGH:
                    yield far, name.text, f"{name.text} {tail}".strip()


def _is_strange(word: Word, expectation: Expectation) -> bool:
    return word.folded not in expectation.words and stem(word.folded) not in expectation.words


@lru_cache(maxsize=64)
def _names(listed: tuple[str, ...]) -> tuple[_Name, ...]:
    """Of those that sound the same the last: what things are called on the menu stands behind what else they are."""
    own = {phonemes(name): name for name in listed if fold(name) not in _SIZE_WORDS}
    return tuple(_Name(name, sounds) for sounds, name in own.items())


@cache
def _phonemizer() -> Phonemizer:
    return Phonemizer()


@lru_cache(maxsize=4096)
def phonemes(text: str, language: str = "fr") -> str:
    """IPA without stress, length and spaces; foreign names as the language's respelling table has them said. A nasal
    vowel is the vowel with its tilde."""
    return _NO_PHONEMES.sub("", _phonemizer().phonemes(pronounced(text, language), language))


def distance(heard: str, name: str) -> float:
    """Phonemes put in, left out or changed, at the fewest; one for a like one counts half."""
    row = [float(at) for at in range(len(name) + 1)]
    for at, sound in enumerate(heard, 1):
        before, row[0] = row[0], float(at)
        for place, other in enumerate(name, 1):
            cost = 0.0 if sound == other else _ALIKE_COST if (sound, other) in _ALIKE_PAIRS else 1.0
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + cost)
    return row[-1]
