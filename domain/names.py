"""Matching what a caller or a model calls a thing with what the menu calls it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from domain.errors import Refused

MAX_SUGGESTIONS = 5
LONGEST_REPEATED = 40  # characters of somebody's words that are said back to them
LONGEST_NUMBER = 20  # characters of a word with a digit in it: a longer one is an id
_SAID = frozenset(" '’-–.,&+%/!?()°½¼¾€$£")  # beside letters and digits
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae", "ø": "o", "Ø": "o"})


def fold(text: str) -> str:
    """Case, accents, ligatures and punctuation taken away: ``Crème brûlée`` and ``creme-brulee`` are equal."""
    spread = unicodedata.normalize("NFKD", text.translate(_LIGATURES)).casefold()
    bare = (c for c in spread if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split())


def closest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """At most five of ``known`` that look like ``name``, best first; none when nothing does."""
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(fold(one), one)
    wanted = fold(name)
    words = set(wanted.split())
    holding = [key for key in folded if words and (words <= set(key.split()) or set(key.split()) <= words)]
    alike = difflib.get_close_matches(wanted, folded, n=MAX_SUGGESTIONS, cutoff=0.6)
    return tuple(folded[key] for key in list(dict.fromkeys(alike + holding))[:MAX_SUGGESTIONS] if key)


def closest_owners(name: str, named: Iterable[tuple[str, Iterable[str]]]) -> tuple[str, ...]:
    """As ``closest`` of ``named`` (name, aliases): by an alias that looks like it, the thing's own name; each once."""
    owners: dict[str, list[str]] = {}
    for own, aliases in named:
        for known in (own, *aliases):
            owners.setdefault(known, []).append(own)
    return tuple(dict.fromkeys(own for known in closest(name, owners) for own in owners[known]))


def is_sayable(text: str) -> bool:
    """Whether a voice could say it: a name in letters and digits, and no emoji, code or id."""
    if any(not (c in _SAID or unicodedata.category(c)[0] in "LMN") for c in text) or "--" in text:
        return False
    return all(len(word) <= LONGEST_NUMBER or word.isalpha() for word in text.split()) and bool(fold(text))


def repeatable(text: str) -> str:
    """``text`` where it can be said back to whoever said it, else ""."""
    return text if len(text) <= LONGEST_REPEATED and is_sayable(text) else ""


def person_name(value: str, limit: int) -> str:
    """``value`` as plain text. Raises Refused ``bad_argument`` for what nobody could call out."""
    clean = plain_text(value, limit, "name")
    if not is_sayable(clean):
        raise Refused("bad_argument", "name must be a person's name, in letters.", ("a name",), "name")
    return clean


def plain_text(value: object, limit: int, field: str) -> str:
    """``value`` as one line of text with its spaces put in order.

    Raises Refused ``bad_argument`` when it is not text, is longer than ``limit`` characters, or holds
    characters that nobody can say or store (control characters, lone surrogates).
    """
    if not isinstance(value, str):
        raise Refused("bad_argument", f"{field} must be a string.", ("string",), field)
    text = " ".join(value.split())
    if len(text) > limit:
        raise Refused("bad_argument", f"{field} must have at most {limit} characters.", (f"at most {limit}",), field)
    if any(unicodedata.category(c) in ("Cc", "Cs", "Cn", "Co") for c in text):
        raise Refused("bad_argument", f"{field} must be plain text without control characters.", ("plain text",), field)
    return text
