"""Text messages: who wants none, what was sent, and what became of it.

Receipts come late, twice and out of order: a message that was delivered is not on its way again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stores.ciphers import PiiCipher
from stores.postgres import Connection

Fate = Literal["accepted", "sent", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class SentMessage:
    """``code`` is the service's own, for one that failed."""

    template: str
    parts: int
    fate: Fate
    code: str
    at: datetime
    fate_at: datetime


async def opt_out(conn: Connection, restaurant_id: str, number: str, pii: PiiCipher) -> None:
    await conn.execute(
        "insert into message_opt_out (restaurant_id, phone_hash) values ($1, $2) on conflict do nothing",
        restaurant_id,
        pii.phone_hash(restaurant_id, number),
    )


async def opt_in(conn: Connection, restaurant_id: str, number: str, pii: PiiCipher) -> None:
    await conn.execute(
        "delete from message_opt_out where restaurant_id = $1 and phone_hash = any($2::bytea[])",
        restaurant_id,
        list(pii.phone_hashes(restaurant_id, number)),
    )


async def wants_none(conn: Connection, restaurant_id: str, number: str, pii: PiiCipher) -> bool:
    found: bool = await conn.fetchval(
        "select exists (select from message_opt_out where restaurant_id = $1 and phone_hash = any($2::bytea[]))",
        restaurant_id,
        list(pii.phone_hashes(restaurant_id, number)),
    )
    return found


async def record_sent(
    conn: Connection, restaurant_id: str, connection_id: str, reference: str, *, about: str, template: str, parts: int
) -> None:
    await conn.execute(
        "insert into sent_message (restaurant_id, connection_id, reference, about, template, parts)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (connection_id, reference)"
        " do update set about = $4, template = $5, parts = $6",
        restaurant_id,
        connection_id,
        reference,
        about,
        template,
        parts,
    )


async def record_fate(
    conn: Connection, restaurant_id: str, connection_id: str, reference: str, fate: Fate, code: str = ""
) -> None:
    await conn.execute(
        "insert into sent_message as s (restaurant_id, connection_id, reference, fate, code)"
        " values ($1, $2, $3, $4, $5) on conflict (connection_id, reference)"
        " do update set fate = $4, code = $5, fate_at = now() where s.fate in ('accepted', 'sent') and $4 <> s.fate",
        restaurant_id,
        connection_id,
        reference,
        fate,
        code[:20],
    )


async def of_subject(conn: Connection, restaurant_id: str, about: str) -> tuple[SentMessage, ...]:
    """The oldest first."""
    rows = await conn.fetch(
        "select template, parts, fate, code, at, fate_at from sent_message"
        " where restaurant_id = $1 and about = $2 order by at, reference",
        restaurant_id,
        about,
    )
    return tuple(SentMessage(**dict(row)) for row in rows)
