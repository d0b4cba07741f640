"""What a planner may look at."""

from __future__ import annotations

from dataclasses import dataclass

from stores.ciphers import PiiCipher
from stores.connections import Connection as Connected
from stores.order_links import OrderLinks
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Situation:
    """The rows of the event's restaurant, and the connection that is planned for.

    ``pages`` is where services reach our hooks and people their order's page, "" for nowhere.
    """

    database: Connection
    connected: Connected
    pii: PiiCipher
    links: OrderLinks
    pages: str

    @property
    def receipts(self) -> str:
        """Where this connection's service tells what became of something."""
        return f"{self.pages}/hooks/{self.connected.provider}/{self.connected.id}" if self.pages else ""
