"""Callers that a restaurant knows, found again by a keyed hash of their number."""

import re

from stores.ciphers import PiiCipher
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
