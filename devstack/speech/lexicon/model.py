"""What callers say, as data: numbers, sizes, and the phrases by which an intent is known, per language.

Phrases are regular expressions over folded text (lower case, no accents, apostrophes as spaces). Nothing here names a
dish: what is on a menu is said by the session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from domain.number_words import NUMBER_WORDS

Pattern = re.Pattern[str]

# What a word or a phrase does in an order. "neg" takes away, "not" denies what was said, "on" points at a line.
Cue = Literal[
    "a",
    "the",
    "of",
    "and",
    "or",
    "with",
    "neg",
    "not",
    "no",
    "light",
    "extra",
    "side",
    "on",
    "for",
    "both",
    "ones",
    "other",
    "those",
    "again",
    "another",
    "more",
    "last",
    "correct",
    "weak",
    "change",
    "instead_of",
    "verb",
    "also",
    "half",
    "of_which",
    "fewer",
]


@dataclass(frozen=True, eq=False)
class Lexicon:
    numbers: dict[str, int]  # beside those of domain.number_words
    homophones: dict[str, int]  # what a number is heard as
    cues: dict[Cue, str]  # phrases apart by "|"
    others: frozenset[str]  # of the cue "again", those that say "another" and not "the same"
    common: frozenset[str]  # words that name nothing to eat, and mean nothing in an order
    weak_words: frozenset[str]  # describe: never enough to recognise an item by
    declines: Pattern  # of the "not" cues: an ingredient is to be left out, not another meant
    only: frozenset[str]
    added: frozenset[str]  # begin the name of an option that adds to what the dish has
    those_with: frozenset[str]  # articles that stand for a thing: "celle avec"
    for_whom: frozenset[str]  # of the cue "on", those before whom something is for
    served_on: frozenset[str]  # of the cue "on", those before what a dish is made with: "on rye"
    sparing: frozenset[str]  # of the cue "light", those of what comes with the dish anyway: "easy on the onions"
    simple: frozenset[str]  # before a dish: with nothing on it
    is_head_last: bool  # the last word of a dish's name says what it is: an onion soup is a soup
    in_its_place: frozenset[str]  # of the cue "correct", those that stand behind what is wanted in place of the last
    takes_it: Pattern  # what was asked about is wanted
    lets_go: Pattern  # what was not found is not wanted any more
    restore: Pattern  # what was taken off is wanted again
    inquiry: Pattern  # a question in the words of an order
    diet: Pattern  # what somebody is, not a dish of that name
    story: Pattern  # a clause about what was eaten once, which is no order
    described: Pattern  # begins a sentence that says what is in the dish just named
    units: frozenset[str]  # a number before one of them counts money or time, not dishes
    groups: frozenset[str]  # what may be left out as a whole: no sauce
    claims: frozenset[str]  # what no note for the kitchen may say
    without: str  # how a wish is written for the kitchen
    amounts: dict[str, str]  # how more, less or apart of a thing is written, with {name}
    taken_off: Pattern  # a removal whose verb stands on both sides of "what"
    of_it: Pattern  # how the dish just spoken of is to be: "I need it decaf", "could I have that with …"
    made_so: str  # the cue that stands for it
    of_one: Pattern  # how one of several is to be: "one of them needs to be …"; ``one`` is kept
    measures: frozenset[str]  # of something more on a dish: "a shot of …"
    manner: frozenset[str]  # how a dish is made or served, told to the kitchen: "lukewarm"
    manner_words: frozenset[str]  # may stand before them: "not too"
    praise: frozenset[str]  # of those, what adds nothing: "a nice hot mocha"
    hot: str  # of them, what a drink is anyway
    not_so: str  # before how it is not to be
    denials: frozenset[str]  # anywhere before it: "make sure it isn't hot"
    tampering: Pattern  # prices and instructions are no caller's to set
    halves: Pattern
    no_allergy: Pattern
    allergy: Pattern  # its groups are what is not borne
    insult: Pattern  # said to the assistant
    jest: Pattern  # nothing is wanted, whatever was said before
    yes: Pattern
    no: Pattern
    done: Pattern
    goodbye: Pattern
    thanks: Pattern
    please: Pattern
    hello: Pattern
    human: Pattern
    wrong_name: Pattern
    repeat: Pattern
    read_back: Pattern
    question: Pattern
    request: Pattern  # to change an order, asked as a question
    order_verb: Pattern
    allergens: Pattern
    contents: Pattern
    hours: Pattern
    special_day: Pattern  # whose hours are none of the week's: the restaurant's own answers may have them
    if_so: Pattern  # between a question and what is ordered if its answer is yes
    sounds_like: dict[
        str, str
    ]  # what an answer is heard as, apart by "|": where it was asked for and nothing else fits
    table: Pattern
    placed: Pattern  # asks about an order of before
    change_placed: Pattern
    cancel_placed: Pattern
    everything: Pattern
    all_but: Pattern  # after "everything"
    kinds: dict[str, Pattern]
    name: Pattern  # over the original text: names are known by their capital
    name_answer: Pattern
    address: Pattern
    street: Pattern  # a number and a street, over the original text
    days: dict[str, str]

    @cached_property
    def phrases(self) -> dict[str, tuple[tuple[tuple[str, ...], Cue], ...]]:
        """The cues by their first word, longest first."""
        found: dict[str, list[tuple[tuple[str, ...], Cue]]] = {}
        for cue, said in self.cues.items():
            for phrase in said.split("|"):
                parts = tuple(phrase.split())
                found.setdefault(parts[0], []).append((parts, cue))
        return {first: tuple(sorted(some, key=lambda one: -len(one[0]))) for first, some in found.items()}

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word of the language that is listed here: none of them is a misheard name of a dish."""
        said = {word for phrases in self.cues.values() for word in phrases.replace("|", " ").split()}
        return self.common | said | frozenset(self.numbers) | NUMBER_WORDS

    @cached_property
    def small(self) -> frozenset[str]:
        """Words that may stand inside a name or be left out of it."""
        return frozenset(word for cue in ("a", "the", "of") for word in self.cues[cue].replace("|", " ").split())


def any_of(phrases: str) -> Pattern:
    """Any of the alternatives, as whole words."""
    return re.compile(rf"\b(?:{phrases})\b")


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
