"""What the agent is asked, what it may do, and what it remembers of a conversation."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from devstack.speech.addresses import Awaited
from devstack.speech.bookings import TableWish
from devstack.speech.protocol.items import Item
from devstack.speech.protocol.session_config import SessionTool, ToolChoice
from devstack.speech.tool_calls import Choice, ReportedLine, UseTool
from domain.card_numbers import CardWatch


@dataclass(frozen=True, slots=True)
class Say:
    text: str


Action = Say | UseTool


@dataclass(frozen=True, slots=True)
class TurnContext:
    """All that one response may use. ``expects_reply``: the caller said something, even if it came out as no words.
    ``unsure``: ids of items in which a name may have been heard wrongly.
    """

    items: Sequence[Item]
    tools: Sequence[SessionTool]
    tool_choice: ToolChoice
    parallel: bool
    language: str
    instructions: str = ""  # of this response alone
    menu: str = ""  # the session's instructions
    expects_reply: bool = False
    silence: bool = False
    unsure: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Enquiry:
    """An order of before that the caller asks about, as far as it is known by what they said."""

    name: str = ""
    total: str = ""
    errand: Literal["status", "change", "cancel"] = "status"


@dataclass
class Memory:
    """Of one conversation; everything else is in the items."""

    awaited: Awaited = ""
    missing: tuple[str, ...] = ("items",)
    cart: list[ReportedLine] = field(default_factory=list)
    done_ordering: bool = False
    confirmed: bool = False
    choices: list[Choice] = field(default_factory=list)
    last_line: int = 0  # the one last spoken of
    allergies: list[str] = field(default_factory=list)
    allergy_unnamed: bool = False  # one was spoken of, and not to what
    allergy_heard: str = ""  # of which it is asked again, folded
    allergy_like: str = ""  # the allergen that this sounds like
    times_allergy_asked: int = 0
    asked_about: str = ""  # the item of the caller's last sentence, if that was a question
    removing: bool = False  # the caller's last sentence took something off
    removed: ReportedLine | None = None  # the line taken off last
    found: dict[str, str] = field(default_factory=dict)  # dishes that were looked up: their lines, by name
    looked_up: set[str] = field(default_factory=set)  # by which words
    on_condition: list[UseTool] = field(default_factory=list)  # wanted if a question's answer is yes
    held: str = ""  # the sentence that waits for what is looked up
    not_found: list[str] = field(default_factory=list)  # asked for, not on the order, and not yet let go of
    options: set[str] = field(default_factory=set)  # those of them that are options of a line, folded
    unsettled: tuple[str, ...] = ()  # what was not found, as the tools have it
    times_not_found: int = 0  # that the caller was asked about it
    unsure_name: str = ""  # as it was heard, to be spelled
    asked_to_spell: bool = False
    times_misnamed: int = 0  # that the caller said the name to be wrong
    table: TableWish | None = None
    table_later: TableWish | None = None  # wished for beside dishes, which come first
    enquiry: Enquiry | None = None
    message: dict[str, Any] | None = None  # for the team, as it is left
    message_later: str = ""  # told behind dishes, which come first
    sister: str = ""  # the house that the caller was asked whether to go on with
    language: str = ""  # the caller's
    misses: int = 0
    said_goodbye: bool = False  # in words of its own, right before end_call
    warned: bool = False  # to stay polite
    silences: int = 0
    last_said: str = ""
    question: str = ""
    waiting_calls: list[UseTool] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    _cards: CardWatch | None = None
    _turns: int = 0

    def says_card(self, text: str) -> bool:
        """Whether it is a card's number, or goes on with one: nobody repeats it, or takes it for anything else."""
        self._turns += 1
        if self._cards is None:
            self._cards = CardWatch(self.language)
        return self._cards.heard(str(self._turns), text).is_card
