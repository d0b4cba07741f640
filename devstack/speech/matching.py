"""How alike two names sound, roughly: speech-to-text spells the words of a menu in many ways."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "%": " percent "})

# Spellings of one sound brought to one form, in order. Shared by both languages: menus mix them anyway.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"eaux?|aux?$|au", "o"),
        (r"ph", "f"),
        (r"qu|ck|q", "k"),
        (r"tch|sch|sh", "ch"),
        (r"c(?=[eiy])", "s"),
        (r"c(?!h)", "k"),
        (r"x", "ks"),
        (r"gn", "n"),
        (r"gh", "g"),
        (r"(?<![cs])h", ""),
        (r"z", "s"),
        (r"y|ee|ea|ie", "i"),
        (r"oo|ou", "u"),
        (r"ai|ei|ae|oe", "e"),
        (r"w", "v"),
        (r"(.)\1+", r"\1"),
        (r"(?<=\w\w)(?:es|s|e)$", ""),
    )
)


def fold(text: str) -> str:
    """Lower case, no accents, ligatures opened, everything but letters and digits a single space."""
    spread = unicodedata.normalize("NFKD", text.lower().translate(_LIGATURES))
    bare = "".join(character for character in spread if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare).split())


@lru_cache(maxsize=8192)
def sound(word: str) -> str:
    """A folded word by its sounds: ``pepperoni``, ``peperoni`` and ``pepperonis`` are one."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(maxsize=65536)
def likeness(heard: str, name: str) -> float:
    """0 to 1, between two sound strings. A wrong first sound counts double: it is what hearing gets right."""
    if heard == name:
        return 1.0
    if not heard or not name or abs(len(heard) - len(name)) > max(2, len(name) // 3):
        return 0.0
    matcher = SequenceMatcher(None, heard, name, autojunk=False)
    if matcher.quick_ratio() < 0.7:
        return 0.0
    return matcher.ratio() - (0.05 if heard[0] != name[0] else 0.0)
