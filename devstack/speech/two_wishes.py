"""A table and dishes wished for in one breath: which words are of which."""

from __future__ import annotations

import re
from typing import NamedTuple

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from devstack.speech.mentions import find_mentions
from devstack.speech.vocabulary import Vocabulary
from devstack.speech.words import words_of

# Between clauses; "two margheritas and a cola" is cut, too, and put together again.
BETWEEN = re.compile(r"[,.;!?]+\s+|\s+(?=(?:and|then|et|puis)\s)", re.IGNORECASE)


class TwoWishes(NamedTuple):
    table: str
    ordering: str


def two_wishes(text: str, vocabulary: Vocabulary, lexicon: Lexicon) -> TwoWishes | None:
    """None where only one of the two is wished for.

    A clause with a dish of the menu is of the order; the day, the time and how many stand beside the table.
    """
    if lexicon.table.search(fold(text)) is None:
        return None
    table: list[str] = []
    ordering: list[str] = []
    last = table
    for clause in (one.strip(" ,.;") for one in BETWEEN.split(text)):
        if lexicon.table.search(fold(clause)):
            last = table
        elif names_dish(clause, vocabulary, lexicon):
            last = ordering
        elif last is table and any(one.search(fold(clause)) for one in lexicon.kinds.values()):
            last = ordering  # "to take away"
        if clause:
            last.append(clause)
    if not any(names_dish(one, vocabulary, lexicon) for one in ordering):
        return None
    return TwoWishes(", ".join(table), ", ".join(ordering))


def names_dish(clause: str, vocabulary: Vocabulary, lexicon: Lexicon) -> bool:
    found = find_mentions(words_of(clause), vocabulary, lexicon)
    return any(mention.values("item") and not mention.misheard for mention in found)
