"""A name spelled letter by letter: ``Z, E, D``, ``Z for zebra, E for echo``, ``A, double N, A``, ``deux L``.

Where a word is named for each letter, the word tells it, for letters get lost on a telephone line: "elle comme Louis"
is an L, "you for uncle" a U, and "est-ce que le François" was "F comme François".
"""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import words
from devstack.speech.matching import fold

LEAST_LETTERS = 2
_AS_IN = re.compile(r"\b(?:for|as in|like|as|comme)\s+\w{2,}", re.IGNORECASE)
_BY_WORD = re.compile(
    r"(?:\b(?P<twice>double|two|deux) )?(?:\b(?P<letter>\w)\b,? )?(?:\bfor|\bas in|\blike|\bas|\bcomme),? "
    r"(?P<word>[^\W\d_]+)",
    re.IGNORECASE,
)
# What people name for a letter, alphabets of the telephone and first names.
_ALPHABET = words(
    "alpha bravo charlie delta david echo edward foxtrot freddie golf george hotel harry india juliet jack kilo "
    "king lima mike mother november oscar papa peter quebec queen romeo robert sierra sugar tango tommy uniform "
    "uncle victor whiskey william xray yankee yellow zulu zebra anatole antoine berthe bernard celestin camille "
    "caroline desire daniel eugene emile francois gaston gerard henri irma isabelle joseph jacques kleber louis "
    "marcel marie nicolas karine olivier pierre quintal raoul suzanne sophie therese thomas ursule washington "
    "xavier yvonne zoe"
)
# Letters that are written for one sound; there the letter is asked, and not its word.
_WRITTEN_ALIKE = tuple(map(frozenset, ("ckqs", "gj", "iy", "fp", "vw", "ha", "he", "hi", "ho", "hu")))
_DOUBLED = re.compile(r"\b(?:double|two|deux)\s+(\w)(?:'?s)?\b", re.IGNORECASE)
_LETTER_NAMES = {"zed": "z", "zee": "z", "bee": "b", "cee": "c", "dee": "d", "jay": "j", "kay": "k", "zede": "z"}
_W = re.compile(r"\bdouble (?:u|you|v)\b", re.IGNORECASE)
_Y = re.compile(r"\bi grec(?:que)?\b", re.IGNORECASE)
_APOSTROPHES = re.compile(r"(?<=\w)['’](?=\w{1,2}\b)")  # "it's", "c'est": no letters by themselves
_PARTS = re.compile(r"[,.;:?!]+")


def spelled(text: str, least: int = LEAST_LETTERS) -> str:
    """The name that the last letters of ``text`` spell, with its first letter large; "" where fewer than ``least``
    are said in a row. What is named before it is spelled (``Bob, B O B``) is the same name."""
    text = _APOSTROPHES.sub("", text)
    with_words = _by_words(text, strictly=least > LEAST_LETTERS)
    if len(with_words) >= least:
        return with_words.capitalize()
    plain = _DOUBLED.sub(r"\1 \1", _AS_IN.sub(" ", text))
    letters: list[str] = []
    for word in reversed(re.findall(r"\w+", plain)):
        letter = word if len(word) == 1 and word.isalpha() else _LETTER_NAMES.get(fold(word), "") if letters else ""
        if not letter:
            break
        letters.append(letter)
    return "".join(reversed(letters)).capitalize() if len(letters) >= least else ""


def _by_words(text: str, *, strictly: bool) -> str:
    """Folded; "" unless two letters or more have their words, and nothing among them is neither. ``strictly``: each
    word has its letter, for "a salad for Anna" spells nothing."""
    letters, of_words = "", 0
    for part in filter(None, map(str.strip, _PARTS.split(_W.sub("w", _Y.sub("y", text))))):
        pairs = list(_BY_WORD.finditer(part))
        if strictly and not all(pair["letter"] for pair in pairs):
            return ""
        named = "".join(_letter(pair) * (2 if pair["twice"] else 1) for pair in pairs)
        of_words += bool(named)
        last = fold(part).split()[-1:]
        told = named or "".join(one[0] for one in last if one in _ALPHABET or len(fold(part)) == 1)
        if letters and not told:
            return ""
        letters += told
    return letters if of_words >= LEAST_LETTERS else ""


def _letter(named: re.Match[str]) -> str:
    said, first = fold(named["letter"] or ""), fold(named["word"])[:1]
    return said if any({said, first} == alike or {said, first} < alike for alike in _WRITTEN_ALIKE if said) else first


def is_unsure(name: str) -> bool:
    """One letter is more often what was heard of a longer name."""
    return len(fold(name)) < LEAST_LETTERS
