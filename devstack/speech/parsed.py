"""What the grammar makes of a sentence: phrases, each with its wishes, before the menu's own names are looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devstack.speech.mentions import Mention
from domain.menu import Amount

Role = Literal["add", "remove", "deny", "old", "new", "target", "correct"]


@dataclass(slots=True)
class Wish:
    """An option (or a size, where a word may be both) and how much; without a ``mention`` it is no name of the menu."""

    amount: Amount
    said: str
    mention: Mention | None = None
    sparing: bool = False  # "easy on the onions": they come anyway, and are not ordered by it
    denied: bool = False  # "not vanilla": no wish to have it without, only not that


@dataclass(frozen=True, slots=True)
class Trait:
    """By which a line is told from others: it has one of these options or sizes, or (``absent``) none of them."""

    names: tuple[str, ...]
    absent: bool = False


@dataclass(slots=True)
class Phrase:
    """``items`` are what the head may be: one is certain, several are to be asked about, none is not on the menu."""

    items: tuple[str, ...] = ()
    said: str = ""
    is_category: bool = False
    role: Role = "add"
    quantity: int = 0
    more: int = 0
    definite: bool = False
    wishes: list[Wish] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parts: list[Phrase] = field(default_factory=list)  # "one with, one without"
    told_apart: bool = False  # "the one with …": any line, by its traits
    traits: list[Trait] = field(default_factory=list)
    other: bool = False  # not the line last spoken of, but the one like it
    again: bool = False  # one more of the last line, otherwise wished
    alike: bool = False  # with all that it has, not its size alone
    resized: list[Wish] = field(default_factory=list)  # after a change of mind: these win over what was said first
    said_first: int = 0  # how many of the wishes, where there was a change of mind
    plain: bool = False  # "a regular one": as it comes

    @property
    def in_turn(self) -> list[Wish]:
        """All that is wished of it, as it was said."""
        if not self.resized:
            return self.wishes
        return [*self.wishes[: self.said_first], *self.resized, *self.wishes[self.said_first :]]


@dataclass(slots=True)
class Parsed:
    """``last`` is what is said of the last line without naming it; ``removes_last`` that it goes."""

    phrases: list[Phrase] = field(default_factory=list)
    last: Phrase | None = None
    removes_last: bool = False
    halves: bool = False  # half of something was wished for
    unsure: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)  # options that were wished for several times


@dataclass(slots=True)
class Opening:
    """A number, an article, sizes and options before a head that may yet come."""

    quantity: int = 0
    definite: bool = False
    wishes: list[Wish] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    indefinite: bool = False
    wanted: bool = False  # right after "I'd like"
    other: bool = False
    listed: bool = False  # after "and": another thing than those before
    halved: bool = False
    plain: bool = False  # as it comes
    notes: list[str] = field(default_factory=list)
