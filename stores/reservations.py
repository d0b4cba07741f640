"""Reservations and the tables that they hold. That one table is never had twice is the database's to keep.

Two may change one reservation at the same moment. Each says which status it saw, and only the first one finds it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.reservations import HOLDING, LONGEST_STAY, CancelReason, Status
from stores import customers
from stores.ciphers import PiiCipher, RowReader
from stores.errors import NotFoundError
from stores.postgres import Connection


class TableTakenError(Exception):
    """Another reservation has the table for a part of that time. The transaction stays usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is written of a reservation. ``phone`` is kept where it is somebody's; ``table_ids`` empty for none."""

    starts_at: datetime
    ends_at: datetime
    covers: int
    table_ids: Sequence[str] = ()
    name: str = ""
    phone: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """``unreadable`` names those of name and phone whose ciphertext can't be read; they are empty then."""

    id: str
    status: Status
    starts_at: datetime
    ends_at: datetime
    covers: int
    table_ids: tuple[str, ...]
    name: str = ""
    phone: str = ""
    note: str = ""
    call_id: str = ""
    customer_id: str | None = None
    cancel_reason: str = ""
    cancel_note: str = ""
    unreadable: frozenset[str] = frozenset()


class StatusChangedError(Exception):
    """The reservation is no longer in the status that was seen: somebody else was faster. ``present`` is how it is."""

    def __init__(self, present: Reservation) -> None:
        self.present = present
        super().__init__(f"reservation {present.id} is {present.status}")


_SELECTED = (
    "select r.id, r.restaurant_id, r.status, r.starts_at, r.ends_at, r.covers, r.name_encrypted, r.note, r.call_id,"
    " r.customer_id, r.cancel_reason, r.cancel_note, c.phone_encrypted,"
    " array(select h.table_id from reservation_table h join dining_table t on t.id = h.table_id"
    "  where h.reservation_id = r.id order by length(t.name), t.name)::text[] as table_ids"
    " from reservation r left join customer c on c.id = r.customer_id"
)


async def between(
    conn: Connection, restaurant_id: str, since: datetime, until: datetime, *, limit: int, pii: PiiCipher | None = None
) -> tuple[Reservation, ...]:
    """Those that have a moment in ``[since, until)``, cancelled ones too, in order; at most ``limit``."""
    rows = await conn.fetch(
        f"{_SELECTED} where r.restaurant_id = $1 and r.starts_at < $3 and r.ends_at > $2"
        " and r.starts_at > $2::timestamptz - $5::interval order by r.starts_at, r.id limit $4",
        restaurant_id,
        since,
        until,
        limit,
        LONGEST_STAY,
    )
    return tuple(_reservation(row, pii) for row in rows)


async def of_customer(
    conn: Connection, customer_id: str, limit: int, *, pii: PiiCipher | None = None
) -> tuple[Reservation, ...]:
    """Theirs, the latest first."""
    rows = await conn.fetch(
        f"{_SELECTED} where r.customer_id = $1 order by r.starts_at desc, r.id limit $2", customer_id, limit
    )
    return tuple(_reservation(row, pii) for row in rows)


async def get(conn: Connection, reservation_id: str, *, pii: PiiCipher | None = None) -> Reservation:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"{_SELECTED} where r.id = $1", reservation_id)
    if row is None:
        raise NotFoundError("reservation", reservation_id)
    return _reservation(row, pii)


async def add(
    conn: Connection,
    restaurant_id: str,
    wish: Wish,
    *,
    status: Status,
    pii: PiiCipher,
    call_id: str | None = None,
    reservation_id: str | None = None,
) -> str:
    """Returns its id, a new one unless it is given.

    Raises TableTakenError, asyncpg.ForeignKeyViolationError for no such table.
    """
    customer_id = await customers.remember_if_known(conn, restaurant_id, wish.phone, wish.name, pii)
    async with _unless_taken(conn):
        added: str = await conn.fetchval(
            "insert into reservation (id, restaurant_id, customer_id, call_id, starts_at, ends_at, covers, status,"
            " name_encrypted, note) values (coalesce($1, gen_random_uuid()), $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            " returning id",
            reservation_id,
            restaurant_id,
            customer_id,
            call_id,
            wish.starts_at,
            wish.ends_at,
            wish.covers,
            status,
            pii.encrypt(restaurant_id, wish.name) if wish.name else None,
            wish.note,
        )
        await _hold(conn, restaurant_id, added, wish, status)
    return added


async def change(conn: Connection, restaurant_id: str, reservation_id: str, wish: Wish, pii: PiiCipher) -> None:
    """Replace all that ``wish`` says. Raises NotFoundError, TableTakenError, then nothing was changed."""
    customer_id = await customers.remember_if_known(conn, restaurant_id, wish.phone, wish.name, pii)
    async with _unless_taken(conn):
        await conn.execute("delete from reservation_table where reservation_id = $1", reservation_id)
        status = await conn.fetchval(
            "update reservation set customer_id = $2, starts_at = $3, ends_at = $4, covers = $5, name_encrypted = $6,"
            " note = $7 where id = $1 returning status",
            reservation_id,
            customer_id,
            wish.starts_at,
            wish.ends_at,
            wish.covers,
            pii.encrypt(restaurant_id, wish.name) if wish.name else None,
            wish.note,
        )
        if status is None:
            raise NotFoundError("reservation", reservation_id)
        await _hold(conn, restaurant_id, reservation_id, wish, status)


async def move(
    conn: Connection,
    reservation_id: str,
    seen: Status,
    to: Status,
    *,
    reason: CancelReason | None = None,
    note: str = "",
) -> None:
    """From the status that was seen to another one. Its tables are free unless it goes on to hold them.

    Raises NotFoundError, StatusChangedError, and TableTakenError when it had let go of a table that somebody else has.
    """
    async with _unless_taken(conn):
        moved = await conn.fetchval(
            "update reservation set status = $3, cancel_reason = $4, cancel_note = $5 where id = $1 and status = $2"
            " returning id",
            reservation_id,
            seen,
            to,
            reason or "",
            note,
        )
        if moved is None:
            raise StatusChangedError(await get(conn, reservation_id))
        await conn.execute(
            "update reservation_table set holds = $2 where reservation_id = $1 and holds <> $2",
            reservation_id,
            to in HOLDING,
        )


@asynccontextmanager
async def _unless_taken(conn: Connection) -> AsyncIterator[None]:
    try:
        async with conn.transaction():
            yield
    except asyncpg.ExclusionViolationError:
        raise TableTakenError from None


async def _hold(conn: Connection, restaurant_id: str, reservation_id: str, wish: Wish, status: Status) -> None:
    """A request names the tables that it would have, and holds them once it is confirmed."""
    await conn.executemany(
        "insert into reservation_table (restaurant_id, reservation_id, table_id, starts_at, ends_at, holds)"
        " values ($1, $2, $3, $4, $5, $6)",
        [
            (restaurant_id, reservation_id, table_id, wish.starts_at, wish.ends_at, status in HOLDING)
            for table_id in wish.table_ids
        ],
    )


def _reservation(row: asyncpg.Record, pii: PiiCipher | None) -> Reservation:
    reader = RowReader(pii, row["restaurant_id"])
    name, phone = reader.text("name", row["name_encrypted"]), reader.text("phone", row["phone_encrypted"])
    return Reservation(
        id=row["id"],
        status=row["status"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        covers=row["covers"],
        table_ids=tuple(row["table_ids"]),
        name=name,
        phone=phone,
        note=row["note"],
        call_id=row["call_id"] or "",
        customer_id=row["customer_id"],
        cancel_reason=row["cancel_reason"],
        cancel_note=row["cancel_note"],
        unreadable=reader.unreadable,
    )
