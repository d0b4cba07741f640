"""What callers say, as data: numbers, sizes, and the phrases by which an intent is known, per language.

Phrases are regular expressions over folded text (lower case, no accents, apostrophes as spaces).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Pattern = re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    numbers: dict[str, int]
    homophones: dict[str, int]  # what a number is heard as
    articles: frozenset[str]  # before an item, "one of it"
    fillers: frozenset[str]  # between a number and an item
    with_words: frozenset[str]
    without_words: frozenset[str]
    without: str  # how a wish is written for the kitchen
    joiners: frozenset[str]
    weak_words: frozenset[str]  # never enough to recognise an item by
    yes: Pattern
    no: Pattern
    done: Pattern
    goodbye: Pattern
    thanks: Pattern
    hello: Pattern
    human: Pattern
    repeat: Pattern
    read_back: Pattern
    question: Pattern
    order_verb: Pattern
    allergens: Pattern
    contents: Pattern
    hours: Pattern
    table: Pattern
    correction: Pattern
    change: Pattern
    into: Pattern
    instead: Pattern
    remove: Pattern
    negated: Pattern
    everything: Pattern
    the_last: Pattern
    another: Pattern
    kinds: dict[str, Pattern]
    name: Pattern  # over the original text: names are known by their capital
    name_answer: Pattern
    address: Pattern
    days: dict[str, str]


def any_of(phrases: str) -> Pattern:
    """Any of the alternatives, as whole words."""
    return re.compile(rf"\b(?:{phrases})\b")


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
