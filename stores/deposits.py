"""The deposits of bookings (``domain.deposits``): several of one that was changed, of which the last counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.deposits import NO_PAGE_AFTER, State
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Deposit:
    """``url`` is the page on which it can be paid, "" until there is one; ``intent`` is what a refund names."""

    id: str
    restaurant_id: str
    reservation_id: str
    connection_id: str
    amount_cents: int
    currency: str
    minutes: int
    state: State
    due_at: datetime
    reference: str
    intent: str
    url: str
    changed_at: datetime


_COLUMNS = (
    "id, restaurant_id, reservation_id, connection_id, amount_cents, currency, minutes, state, due_at, reference,"
    " intent, url, changed_at"
)


async def add(
    conn: Connection,
    restaurant_id: str,
    reservation_id: str,
    connection_id: str,
    *,
    amount_cents: int,
    currency: str,
    minutes: int,
    due_at: datetime,
) -> str:
    """Its id."""
    added: str = await conn.fetchval(
        "insert into deposit (restaurant_id, reservation_id, connection_id, amount_cents, currency, minutes, due_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) returning id",
        restaurant_id,
        reservation_id,
        connection_id,
        amount_cents,
        currency,
        minutes,
        due_at,
    )
    return added


async def of_reservation(conn: Connection, restaurant_id: str, reservation_id: str) -> tuple[Deposit, ...]:
    """In the order in which they were asked for."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from deposit where restaurant_id = $1 and reservation_id = $2 order by number",
        restaurant_id,
        reservation_id,
    )
    return tuple(Deposit(**dict(row)) for row in rows)


async def locked(conn: Connection, restaurant_id: str, deposit_id: str) -> Deposit | None:
    """Nobody else changes it until this transaction ends. Take the tables' lock first (``stores.dining.lock``)."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from deposit where restaurant_id = $1 and id = $2 for update", restaurant_id, deposit_id
    )
    return Deposit(**dict(row)) if row else None


async def stand(conn: Connection, deposit: Deposit, state: State, *, due_at: datetime, intent: str = "") -> None:
    await conn.execute(
        "update deposit set state = $3, due_at = $4, intent = case when $5 = '' then intent else $5 end,"
        " changed_at = case when state = $3 then changed_at else now() end where restaurant_id = $1 and id = $2",
        deposit.restaurant_id,
        deposit.id,
        state,
        due_at,
        intent[:200],
    )


async def open_page(conn: Connection, deposit: Deposit, reference: str, url: str, due_at: datetime) -> None:
    await conn.execute(
        "update deposit set reference = $3, url = $4, due_at = $5 where restaurant_id = $1 and id = $2",
        deposit.restaurant_id,
        deposit.id,
        reference[:200],
        url[:2000],
        due_at,
    )


async def due(conn: Connection, limit: int) -> Sequence[tuple[str, str]]:
    """``(restaurant, deposit)`` of those whose time is over, the oldest first; of all restaurants for the platform."""
    rows = await conn.fetch(
        "select restaurant_id, id from deposit where state in ('awaited', 'closing') and due_at <= now()"
        " and (state = 'closing' or reference <> '' or due_at <= now() - $2::interval) order by due_at, id limit $1",
        limit,
        NO_PAGE_AFTER,
    )
    return tuple((row["restaurant_id"], row["id"]) for row in rows)
