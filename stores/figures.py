"""The order log and the sums of orders and calls by day and hour, in the restaurant's own zone.

Orders are counted here; calls by triggers on their table, as their rows have several writers. The sums by week follow
those by hour by triggers, and outlive them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
    await _add(conn, order.order_id, 0 if cancelled else 1, int(cancelled))
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
        await _add(conn, order_id, -1 if cancelled else 1, 1 if cancelled else -1)


async def _add(conn: Connection, order_id: str, times: int, cancelled: int) -> None:
    """Add a logged order to its day and its hour ``times`` times, and ``cancelled`` to that hour's cancelled ones.

    0 makes the day's row and leaves its sums.
    """
    await conn.execute(
        "insert into daily_figure as d (restaurant_id, day, currency, orders, items, total_cents)"
        " select r.id, (o.confirmed_at at time zone r.zone)::date, o.currency, $2::integer, $2 * o.items,"
        " $2 * o.total_cents from order_log o join restaurant r on r.id = o.restaurant_id where o.order_id = $1"
        " on conflict (restaurant_id, day, currency) do update set orders = d.orders + excluded.orders,"
        " items = d.items + excluded.items, total_cents = d.total_cents + excluded.total_cents",
        order_id,
        times,
    )
    await conn.execute(
        "insert into order_figure as f (restaurant_id, day, hour, currency, orders, items, total_cents, cancelled)"
        " select r.id, (o.confirmed_at at time zone r.zone)::date,"
        " extract(hour from o.confirmed_at at time zone r.zone), o.currency, $2::integer, $2 * o.items,"
        " $2 * o.total_cents, $3::integer"
        " from order_log o join restaurant r on r.id = o.restaurant_id where o.order_id = $1"
        " on conflict (restaurant_id, day, hour, currency) do update set orders = f.orders + excluded.orders,"
        " items = f.items + excluded.items, total_cents = f.total_cents + excluded.total_cents,"
        " cancelled = f.cancelled + excluded.cancelled",
        order_id,
        times,
        cancelled,
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


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a day, a week (by its first day), an hour of the day over several days, or an hour of a day. ``calls`` counts
    those that have ended.

    ``missed`` were served by nobody, ``ordered`` led to an order; in ``offered`` one thing more was, and in
    ``accepted`` it was taken. Orders are in one currency, the cancelled ones apart.
    """

    day: date | None
    hour: int | None
    calls: int = 0
    missed: int = 0
    ordered: int = 0
    booked: int = 0
    transferred: int = 0
    messages: int = 0
    duration_ms: int = 0
    cost_dollars: float = 0.0
    offered: int = 0
    accepted: int = 0
    orders: int = 0
    items: int = 0
    total_cents: int = 0
    cancelled: int = 0

    @property
    def answered(self) -> int:
        return self.calls - self.missed


_OF_CALLS = (
    "calls",
    "missed",
    "ordered",
    "booked",
    "transferred",
    "messages",
    "duration_ms",
    "cost_dollars",
    "offered",
    "accepted",
)
_OF_ORDERS = ("orders", "items", "total_cents", "cancelled")
_TYPES = {"cost_dollars": "::float8"}
# Calls and orders stand in tables of their own, with the same columns once the other's are 0.
_CALLS_ONLY = ", ".join((*_OF_CALLS, *(f"0 as {name}" for name in _OF_ORDERS)))
_ORDERS_ONLY = ", ".join((*(f"0 as {name}" for name in _OF_CALLS), *_OF_ORDERS))
_SUMS = ", ".join(f"sum({name}){_TYPES.get(name, '::bigint')} as {name}" for name in (*_OF_CALLS, *_OF_ORDERS))


async def sums(
    conn: Connection, restaurant_id: str, first: date, last: date, currency: str, *, apart: bool = False
) -> tuple[Sums, ...]:
    """What there is between the two days, both included: each day's sums and each hour of the day's, days first.

    With ``apart`` each hour of each day instead.
    """
    groups = "(day, hour)" if apart else "(day), (hour)"
    rows = await conn.fetch(
        f"select day, hour, {_SUMS} from ("
        f" select day, hour, {_CALLS_ONLY}"
        f" from call_figure where restaurant_id = $1 and day between $2 and $3"
        f" union all select day, hour, {_ORDERS_ONLY}"
        f" from order_figure where restaurant_id = $1 and day between $2 and $3 and currency = $4) as hours"
        f" group by grouping sets ({groups}) order by day nulls last, hour",
        restaurant_id,
        first,
        last,
        currency,
    )
    return tuple(Sums(**row) for row in rows)


# Weeks are whole ones; what stands before the first ($5) and behind the last of them ($6) comes from the days.
_BY_WEEK = f"""
select day, hour, {_SUMS} from (
    select week as day, hour, {_CALLS_ONLY} from call_week
        where restaurant_id = $1 and week >= $5 and week < $6
    union all select week, hour, {_ORDERS_ONLY} from order_week
        where restaurant_id = $1 and currency = $4 and week >= $5 and week < $6
    union all select greatest(date_trunc('week', day)::date, $2), hour, {_CALLS_ONLY} from call_figure
        where restaurant_id = $1 and (day >= $2 and day < $5 or day >= $6 and day <= $3)
    union all select greatest(date_trunc('week', day)::date, $2), hour, {_ORDERS_ONLY} from order_figure
        where restaurant_id = $1 and currency = $4 and (day >= $2 and day < $5 or day >= $6 and day <= $3)
) as hours group by grouping sets ((day), (hour)) order by day nulls last, hour
"""


async def sums_by_week(
    conn: Connection, restaurant_id: str, first: date, last: date, currency: str
) -> tuple[Sums, ...]:
    """As ``sums``, each week's in the place of each day's: a seventh of the rows, and for ever.

    ``day`` is a week's Monday, or ``first`` in the week that begins before it. Of an end that is no whole week, what is
    older than the days are kept is missing.
    """
    monday = first + timedelta(days=-first.weekday() % 7)
    after = max(monday, last - timedelta(days=(last.weekday() + 1) % 7) + timedelta(days=1))
    rows = await conn.fetch(_BY_WEEK, restaurant_id, first, last, currency, monday, after)
    return tuple(Sums(**row) for row in rows)


async def bookings(conn: Connection, restaurant_id: str, since: datetime, until: datetime) -> dict[str, int]:
    """How many reservations of this time there are in each status."""
    rows = await conn.fetch(
        "select status, count(*) as number from reservation"
        " where restaurant_id = $1 and starts_at >= $2 and starts_at < $3 group by status",
        restaurant_id,
        since,
        until,
    )
    return {row["status"]: row["number"] for row in rows}
