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
    """Log the order and add it to its day, once; False when it was logged before."""
    logged = await conn.fetchval(
        "insert into order_log (order_id, restaurant_id, number, fulfilment, items, total_cents, currency,"
        " confirmed_at) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (order_id) do nothing returning order_id",
        order.order_id,
        order.restaurant_id,
        order.number,
        order.fulfilment,
        order.items,
        order.total_cents,
        order.currency,
        order.confirmed_at,
    )
    if logged is None:
        return False
    await conn.execute(
        "insert into daily_figure as d (restaurant_id, day, currency, orders, items, total_cents)"
        " select id, ($2::timestamptz at time zone zone)::date, $3, 1, $4, $5 from restaurant where id = $1"
        " on conflict (restaurant_id, day, currency) do update set orders = d.orders + 1,"
        " items = d.items + excluded.items, total_cents = d.total_cents + excluded.total_cents",
        order.restaurant_id,
        order.confirmed_at,
        order.currency,
        order.items,
        order.total_cents,
    )
    return True


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
