"""What a restaurant's books say after the calls: orders, rows of the log, leases; read as the admin reads them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.chaos.caller import Experience
from bench.chaos.dialogue import ITEM
from bench.chaos.stack_process import Description
from stores import calls, keys, orders
from stores.calls import LoggedCall
from stores.ciphers import PiiCipher
from stores.orders import Order
from stores.postgres import Postgres
from stores.redis import connect

READ_AT_MOST = 200  # more than a round makes


@dataclass(frozen=True, slots=True)
class Books:
    """At one moment, ``at`` by the monotonic clock and ``on`` by the wall's.

    ``leases`` are calls in progress, ``active`` is the counter of them that people see.
    """

    at: float
    on: datetime
    orders: tuple[Order, ...]
    calls: tuple[LoggedCall, ...]
    kept: frozenset[str]  # calls with a cart that was not confirmed, kept for the restaurant to see
    leases: int
    active: int

    def moment(self, on: datetime) -> float:
        """A moment of the wall's clock on the monotonic one."""
        return self.at - (self.on - on).total_seconds()

    def orders_of(self, told: Experience) -> tuple[Order, ...]:
        return tuple(order for order in self.orders if order.customer_name == told.wish.name)

    def orders_under(self, told: Experience) -> tuple[Order, ...]:
        """Those of this caller's call, whatever name they are in."""
        row = self.row_of(told)
        return () if row is None else tuple(order for order in self.orders if order.call_id == row.id)

    def row_of(self, told: Experience) -> LoggedCall | None:
        return next((row for row in self.calls if row.caller == told.number), None)

    def is_closed(self, told: Experience) -> bool:
        row = self.row_of(told)
        return row is not None and row.ended_at is not None and row.outcome != "in_progress"


class Accountant:
    """Open it once the stack is up; ``read`` may raise what Postgres and Redis raise while they are away."""

    def __init__(self, about: Description) -> None:
        self._about = about
        self._restaurant_id = about.line.restaurant_id
        self._pii = PiiCipher(about.master_key)

    async def read(self) -> Books:
        postgres = Postgres(self._about.app_url, max_size=1)
        await postgres.open(timeout_s=5.0)
        try:
            async with postgres.tenant(self._restaurant_id) as connection:
                stored = await orders.recent(connection, READ_AT_MOST, pii=self._pii)
                rows = await calls.recent(connection, READ_AT_MOST, pii=self._pii)
                kept = await connection.fetch("select id from call_log where unconfirmed_encrypted is not null")
        finally:
            await postgres.close()
        async with connect(self._about.redis_url) as redis:
            leases = await redis.zcard(keys.CALLS_IN_PROGRESS)
            active = int(await redis.get(keys.ACTIVE_CALLS) or 0)
        return Books(
            time.monotonic(), datetime.now(UTC), stored, rows, frozenset(row["id"] for row in kept), leases, active
        )


def is_as_agreed(order: Order, told: Experience) -> bool:
    """Whether the stored order is what was read out: the item, how many, how it is fetched, for whom."""
    lines = [(line.name, line.quantity) for line in order.lines]
    return lines == [(ITEM, told.wish.quantity)] and order.fulfilment == "pickup"


def is_truthful(row: LoggedCall, stored: tuple[Order, ...]) -> bool:
    """Whether a closed row says what happened: an order exactly where there is one, and which."""
    if stored:
        return row.outcome == "order_confirmed" and row.order_id in {order.id for order in stored}
    return row.outcome not in ("order_confirmed", "in_progress") and row.order_id is None
