"""Callers that a restaurant knows, found again by a keyed hash of their number."""

from stores.ciphers import PiiCipher
from stores.postgres import Connection


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
