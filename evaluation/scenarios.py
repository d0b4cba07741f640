"""A scenario: who calls, what they say, and the ends that are right. Every field of the YAML is here."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Fulfilment = Literal["pickup", "delivery", "dine_in"]
Way = Literal["text", "audio"]

# What the assistant may ask for. ``asked`` of a scenario is for anything else.
Topic = Literal[
    "again",
    "allergies",
    "change",
    "confirm",
    "day",
    "address",
    "fulfilment",
    "human",
    "missing",
    "more",
    "name",
    "offer",
    "open",
    "option",
    "party",
    "phone",
    "size",
    "spelling",
    "still_there",
    "time",
    "which",
]
Awkward = Literal[
    "",
    "abuse",
    "allergy",
    "ambiguity",
    "attack",
    "cancellation",
    "chatter",
    "correction",
    "far_quantity",
    "hang_up",
    "interruption",
    "negation",
    "off_menu",
    "two_fulfilments",
]


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of a scenario file; an unknown key is an error, so that a misspelt one is not silently lost."""


class Sentence(Node, frozen=True):
    """``interrupt_ms``: it is said so long into the answer to the sentence before it, not after that answer."""

    say: Text
    interrupt_ms: Annotated[int, msgspec.Meta(ge=0, le=20_000)] | None = None


class Asked(Node, frozen=True):
    """What to say, once, when the assistant has said one of the words of ``about`` (``|`` between alternatives)."""

    about: Text
    say: Text


class ExpectedLine(Node, frozen=True):
    """``without``: each has to be left out, by an option, an ingredient or a note. ``note``: words that it has."""

    item: Text
    size: str = ""
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    options: tuple[Text, ...] = ()
    without: tuple[Text, ...] = ()
    note: str = ""


class ExpectedOrder(Node, frozen=True):
    """``name`` "" is any. ``allergies`` are words that the order's own record of them has."""

    lines: Annotated[tuple[ExpectedLine, ...], msgspec.Meta(min_length=1)]
    total_cents: Cents
    fulfilment: Fulfilment
    name: str = ""
    street: str = ""
    postcode: str = ""
    allergies: tuple[Text, ...] = ()


class ExpectedTable(Node, frozen=True):
    """``at`` is local time as 19:30, ``days_ahead`` from today."""

    covers: Annotated[int, msgspec.Meta(ge=1, le=100)]
    at: Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    days_ahead: Annotated[int, msgspec.Meta(ge=0, le=60)]
    name: str = ""


class PlacedBefore(Node, frozen=True):
    """An order of one line, to collect, from before the call; ``own``: from the number that calls."""

    item: Text
    name: Text
    size: str = ""
    quantity: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    status: Literal["confirmed", "preparing", "ready"] = "confirmed"
    own: bool = True


class HouseOfChain(Node, frozen=True):
    """A sister of the called restaurant: ``menu`` without what it ``lacks``, at a place of its own. ``zones`` are the
    postcodes that it delivers to."""

    called: Text
    menu: Text
    city: str = ""
    postcode: str = ""
    zones: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()
    closed: bool = False
    serves: bool = True


class ChainBefore(Node, frozen=True):
    """The called restaurant is the house ``called`` of a chain, and the first of it. ``full`` is a local time of
    tomorrow, 19:30, at which all of its tables are taken. ``ends_in``: the house that the order or table has to be in,
    "" for the called one."""

    called: Text
    houses: Annotated[tuple[HouseOfChain, ...], msgspec.Meta(min_length=1, max_length=5)]
    asks: bool = False
    serves: bool = True
    offers: tuple[Literal["closed", "full", "outside"], ...] = ()
    closed: bool = False
    full: str = ""
    ends_in: str = ""


class End(Node, frozen=True):
    """One end that is right. Exactly one field is set; what it does not name must not be there.

    ``nothing``: neither order nor table, and nobody was put through; ``transferred``: to the restaurant's people;
    ``cancelled``: the order of before is. An ``order`` stands in the place of that one.
    """

    order: ExpectedOrder | None = None
    table: ExpectedTable | None = None
    transferred: bool = False
    nothing: bool = False
    cancelled: bool = False

    @property
    def in_words(self) -> str:
        if self.order is not None:
            return f"an order of {self.order.total_cents / 100:.2f}"
        if self.cancelled:
            return "a cancellation"
        return "a table" if self.table is not None else "transferred" if self.transferred else "nothing"


class Scenario(Node, frozen=True, kw_only=True):
    """``say`` is said first, sentence by sentence; then what is asked for is answered from ``asked``, ``answers`` and
    what the first of ``expect`` implies. A sentence in brackets is an act: ``(hangs up)``, ``(says nothing)``,
    ``(presses 1)``.

    ``menu`` is a restaurant's slug, or a YAML file beside the scenarios'. ``noise_db`` is how far the voice is above a
    noisy room, audio only. ``hears`` and ``never_hears`` are words for the whole call, ``|`` between alternatives;
    ``never_kept`` are words that the call's log must not have. ``pending`` says why it is known to miss.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{3,60}$")]
    menu: Text
    persona: Text
    goal: Text
    say: Annotated[tuple[Text | Sentence, ...], msgspec.Meta(min_length=1)]
    expect: Annotated[tuple[End, ...], msgspec.Meta(min_length=1)]
    awkward: Awkward = ""
    language: Literal["en", "fr", ""] = ""  # the caller's, where it is not the restaurant's
    voice: str = ""
    noise_db: Annotated[int, msgspec.Meta(ge=3, le=60)] | None = None
    withheld: bool = False
    placed: PlacedBefore | None = None
    chain: ChainBefore | None = None
    answers: dict[Topic, Text | tuple[Text, ...]] = {}
    asked: tuple[Asked, ...] = ()
    hears: tuple[Text, ...] = ()
    never_hears: tuple[Text, ...] = ()
    never_kept: tuple[Text, ...] = ()
    ways: tuple[Way, ...] = ("text", "audio")
    quick: bool = False
    pending: str = ""
    pending_audio: str = ""

    def pending_by(self, way: Way) -> str:
        return self.pending or (self.pending_audio if way == "audio" else "")
