"""The order log and each day's sums, in the restaurant's own zone."""

from dataclasses import dataclass
from datetime import date, datetime

from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class LoggedOrder:
    """``items`` counts portions: two of one dish are two."""

    order_id: str
    restaurant_id: str
    number: int
    fulfilment: str
    items: int
    total_cents: int
    currency: str
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class DailyFigure:
    day: date
    currency: str
    orders: int
    items: int
    total_cents: int


async def log_order(conn: Connection, order: LoggedOrder) -> bool:
    """Log the order and add it to its day, once; False when it was logged before.

    One that has been cancelled by now is logged as that, and not added.
    """
    # The row is locked so that a cancellation comes either before this, or finds the log's row.
    status = await conn.fetchval('select status from "order" where id = $1 for share', order.order_id)
    cancelled = status == "cancelled"
    logged = await conn.fetchval(
        "insert into order_log (order_id, restaurant_id, number, fulfilment, items, total_cents, currency,"
        " confirmed_at, cancelled) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " on conflict (order_id) do nothing returning order_id",
        order.order_id,
        order.restaurant_id,
        order.number,
        order.fulfilment,
        order.items,
        order.total_cents,
        order.currency,
        order.confirmed_at,
        cancelled,
    )
    if logged is None:
        return False
    await _add(conn, order.order_id, 0 if cancelled else 1)
    return True


async def count_cancelled(conn: Connection, order_id: str, cancelled: bool) -> None:
    """Take a cancelled order out of its day, or put a restored one back. Safe to repeat.

    An order that the log does not have yet is logged as what it is by then.
    """
    changed = await conn.fetchval(
        "update order_log set cancelled = $2 where order_id = $1 and cancelled <> $2 returning true",
        order_id,
        cancelled,
    )
    if changed:
        await _add(conn, order_id, -1 if cancelled else 1)


async def _add(conn: Connection, order_id: str, times: int) -> None:
    """Add a logged order to its day ``times`` times; 0 makes the day's row and leaves its sums."""
    await conn.execute(
        "insert into daily_figure as d (restaurant_id, day, currency, orders, items, total_cents)"
        " select r.id, (o.confirmed_at at time zone r.zone)::date, o.currency, $2::integer, $2 * o.items,"
        " $2 * o.total_cents from order_log o join restaurant r on r.id = o.restaurant_id where o.order_id = $1"
        " on conflict (restaurant_id, day, currency) do update set orders = d.orders + excluded.orders,"
        " items = d.items + excluded.items, total_cents = d.total_cents + excluded.total_cents",
        order_id,
        times,
    )


async def daily(conn: Connection, restaurant_id: str, first: date, last: date) -> tuple[DailyFigure, ...]:
    """One row a day and currency, oldest first, both ends included."""
    rows = await conn.fetch(
        "select day, currency, orders, items, total_cents from daily_figure"
        " where restaurant_id = $1 and day between $2 and $3 order by day, currency",
        restaurant_id,
        first,
        last,
    )
    return tuple(
        DailyFigure(row["day"], row["currency"], row["orders"], row["items"], row["total_cents"]) for row in rows
    )
