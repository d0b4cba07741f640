"""The kitchen: the orders that it has on its board, their moves, and how far behind it is.

Two screens may move one order at the same moment. Each says which status it saw, and only the first one finds it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.kitchen import OPEN, CancelReason, OrderStatus
from stores import figures, orders
from stores.ciphers import PiiCipher
from stores.errors import require
from stores.orders import Order
from stores.postgres import Connection

# Orders from before a board's time that nobody has closed are looked for so far back, and not in every month there is.
LEFT_OPEN_WITHIN = timedelta(days=60)
MOST_MINUTES = 241
"""One more than a restaurant may allow itself: a kitchen that takes no orders is over every limit."""


@dataclass(frozen=True, slots=True)
class Board:
    """``open`` the oldest first and complete from ``since`` on; ``closed`` the newest first, up to a limit.

    ``left_open`` counts the orders of LEFT_OPEN_WITHIN before ``since`` that nobody has closed, up to its own limit.
    """

    open: tuple[Order, ...]
    closed: tuple[Order, ...]
    left_open: int


async def board(
    conn: Connection,
    since: datetime,
    closed_since: datetime,
    *,
    closed_limit: int,
    left_open_limit: int,
    pii: PiiCipher | None = None,
) -> Board:
    """The open orders from ``since`` on, and those closed of the orders from ``closed_since`` on."""
    rows = await conn.fetch(
        'select * from (select * from "order" where status = any($1::text[]) and confirmed_at >= $2) as open'
        ' union all select * from (select * from "order" where status = any($3::text[]) and confirmed_at >= $4'
        " order by confirmed_at desc, id limit $5) as closed order by confirmed_at, id",
        OPEN,
        since,
        ("done", "cancelled"),
        closed_since,
        closed_limit,
    )
    left_open: int = await conn.fetchval(
        'select count(*) from (select from "order" where status = any($1::text[]) and confirmed_at < $2'
        " and confirmed_at >= $3 limit $4) as o",
        OPEN,
        since,
        since - LEFT_OPEN_WITHIN,
        left_open_limit,
    )
    read = await orders.with_lines(conn, rows, pii)
    closed = tuple(order for order in reversed(read) if order.status not in OPEN)
    return Board(tuple(order for order in read if order.status in OPEN), closed, left_open)


@dataclass(frozen=True, slots=True)
class Move:
    """``seen`` is the status that ``by`` saw; ``reason`` and ``note`` belong to a cancellation."""

    order_id: str
    seen: OrderStatus
    to: OrderStatus
    by: str
    reason: CancelReason | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    order_id: str
    restaurant_id: str
    number: int
    at: datetime


class StatusChangedError(Exception):
    """The order is no longer in the status that was seen: somebody else moved it. ``present`` is how it stands."""

    def __init__(self, present: Order) -> None:
        self.present = present
        super().__init__(f"order {present.id} is {present.status}")


async def move(conn: Connection, move: Move) -> Moved:
    """Raises NotFoundError, StatusChangedError. A cancelled order leaves the figures, and a restored one returns."""
    row = await conn.fetchrow(
        'update "order" set status = $3, status_changed_at = clock_timestamp(), status_by = $4, cancel_reason = $5,'
        " cancel_note = $6 where id = $1 and status = $2 returning restaurant_id, number, status_changed_at",
        move.order_id,
        move.seen,
        move.to,
        move.by,
        move.reason or "",
        move.note,
    )
    if row is None:
        raise StatusChangedError(await orders.get(conn, move.order_id))
    if "cancelled" in (move.seen, move.to):
        await figures.count_cancelled(conn, move.order_id, move.to == "cancelled")
    return Moved(move.order_id, row["restaurant_id"], row["number"], row["status_changed_at"])


async def left_open(conn: Connection, before: datetime, limit: int) -> tuple[Order, ...]:
    """The oldest orders of LEFT_OPEN_WITHIN before then that nobody has closed, without names."""
    rows = await conn.fetch(
        'select * from "order" where status = any($1::text[]) and confirmed_at < $2 and confirmed_at >= $3'
        " order by confirmed_at limit $4",
        OPEN,
        before,
        before - LEFT_OPEN_WITHIN,
        limit,
    )
    return await orders.with_lines(conn, rows, None)


async def note_allergies(conn: Connection, restaurant_id: str, order_id: str, text: str, pii: PiiCipher) -> None:
    """What the guest can't eat, "" for nothing. Raises NotFoundError."""
    done = await conn.fetchval(
        'update "order" set allergies_encrypted = $2 where id = $1 returning true',
        order_id,
        pii.encrypt(restaurant_id, text) if text else None,
    )
    require(done, "order", order_id)


async def load_minutes(conn: Connection, restaurant_id: str, now: datetime) -> int:
    """The minutes that other systems add to a promise now: the sum over every source, at most MOST_MINUTES."""
    minutes: int = await conn.fetchval(
        "select least(coalesce(sum(minutes), 0), $3)::integer from external_load"
        " where restaurant_id = $1 and until > $2",
        restaurant_id,
        now,
        MOST_MINUTES,
    )
    return minutes


async def set_load(conn: Connection, restaurant_id: str, source: str, minutes: int, until: datetime) -> None:
    """Replace what ``source`` says; 0 minutes takes it back. Raises asyncpg.CheckViolationError over 600."""
    await conn.execute(
        "insert into external_load (restaurant_id, source, minutes, until) values ($1, $2, $3, $4)"
        " on conflict (restaurant_id, source) do update set minutes = excluded.minutes, until = excluded.until,"
        " updated_at = now()",
        restaurant_id,
        source,
        minutes,
        until,
    )
