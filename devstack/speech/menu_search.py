"""A menu that is too long for the instructions: what ``search_menu`` has told of it, and what to look up next.

The tool's results hold each dish's lines as the instructions would have them, so that what was found is read like a
menu that stands there. Every part of a sentence that may name a dish is looked up before it is understood: of what was
found for another sentence nobody knows whether it is all that is called so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold

SEARCH_MENU = "search_menu"
MOST_LOOKED_UP = 6  # parts of one sentence
_PARTS = re.compile(r"[,.;:!?]|\b(?:and|plus|then|with|et|puis|avec|ou|or)\b", re.IGNORECASE)
_GROUP = re.compile(r"^ +- [^:(\n]+ \([^)\n]*\): (?P<options>[^\n]+)$", re.MULTILINE)
_APART = re.compile(r", (?![^(]*\))")
_AFTER_NAME = re.compile(r"(?: \+\d+\.\d\d)?(?: \([^)]*\))?$")


def to_look_up(text: str, lexicon: Lexicon, done: Collection[str]) -> list[str]:
    """The parts of ``text`` that are more than words of the language, but those that are ``done``."""
    found: dict[str, None] = {}
    for part in _PARTS.split(text):
        words = [word for word in fold(part).split() if word not in lexicon.known and not word.isdigit()]
        query = " ".join(words)
        if query and query not in done:
            found[query] = None
    return list(found)[:MOST_LOOKED_UP]


def as_menu(found: Mapping[str, str]) -> str:
    """The lines of the dishes that were found, by name, as a part of the instructions."""
    return "\n".join(["## -", *found.values()])


def options_in(found: Mapping[str, str]) -> tuple[str, ...]:
    groups = (group["options"] for lines in found.values() for group in _GROUP.finditer(lines))
    named = (_AFTER_NAME.sub("", one.strip()) for group in groups for one in _APART.split(group))
    return tuple(dict.fromkeys(filter(None, named)))
