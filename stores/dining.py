"""Rooms with their tables, which of those are joined, and what a restaurant books by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.reservations import LONGEST_STAY, LOOK_AHEAD, LOOK_BACK, Book, DiningTable, Hold, Rules
from stores import calendar_copies, locks
from stores.errors import NotFoundError, require
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Room:
    """``open``: its tables are given to those who book."""

    id: str
    name: str
    open: bool
    tables: tuple[DiningTable, ...] = ()


class TableInUseError(Exception):
    """Tables of these names are reserved from now on: they can't be taken away."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(", ".join(names))


class RoomExistsError(Exception):
    """Another room has the name."""


_TABLES = (
    "select t.id, t.room_id, r.name as room, r.open, t.name, t.seats, t.seats_min,"
    " array(select other_id from dining_table_join where table_id = t.id"
    "  union all select table_id from dining_table_join where other_id = t.id)::text[] as joins"
    " from dining_table t join dining_room r on r.id = t.room_id where t.restaurant_id = $1"
    " order by r.position, r.name, length(t.name), t.name"  # T2 before T10
)


async def lock(conn: Connection, restaurant_id: str) -> None:
    """Until the transaction ends nobody else chooses, or takes away, a table of this restaurant.

    Taken before the tables are looked at. What reads and writes orders does not wait for it.
    """
    await conn.execute("select pg_advisory_xact_lock($1, hashtext($2))", locks.RESERVATIONS, restaurant_id)


async def tables(conn: Connection, restaurant_id: str) -> tuple[DiningTable, ...]:
    """Every table, closed rooms' too."""
    return tuple(map(_table, await conn.fetch(_TABLES, restaurant_id)))


async def rooms(conn: Connection, restaurant_id: str) -> tuple[Room, ...]:
    rows = await conn.fetch(
        "select id, name, open from dining_room where restaurant_id = $1 order by position, name", restaurant_id
    )
    found = await conn.fetch(_TABLES, restaurant_id)
    return tuple(
        Room(row["id"], row["name"], row["open"], tuple(_table(one) for one in found if one["room_id"] == row["id"]))
        for row in rows
    )


async def rules(conn: Connection, restaurant_id: str) -> Rules:
    row = await conn.fetchrow(
        "select taken, notice_minutes, horizon_days, max_covers, last_seating_minutes, stay_minutes, deposit_cents,"
        " deposit_from_covers, deposit_minutes from reservation_rules where restaurant_id = $1",
        restaurant_id,
    )
    return Rules() if row is None else _rules(row)


async def set_rules(conn: Connection, restaurant_id: str, wanted: Rules) -> None:
    """Raises asyncpg.CheckViolationError for what no restaurant books by."""
    await conn.execute(
        "insert into reservation_rules (restaurant_id, taken, notice_minutes, horizon_days, max_covers,"
        " last_seating_minutes, stay_minutes, deposit_cents, deposit_from_covers, deposit_minutes)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (restaurant_id) do update"
        " set taken = excluded.taken, notice_minutes = excluded.notice_minutes, horizon_days = excluded.horizon_days,"
        " max_covers = excluded.max_covers, last_seating_minutes = excluded.last_seating_minutes,"
        " stay_minutes = excluded.stay_minutes, deposit_cents = excluded.deposit_cents,"
        " deposit_from_covers = excluded.deposit_from_covers, deposit_minutes = excluded.deposit_minutes",
        restaurant_id,
        wanted.taken,
        wanted.notice_minutes,
        wanted.horizon_days,
        wanted.max_covers,
        wanted.last_seating_minutes,
        list(wanted.stay_minutes),
        wanted.deposit_cents,
        wanted.deposit_from_covers,
        wanted.deposit_minutes,
    )


async def holds(conn: Connection, restaurant_id: str, since: datetime, until: datetime) -> tuple[Hold, ...]:
    """The tables that are had in a part of ``[since, until)``."""
    rows = await conn.fetch(
        "select reservation_id, table_id, starts_at, ends_at from reservation_table where restaurant_id = $1"
        " and starts_at < $3 and starts_at > $2::timestamptz - $4::interval and ends_at > $2 and holds"
        " order by starts_at, table_id",
        restaurant_id,
        since,
        until,
        LONGEST_STAY,
    )
    return tuple(Hold(*row.values()) for row in rows)


async def book(conn: Connection, restaurant_id: str, around: datetime) -> Book:
    """As much as an answer about a table at ``around`` needs."""
    since, until = around - LOOK_BACK, around + LOOK_AHEAD
    return Book(
        await rules(conn, restaurant_id),
        await tables(conn, restaurant_id),
        await holds(conn, restaurant_id, since, until),
        calendar=await calendar_copies.of_restaurant(conn, restaurant_id, since, until),
    )


async def add_room(conn: Connection, restaurant_id: str, name: str) -> str:
    """At the end; returns its id. Raises RoomExistsError."""
    await lock(conn, restaurant_id)
    if await conn.fetchval("select true from dining_room where restaurant_id = $1 and name = $2", restaurant_id, name):
        raise RoomExistsError
    room_id: str = await conn.fetchval(
        "insert into dining_room (restaurant_id, name, position) select $1, $2, coalesce(max(position) + 1, 0)"
        " from dining_room where restaurant_id = $1 returning id",
        restaurant_id,
        name,
    )
    return room_id


async def add_table(conn: Connection, restaurant_id: str, room: str, name: str, seats: int) -> str:
    """Add a table, and its room when there is none of that name; returns the table's id."""
    room_id = await conn.fetchval(
        "select id from dining_room where restaurant_id = $1 and name = $2", restaurant_id, room
    )
    if room_id is None:
        room_id = await add_room(conn, restaurant_id, room)
    return await _save_table(conn, restaurant_id, room_id, DiningTable("", room, name, seats), known=False)


async def save_room(conn: Connection, restaurant_id: str, room: Room, now: datetime) -> Room:
    """Replace the room and its tables, and return how it was. A table whose id the room does not have is new, and gets
    another; one that is left out is gone. ``joins`` are of this room.

    Raises NotFoundError, RoomExistsError, and TableInUseError for one that is gone and reserved after ``now``.
    """
    await lock(conn, restaurant_id)
    before = await get_room(conn, restaurant_id, room.id)
    if await conn.fetchval(
        "select true from dining_room where restaurant_id = $1 and name = $2 and id <> $3",
        restaurant_id,
        room.name,
        room.id,
    ):
        raise RoomExistsError
    await conn.execute("update dining_room set name = $2, open = $3 where id = $1", room.id, room.name, room.open)
    kept = {table.id for table in room.tables}
    await _remove_tables(conn, [table.id for table in before.tables if table.id not in kept], now)
    ids = {}
    for table in room.tables:
        known = any(table.id == one.id for one in before.tables)
        ids[table.id] = await _save_table(conn, restaurant_id, room.id, table, known=known)
    await _join(conn, restaurant_id, room.tables, ids)
    return before


async def get_room(conn: Connection, restaurant_id: str, room_id: str) -> Room:
    """Raises NotFoundError."""
    found = next((room for room in await rooms(conn, restaurant_id) if room.id == room_id), None)
    if found is None:
        raise NotFoundError("dining room", room_id)
    return found


async def remove_room(conn: Connection, restaurant_id: str, room_id: str, now: datetime) -> Room:
    """With its tables; returns what it was. Raises NotFoundError, TableInUseError."""
    await lock(conn, restaurant_id)
    before = await get_room(conn, restaurant_id, room_id)
    await _remove_tables(conn, [table.id for table in before.tables], now)
    done = await conn.fetchval("delete from dining_room where id = $1 returning id", room_id)
    require(done, "dining room", room_id)
    return before


async def _remove_tables(conn: Connection, table_ids: Sequence[str], now: datetime) -> None:
    used = await conn.fetch(
        "select name from dining_table t where id = any($1::uuid[]) and exists (select from reservation_table r"
        " where r.table_id = t.id and r.holds and r.ends_at > $2) order by name",
        table_ids,
        now,
    )
    if used:
        raise TableInUseError(tuple(row["name"] for row in used))
    await conn.execute("delete from dining_table where id = any($1::uuid[])", table_ids)


async def _save_table(conn: Connection, restaurant_id: str, room_id: str, table: DiningTable, *, known: bool) -> str:
    """The table's id."""
    if known:
        await conn.execute(
            "update dining_table set name = $2, seats = $3, seats_min = $4 where id = $1",
            table.id,
            table.name,
            table.seats,
            table.seats_min,
        )
        return table.id
    table_id: str = await conn.fetchval(
        "insert into dining_table (restaurant_id, room_id, name, seats, seats_min) values ($1, $2, $3, $4, $5)"
        " returning id",
        restaurant_id,
        room_id,
        table.name,
        table.seats,
        table.seats_min,
    )
    return table_id


async def _join(conn: Connection, restaurant_id: str, among: Sequence[DiningTable], ids: dict[str, str]) -> None:
    """Replace what is joined in the room. ``ids`` are those that the tables have now."""
    here = list(ids.values())
    await conn.execute(
        "delete from dining_table_join where table_id = any($1::uuid[]) or other_id = any($1::uuid[])", here
    )
    pairs = {tuple(sorted((ids[table.id], ids[other]))) for table in among for other in table.joins}
    await conn.executemany(
        "insert into dining_table_join (restaurant_id, table_id, other_id) values ($1, $2, $3)",
        [(restaurant_id, *pair) for pair in sorted(pairs)],
    )


def _rules(row: asyncpg.Record) -> Rules:
    return Rules(
        row["taken"],
        row["notice_minutes"],
        row["horizon_days"],
        row["max_covers"],
        row["last_seating_minutes"],
        tuple(row["stay_minutes"]),
        row["deposit_cents"],
        row["deposit_from_covers"],
        row["deposit_minutes"],
    )


def _table(row: asyncpg.Record) -> DiningTable:
    return DiningTable(
        row["id"],
        row["room"],
        row["name"],
        row["seats"],
        seats_min=row["seats_min"],
        joins=frozenset(row["joins"]),
        open=row["open"],
    )
