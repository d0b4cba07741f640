"""An order that was placed before, and who may hear of it.

Whoever calls from the number that it was placed from, or placed it in this very call, has to say its name. Anybody else
has to say its name and what only who placed it was told: its total. Nobody hears from a refusal whether there is such
an order, and after ``MAX_MISSES`` wrong answers the call finds none at all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.agreement import amounts_in
from domain.kitchen import OPEN, OrderStatus
from domain.names import fold
from domain.number_words import spoken_numbers
from domain.order import CartLine, Fulfilment
from domain.spoken_time import language_of

MAX_MISSES = 4
SPOKEN_OF_FOR = timedelta(hours=12)
"""How long after its promise an order is still asked for; one that is open then is one that nobody has closed."""
LOOKED_BACK = timedelta(days=7)
"""How long before now an order may have been placed that is still to come."""

_CENTS_BEHIND = re.compile(r"(\d) ?€ ?(\d{2})\b")  # 33€50
_MOST_NAMES = 3  # more than that is no name, but a list of them
_ALIKE = 0.75  # of two names, one of them heard over a telephone
_TITLES = frozenset(("mr", "mrs", "ms", "monsieur", "madame", "mme", "m", "de", "du", "la", "le", "the", "family"))


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """``own``: it was placed from the number that calls, or in this call. ``unseen``: the till did not take it."""

    id: str
    number: int
    status: OrderStatus
    fulfilment: Fulfilment
    total_cents: int
    currency: str
    customer_name: str
    confirmed_at: datetime
    promised_at: datetime
    lines: tuple[CartLine, ...] = ()
    allergies: tuple[str, ...] = ()
    own: bool = False
    unseen: bool = False

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


def said_totals(text: str, language: str) -> tuple[int, ...]:
    """What the caller's words for a total may mean, in cents; nothing for several sums: that is guessing."""
    text = _CENTS_BEHIND.sub(r"\1,\2 €", text)
    numbers = spoken_numbers(text, language_of(language))
    found = amounts_in(text, language)
    if not found:
        bare = re.findall(r"\d{1,6}", numbers)
        if len(bare) == 1:
            found = {int(bare[0]) * 100}
        elif len(bare) == 2 and len(bare[1]) == 2:
            found = {int(bare[0]) * 100 + int(bare[1])}
    return tuple(sorted(found)) if len(found) <= 2 else ()


def identified(
    orders: Sequence[PlacedOrder], name: str, totals: Sequence[int], number: int, now: datetime
) -> tuple[PlacedOrder, ...]:
    """Those of ``orders`` that whoever says this may hear of: the open ones first, the newest first."""
    fitting = [
        one
        for one in orders
        if now - one.promised_at <= SPOKEN_OF_FOR
        and (not number or one.number == number)
        and same_person(name, one.customer_name, heard=one.own)
        and (not totals or one.total_cents in totals)
        and (one.own or bool(totals))
    ]
    return tuple(sorted(fitting, key=lambda one: (not one.is_open, -one.confirmed_at.timestamp())))


def same_person(said: str, known: str, *, heard: bool) -> bool:
    """Whether one name may be the other's: a word of it is the same, or with ``heard`` sounds nearly so. Many names at
    once are guessing."""
    mine, theirs = (frozenset(fold(name).split()) - _TITLES for name in (said, known))
    if len(mine) > _MOST_NAMES:
        return False
    if mine & theirs:
        return True
    return heard and any(difflib.SequenceMatcher(None, a, b).ratio() >= _ALIKE for a in mine for b in theirs)
