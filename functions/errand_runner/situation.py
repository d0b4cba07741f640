"""What a planner may look at, and what follows from an errand."""

from __future__ import annotations

from dataclasses import dataclass

from stores.ciphers import PiiCipher
from stores.connections import Connection as Connected
from stores.order_links import OrderLinks
from stores.postgres import Connection


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
