"""Callers that a restaurant knows, found again by a keyed hash of their number."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stores import locks
from stores.ciphers import PiiCipher, RowReader
from stores.errors import NotFoundError
from stores.paging import Narrowing, Position
from stores.postgres import Connection

# E.164: a country's digit and at most 15 in all; or national, after a zero. What trunks send for callers that they
# do not know ("0000000000", "266696687", which spells ANONYMOUS, fifteen nines) is no number that anybody has.
_DIALLABLE = re.compile(r"(?:\+|00)[1-9]\d{6,14}|0[1-9]\d{6,10}|[1-9]\d{6,14}")
_NOBODYS = re.compile(r"\+?(?:266696687|(\d)\1*)")


def is_somebodys(phone: str) -> bool:
    """Whether one customer can be told from another by this number."""
    bare = re.sub(r"[\s().\-/]", "", phone)
    return bool(_DIALLABLE.fullmatch(bare)) and not _NOBODYS.fullmatch(bare)


async def remember(conn: Connection, restaurant_id: str, phone: str, name: str, pii: PiiCipher) -> str:
    """Note that this number called, under this name unless it is empty; returns the customer's id."""
    await _be_found(conn, restaurant_id, pii.phone_hashes(restaurant_id, phone))
    customer_id: str = await conn.fetchval(
        "insert into customer (restaurant_id, phone_hash, phone_encrypted, name_encrypted) values ($1, $2, $3, $4)"
        " on conflict (restaurant_id, phone_hash) do update set last_seen_at = now(),"
        " name_encrypted = coalesce(excluded.name_encrypted, customer.name_encrypted) returning id",
        restaurant_id,
        pii.phone_hash(restaurant_id, phone),
        pii.encrypt(restaurant_id, phone),
        pii.encrypt(restaurant_id, name) if name else None,
    )
    return customer_id


async def _be_found(conn: Connection, restaurant_id: str, hashes: tuple[bytes, ...]) -> None:
    """While MASTER_KEY is rotated, the row that an older key's hash names: one number stays one customer, also where
    two processes with different keys first hear of it at once."""
    written, *older = hashes
    if older:
        number = int.from_bytes(min(hashes)[:4], "big", signed=True)
        await conn.execute("select pg_advisory_xact_lock($1, $2)", locks.CUSTOMER_NUMBERS, number)
        await conn.execute(
            "update customer set phone_hash = $2 where restaurant_id = $1 and phone_hash = any($3::bytea[])"
            " and not exists (select from customer c where c.restaurant_id = $1 and c.phone_hash = $2)",
            restaurant_id,
            written,
            older,
        )


async def remember_if_known(conn: Connection, restaurant_id: str, phone: str, name: str, pii: PiiCipher) -> str | None:
    """``remember`` where the number is somebody's; None where it is not."""
    return await remember(conn, restaurant_id, phone, name, pii) if is_somebodys(phone) else None


@dataclass(frozen=True, slots=True)
class Customer:
    """``unreadable`` names those of name and phone whose ciphertext can't be read; they are empty then."""

    id: str
    name: str
    phone: str
    created_at: datetime
    last_seen_at: datetime
    phone_hash: bytes
    unreadable: frozenset[str] = frozenset()


def hashes_of(customer: Customer, restaurant_id: str, pii: PiiCipher) -> tuple[bytes, ...]:
    """By which their calls are found, while MASTER_KEY is rotated too."""
    return (customer.phone_hash, *(pii.phone_hashes(restaurant_id, customer.phone) if customer.phone else ()))


_SHOWN = "id, restaurant_id, name_encrypted, phone_encrypted, created_at, last_seen_at, phone_hash"


async def recent(
    conn: Connection, limit: int, after: Position | None = None, *, pii: PiiCipher
) -> tuple[Customer, ...]:
    """Who called last comes first; ``after`` is where the page before ended."""
    narrowed = Narrowing(limit)
    narrowed.below(after, "last_seen_at", "uuid")
    rows = await conn.fetch(
        f"select {_SHOWN} from customer{narrowed.where} order by last_seen_at desc, id limit $1", *narrowed.values
    )
    return tuple(_customer(row, pii) for row in rows)


async def by_phone(
    conn: Connection, restaurant_id: str, phones: Iterable[str], *, pii: PiiCipher
) -> tuple[Customer, ...]:
    """Those with one of these spellings of a number."""
    hashes = [one for phone in phones for one in pii.phone_hashes(restaurant_id, phone)]
    rows = await conn.fetch(
        f"select {_SHOWN} from customer where restaurant_id = $1 and phone_hash = any($2::bytea[])"
        " order by last_seen_at desc",
        restaurant_id,
        hashes,
    )
    return tuple(_customer(row, pii) for row in rows)


async def get(conn: Connection, customer_id: str, *, pii: PiiCipher) -> Customer:
    """Raises NotFoundError."""
    row = await conn.fetchrow(f"select {_SHOWN} from customer where id = $1", customer_id)
    if row is None:
        raise NotFoundError("customer", customer_id)
    return _customer(row, pii)


async def phone_of_order(conn: Connection, order_id: str, *, pii: PiiCipher) -> str:
    """The number of who ordered; "" where it isn't known, or can't be read any more."""
    row = await conn.fetchrow(
        'select c.restaurant_id, c.phone_encrypted from "order" o join customer c on c.id = o.customer_id'
        " where o.id = $1",
        order_id,
    )
    return "" if row is None else RowReader(pii, row["restaurant_id"]).text("phone", row["phone_encrypted"])


def _customer(row: asyncpg.Record, pii: PiiCipher) -> Customer:
    reader = RowReader(pii, row["restaurant_id"])
    name, phone = reader.text("name", row["name_encrypted"]), reader.text("phone", row["phone_encrypted"])
    return Customer(
        row["id"], name, phone, row["created_at"], row["last_seen_at"], row["phone_hash"], reader.unreadable
    )
