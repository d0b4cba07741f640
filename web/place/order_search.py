"""What a list of orders is narrowed to: a day in the restaurant's zone, a status, a ticket number, a name, a phone.

Names are encrypted, each on its own, so a name is looked for by reading the orders of one day. A phone is found by its
keyed hash, whatever the day.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, cast, get_args

from flask import request

from domain.kitchen import OPEN, OrderStatus
from domain.phone_numbers import InvalidNumberError, one_form
from stores import orders
from stores.orders import Order, OrderFilter
from stores.paging import Position
from stores.postgres import Connection
from web import context, formats
from web.place.tenancy import restaurant
from web.words import _

Status = OrderStatus | Literal["", "open"]

LONGEST_WORDS = 60
LONGEST_TICKET = 5  # digits; more are a phone's
MOST_READ = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was typed; ``problem`` says what is wrong with it, "" when nothing is."""

    day: date | None = None
    status: Status = ""
    words: str = ""
    problem: str = ""

    @property
    def link(self) -> dict[str, str]:
        """What a link to the next page carries on."""
        given = {"day": self.day.isoformat() if self.day else "", "status": self.status, "q": self.words}
        return {name: value for name, value in given.items() if value}

    @property
    def ticket(self) -> int | None:
        bare = self.words.removeprefix("#").strip()
        return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= LONGEST_TICKET else None

    @property
    def phone(self) -> str | None:
        """In the form that callers' numbers are stored in."""
        if not self.words or self.ticket is not None or any(char.isalpha() for char in self.words):
            return None
        try:
            return one_form(self.words, restaurant().country)
        except InvalidNumberError:
            return None

    @property
    def name(self) -> str:
        return self.words.casefold() if self.ticket is None and self.phone is None else ""


def asked() -> Asked:
    """What the request's link or form asks for."""
    status, words = request.args.get("status", ""), " ".join(request.args.get("q", "").split())
    found = Asked(words=words[:LONGEST_WORDS])
    if status in ("open", *get_args(OrderStatus)):
        found = replace(found, status=cast(Status, status))
    typed = request.args.get("day", "").strip()
    if typed:
        day = formats.parse_day(typed)
        if day is None:
            return replace(found, problem=_("Day: this is no date. Write one like 2026-11-21."))
        found = replace(found, day=day)
    elif found.name:
        found = replace(found, day=formats.local_day(datetime.now(UTC), restaurant().zone))
    return found


async def find(
    connection: Connection, wanted: Asked, limit: int, after: Position | None
) -> tuple[tuple[Order, ...], bool]:
    """A page of orders, and whether there are more. Of a name all that were found in the day's newest MOST_READ."""
    owner, pii = restaurant(), context.pii()
    since, until = formats.day_span(wanted.day, owner.zone) if wanted.day else (None, None)
    statuses = None if not wanted.status else OPEN if wanted.status == "open" else (wanted.status,)
    narrowed = OrderFilter(
        since=since,
        until=until,
        statuses=statuses,
        number=wanted.ticket,
        customer_hashes=pii.phone_hashes(owner.id, wanted.phone) if wanted.phone else None,
    )
    if wanted.name:
        read = await orders.recent(connection, MOST_READ, after, wanted=narrowed, pii=pii)
        return tuple(order for order in read if wanted.name in order.customer_name.casefold()), False
    page = await orders.recent(connection, limit + 1, after, wanted=narrowed, pii=pii)
    return page[:limit], len(page) > limit
