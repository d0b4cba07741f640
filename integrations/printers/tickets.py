"""What stands on a kitchen ticket, line by line, for paper of any width.

What must not be eaten comes before the dishes, in white on black. At the foot stands the key that says which ticket it
is: two papers with one key are one ticket.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from domain.errands import PrintTicket, TicketLine

Style = Literal["plain", "bold", "big", "inverse", "small"]
"""``big`` takes two columns a letter, ``small`` is for what people need not read."""


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    style: Style = "plain"


_WORDS = {
    "fr": {
        "again": "RÉIMPRESSION",
        "replaces": "REMPLACE N°",
        "cancelled": "ANNULÉE",
        "pickup": "À emporter",
        "delivery": "Livraison",
        "dine_in": "Sur place",
        "for": "Pour",
        "ordered": "Commandé à",
        "allergies": "ALLERGIES",
        "unwritten": "ILLISIBLE ICI: LIRE L'ÉCRAN",
    },
    "en": {
        "again": "REPRINT",
        "replaces": "INSTEAD OF N°",
        "cancelled": "CANCELLED",
        "pickup": "Pick-up",
        "delivery": "Delivery",
        "dine_in": "Eat in",
        "for": "For",
        "ordered": "Ordered at",
        "allergies": "ALLERGIES",
        "unwritten": "NOT ALL CAN BE PRINTED: READ THE SCREEN",
    },
}


def rows(work: PrintTicket, key: str, width: int, *, doubtful: bool = False) -> Iterator[Row]:
    """``doubtful``: the kitchen may have this very ticket already. ``width`` is in columns."""
    words = _WORDS.get(work.language, _WORDS["en"])
    if work.occasion == "cancelled":
        yield from _wrapped(f"*** {words['cancelled']} ***", width, "big")
    if work.occasion == "again" or doubtful:
        yield from _wrapped(f"* {words['again']} *", width, "big")
    yield from _wrapped(f"N° {work.number}", width, "big")
    if work.replaces:
        yield from _wrapped(f"* {words['replaces']} {work.replaces} *", width, "big")
    yield from _wrapped(f"{words[work.fulfilment]}  {words['for']} {_clock(work.promised_at, work.zone)}", width, "big")
    if work.customer:
        yield from _wrapped(work.customer, width, "bold")
    if work.address is not None:
        address = work.address
        yield from _wrapped(f"{address.street}, {address.postcode} {address.city}".strip(" ,"), width)
    if work.allergies:
        yield from _wrapped(f" {words['allergies']}: {work.allergies} ", width, "inverse")
    yield Row("-" * width)
    for line in work.lines:
        yield from _line(line, width)
    yield Row("-" * width)
    yield Row(f"{words['ordered']} {_clock(work.confirmed_at, work.zone)}")
    yield from _wrapped(key, width, "small")


def unwritten(work: PrintTicket, width: int) -> Iterator[Row]:
    """What stands above a ticket whose script the printer lacks: it could be what must not be eaten."""
    yield from _wrapped(_WORDS.get(work.language, _WORDS["en"])["unwritten"], width, "inverse")


def _line(line: TicketLine, width: int) -> Iterator[Row]:
    yield from _wrapped(f"{line.quantity} x {line.name} {line.size}".strip(), width, "bold")
    for modifier in line.modifiers:
        yield from _wrapped(f"    {modifier}", width)
    if line.note:
        yield from _wrapped(f"    > {line.note}", width)


def _wrapped(text: str, width: int, style: Style = "plain") -> Iterator[Row]:
    clean = printable(text)
    indent = " " * (len(clean) - len(clean.lstrip(" ")))
    columns = width // 2 if style == "big" else width
    for part in textwrap.wrap(clean, columns, subsequent_indent=indent, drop_whitespace=style != "inverse"):
        yield Row(part, style)


def printable(text: str) -> str:
    """Without control characters: what a caller says must never be a command to the printer."""
    return "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)


def _clock(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%H:%M")
