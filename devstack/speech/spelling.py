"""A name spelled letter by letter: ``Z, E, D``, ``Z for zebra, E for echo``, ``A, double N, A``, ``deux L``."""

from __future__ import annotations

import re

from devstack.speech.matching import fold

LEAST_LETTERS = 2
_AS_IN = re.compile(r"\b(?:for|as in|like|as|comme)\s+\w{2,}", re.IGNORECASE)
_DOUBLED = re.compile(r"\b(?:double|two|deux)\s+(\w)(?:'?s)?\b", re.IGNORECASE)
_LETTER_NAMES = {"zed": "z", "zee": "z", "bee": "b", "cee": "c", "dee": "d", "jay": "j", "kay": "k", "zede": "z"}
_APOSTROPHES = re.compile(r"(?<=\w)['’](?=\w{1,2}\b)")  # "it's", "c'est": no letters by themselves


def spelled(text: str, least: int = LEAST_LETTERS) -> str:
    """The name that the last letters of ``text`` spell, with its first letter large; "" where fewer than ``least``
    are said in a row. What is named before it is spelled (``Bob, B O B``) is the same name."""
    plain = _DOUBLED.sub(r"\1 \1", _AS_IN.sub(" ", _APOSTROPHES.sub("", text)))
    letters: list[str] = []
    for word in reversed(re.findall(r"\w+", plain)):
        letter = word if len(word) == 1 and word.isalpha() else _LETTER_NAMES.get(fold(word), "") if letters else ""
        if not letter:
            break
        letters.append(letter)
    return "".join(reversed(letters)).capitalize() if len(letters) >= least else ""


def is_unsure(name: str) -> bool:
    """One letter is more often what was heard of a longer name."""
    return len(fold(name)) < LEAST_LETTERS
