"""Tables and their bookings. That one table is never booked twice is the database's to keep."""

from datetime import datetime

import asyncpg

from domain.reservations import DiningTable, Reservation
from stores import customers
from stores.ciphers import PiiCipher
from stores.errors import require
from stores.postgres import Connection


class TableTakenError(Exception):
    """Another booking has the table for a part of that time."""


async def add_table(conn: Connection, restaurant_id: str, room: str, name: str, seats: int) -> str:
    """Add a table, and its room when there is none of that name; returns the table's id."""
    room_id = await conn.fetchval(
        "select id from dining_room where restaurant_id = $1 and name = $2", restaurant_id, room
    )
    if room_id is None:
        room_id = await conn.fetchval(
            "insert into dining_room (restaurant_id, name) values ($1, $2) returning id", restaurant_id, room
        )
    table_id: str = await conn.fetchval(
        "insert into dining_table (restaurant_id, room_id, name, seats) values ($1, $2, $3, $4) returning id",
        restaurant_id,
        room_id,
        name,
        seats,
    )
    return table_id


async def tables(conn: Connection, restaurant_id: str) -> tuple[DiningTable, ...]:
    rows = await conn.fetch(
        "select t.id, r.name as room, t.name, t.seats from dining_table t join dining_room r on r.id = t.room_id"
        " where t.restaurant_id = $1 order by r.position, r.name, t.name",
        restaurant_id,
    )
    return tuple(DiningTable(row["id"], row["room"], row["name"], row["seats"]) for row in rows)


async def between(
    conn: Connection, restaurant_id: str, starts_at: datetime, ends_at: datetime
) -> tuple[Reservation, ...]:
    """Bookings that hold a table for a part of ``[starts_at, ends_at)``."""
    rows = await conn.fetch(
        "select id, table_id, starts_at, ends_at, covers from reservation where restaurant_id = $1"
        " and starts_at < $3 and ends_at > $2 and table_id is not null"
        " and status in ('held', 'confirmed', 'seated') order by starts_at, id",
        restaurant_id,
        starts_at,
        ends_at,
    )
    return tuple(
        Reservation(row["id"], row["table_id"], row["starts_at"], row["ends_at"], row["covers"]) for row in rows
    )


async def book(
    conn: Connection,
    restaurant_id: str,
    table_id: str,
    starts_at: datetime,
    ends_at: datetime,
    covers: int,
    *,
    name: str,
    phone: str,
    pii: PiiCipher,
    call_id: str | None = None,
    note: str = "",
) -> Reservation:
    """Raises TableTakenError (the transaction stays usable), asyncpg.ForeignKeyViolationError for no such table."""
    known = customers.is_somebodys(phone)
    customer_id = await customers.remember(conn, restaurant_id, phone, name, pii) if known else None
    try:
        async with conn.transaction():
            reservation_id = await conn.fetchval(
                "insert into reservation (restaurant_id, table_id, customer_id, call_id, starts_at, ends_at, covers,"
                " name_encrypted, note) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
                restaurant_id,
                table_id,
                customer_id,
                call_id,
                starts_at,
                ends_at,
                covers,
                pii.encrypt(restaurant_id, name) if name else None,
                note,
            )
    except asyncpg.ExclusionViolationError:
        raise TableTakenError(table_id) from None
    return Reservation(reservation_id, table_id, starts_at, ends_at, covers)


async def cancel(conn: Connection, reservation_id: str) -> None:
    """Raises NotFoundError."""
    done = await conn.fetchval("update reservation set status = 'cancelled' where id = $1 returning id", reservation_id)
    require(done, "reservation", reservation_id)
