"""What was heard beside what was said: words wrong, and whether those that an order hangs on were kept.

Pure. Words are compared without accents, numbers as digits. A word of the menu is kept where it sounds alike, since
the agent finds "masaman" as it finds "massaman"; another word has to be the same, but for its ending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from devstack.speech.lexicon import LEXICONS, words
from devstack.speech.matching import fold, sound
from devstack.speech.words import stem
from domain.menu import Menu
from domain.number_words import spoken_numbers
from evaluation.verdict import same_name

_SHORTEST = 3  # letters of a menu's word
_OF_NAMES = words("it s is my name the under please c est je m appelle au nom de mon")


@dataclass(frozen=True, slots=True)
class Mark:
    """``lost`` of the words said, those of the menu (``menu``) and those by which an order is understood
    (``closed``); ``invented`` are words of the menu that nobody said."""

    words: int
    wrong: int
    menu_words: int
    menu_lost: tuple[str, ...]
    closed_lost: tuple[str, ...]
    invented: tuple[str, ...]


def marked(said: str, heard: str, menu: Menu, language: str) -> Mark:
    told, got = words_of(said, language), words_of(heard, language)
    known = menu_words(frozenset(_names(menu)), language)
    sounds = {sound(word) for word in _with_joined(got)}
    stems = {stem(word) for word in _with_joined(got)}
    joined = {stem(left + right): (left, right) for left, right in pairwise(told)}
    of_joined = {word for whole in joined if whole in stems for word in joined[whole]}
    dishes = [word for word in told if stem(word) in known]
    lost = [word for word in dishes if stem(word) not in stems and sound(word) not in sounds and word not in of_joined]
    closed = Counter(word for word in told if word.isdigit() or word in _closed(language))
    closed -= Counter(got)
    said_sounds = {sound(stem(word)) for word in _with_joined(told)} | {sound(word) for word in _with_joined(told)}
    said_stems = {stem(word) for word in _with_joined(told)}
    invented = [
        word for word in got if stem(word) in known and stem(word) not in said_stems and sound(word) not in said_sounds
    ]
    return Mark(len(told), _edits(told, got), len(dishes), tuple(lost), tuple(sorted(closed)), tuple(invented))


def words_of(text: str, language: str) -> list[str]:
    return fold(spoken_numbers(fold(text), language)).split()


def alike(said: str, heard: str, language: str) -> bool:
    """Whether the name said and the one heard are one to the ear, as a call's verdict has it."""
    return same_name(_name_in(heard, language), _name_in(said, language), "audio")


def _name_in(text: str, language: str) -> str:
    """Its words that are no ordinary ones; all of them where there is nothing else."""
    said = fold(text).split()
    return " ".join([word for word in said if word not in LEXICONS[language].known | _OF_NAMES] or said)


@lru_cache(maxsize=32)
def menu_words(names: frozenset[str], language: str) -> frozenset[str]:
    """Stems of the words of a menu's ``names``, those left out that are said anyway."""
    return frozenset(
        stem(word)
        for name in names
        for word in words_of(name, language)
        if len(word) >= _SHORTEST and word not in _closed(language)
    )


def _names(menu: Menu) -> Iterator[str]:
    for item in menu.items:
        yield from (item.name, *item.aliases, *(size.name for size in item.sizes))
        for group in item.modifier_groups:
            for option in group.options:
                yield from (option.name, *option.aliases)


@cache
def _closed(language: str) -> frozenset[str]:
    """Without the words that mean nothing in an order."""
    lexicon = LEXICONS[language]
    return (lexicon.known - lexicon.common) | {"yes", "no", "oui", "non", "pas"}


def _with_joined(said: Sequence[str]) -> list[str]:
    """ "Cheese burger" is "cheeseburger"."""
    return [*said, *(left + right for left, right in pairwise(said))]


def _edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words put in, left out or changed, at the fewest."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]
