"""What a planner may look at, and how what it plans is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errands import Service, Work
from stores import connections, errands
from stores.ciphers import PiiCipher
from stores.connections import Connection as Connected
from stores.order_links import GOOD_FOR, OrderLinks
from stores.orders import Order
from stores.postgres import Connection
from stores.reservations import Reservation

SOURCE = "/functions/errand_runner"


@dataclass(frozen=True, slots=True)
class Home:
    """What is the same for every restaurant."""

    pii: PiiCipher
    links: OrderLinks


@dataclass(frozen=True, slots=True)
class Situation:
    """The rows of the event's restaurant, and the connection that is planned for."""

    database: Connection
    connected: Connected
    pii: PiiCipher
    links: OrderLinks

    def order_page(self, order: Order) -> str:
        """Where its guest sees it, "" where there are no pages."""
        return self.links.url(order.restaurant_id, order.id, order.promised_at + GOOD_FOR)

    def booking_page(self, booking: Reservation) -> str:
        return self.links.booking_url(self.connected.restaurant_id, booking.id, booking.starts_at + GOOD_FOR)


Planner = Callable[[Situation, Any], Awaitable[Sequence[Work]]]
"""From what has happened, as an event's payload or an id, to what one connection is to be told of it."""


async def tell_connections(
    home: Home, database: Connection, restaurant_id: str, planners: Mapping[Service, Planner], what: Any
) -> None:
    """Write what the restaurant's connections are to be told of ``what``; those that are off are told nothing."""
    for one in await connections.in_use(database, restaurant_id):
        planner = planners.get(one.service)
        if planner is None:
            continue
        for work in await planner(Situation(database, one, home.pii, home.links), what):
            await errands.add(database, restaurant_id, one.id, work, home.pii)
