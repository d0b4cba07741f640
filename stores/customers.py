"""Callers that a restaurant knows, found again by a keyed hash of their number."""

from dataclasses import dataclass
from datetime import datetime

from stores.ciphers import PiiCipher
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Customer:
    """Personal data: never in a log."""

    id: str
    phone: str
    name: str
    last_seen_at: datetime


async def remember(conn: Connection, restaurant_id: str, phone: str, name: str, pii: PiiCipher) -> str:
    """Note that this number called, under this name unless it is empty; returns the customer's id."""
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


async def find(conn: Connection, restaurant_id: str, phone: str, pii: PiiCipher) -> Customer | None:
    row = await conn.fetchrow(
        "select id, phone_encrypted, name_encrypted, last_seen_at from customer"
        " where restaurant_id = $1 and phone_hash = $2",
        restaurant_id,
        pii.phone_hash(restaurant_id, phone),
    )
    if row is None:
        return None
    return Customer(
        id=row["id"],
        phone=pii.decrypt(restaurant_id, row["phone_encrypted"]),
        name=pii.decrypt(restaurant_id, row["name_encrypted"]) if row["name_encrypted"] else "",
        last_seen_at=row["last_seen_at"],
    )
