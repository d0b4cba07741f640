"""Who waits for a table at a restaurant that has none at the time they would like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stores import customers
from stores.ciphers import PiiCipher, RowReader
from stores.errors import NotFoundError, require
from stores.postgres import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingParty:
    """``unreadable`` names those of name and phone whose ciphertext can't be read; they are empty then."""

    id: str
    wanted_at: datetime
    covers: int
    name: str = ""
    phone: str = ""
    note: str = ""
    created_at: datetime
    unreadable: frozenset[str] = frozenset()


async def add(
    conn: Connection,
    restaurant_id: str,
    wanted_at: datetime,
    covers: int,
    *,
    name: str,
    phone: str,
    note: str,
    pii: PiiCipher,
) -> str:
    """Returns the entry's id."""
    customer_id = await customers.remember_if_known(conn, restaurant_id, phone, name, pii)
    added: str = await conn.fetchval(
        "insert into waiting_party (restaurant_id, customer_id, wanted_at, covers, name_encrypted, note)"
        " values ($1, $2, $3, $4, $5, $6) returning id",
        restaurant_id,
        customer_id,
        wanted_at,
        covers,
        pii.encrypt(restaurant_id, name) if name else None,
        note,
    )
    return added


async def between(
    conn: Connection, restaurant_id: str, since: datetime, until: datetime, *, limit: int, pii: PiiCipher | None = None
) -> tuple[WaitingParty, ...]:
    """Who waits for a table in ``[since, until)``, those who have waited longest first; at most ``limit``.

    Not those to whom one is offered: they are back when that reservation is cancelled.
    """
    rows = await conn.fetch(
        f"{_SELECTED} where w.restaurant_id = $1 and w.wanted_at >= $2 and w.wanted_at < $3 and w.left_at is null"
        f" and {_UNSERVED} order by w.created_at, w.id limit $4",
        restaurant_id,
        since,
        until,
        limit,
    )
    return tuple(_party(row, pii) for row in rows)


async def of_customer(
    conn: Connection, customer_id: str, limit: int, *, pii: PiiCipher | None = None
) -> tuple[WaitingParty, ...]:
    """Theirs, the latest first, those who wait no more as well."""
    rows = await conn.fetch(
        f"{_SELECTED} where w.customer_id = $1 order by w.wanted_at desc, w.id limit $2", customer_id, limit
    )
    return tuple(_party(row, pii) for row in rows)


async def get(conn: Connection, party_id: str, *, pii: PiiCipher | None = None) -> WaitingParty:
    """Of one who waits still, locked until the transaction ends. Raises NotFoundError."""
    row = await conn.fetchrow(
        f"{_SELECTED} where w.id = $1 and w.left_at is null and {_UNSERVED} for update of w", party_id
    )
    if row is None:
        raise NotFoundError("waiting party", party_id)
    return _party(row, pii)


async def offered(conn: Connection, party_id: str, reservation_id: str) -> None:
    """The reservation is theirs. Raises NotFoundError."""
    done = await conn.fetchval(
        "update waiting_party set reservation_id = $2 where id = $1 and left_at is null returning id",
        party_id,
        reservation_id,
    )
    require(done, "waiting party", party_id)


async def leave(conn: Connection, party_id: str, now: datetime) -> None:
    """They wait no more. Raises NotFoundError."""
    done = await conn.fetchval(
        "update waiting_party set left_at = $2 where id = $1 and left_at is null returning id", party_id, now
    )
    require(done, "waiting party", party_id)


_SELECTED = (
    "select w.id, w.restaurant_id, w.wanted_at, w.covers, w.name_encrypted, w.note, w.created_at, c.phone_encrypted"
    " from waiting_party w left join customer c on c.id = w.customer_id"
)
_UNSERVED = "not exists (select from reservation r where r.id = w.reservation_id and r.status <> 'cancelled')"


def _party(row: asyncpg.Record, pii: PiiCipher | None) -> WaitingParty:
    reader = RowReader(pii, row["restaurant_id"])
    name, phone = reader.text("name", row["name_encrypted"]), reader.text("phone", row["phone_encrypted"])
    return WaitingParty(
        id=row["id"],
        wanted_at=row["wanted_at"],
        covers=row["covers"],
        name=name,
        phone=phone,
        note=row["note"],
        created_at=row["created_at"],
        unreadable=reader.unreadable,
    )
