"""Notices that connected services send: whose they are, and that each is taken once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stores import connections
from stores.ciphers import CipherError, PiiCipher
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Hook:
    connection_id: str
    restaurant_id: str
    provider: str
    secrets: Mapping[str, str] = field(repr=False)


async def find(conn: Connection, connection_id: str, pii: PiiCipher) -> Hook | None:
    """Of any restaurant: a notice names the connection alone. None for one that can't be opened, or is off,
    unless it is about payments or messages: what was begun there goes on."""
    row = await conn.fetchrow("select * from hook_of($1)", connection_id)
    if row is None or row["secrets_encrypted"] is None:
        return None
    try:
        secrets = connections.unsealed(pii, row["restaurant_id"], row["secrets_encrypted"])
    except CipherError:
        return None
    return Hook(connection_id, row["restaurant_id"], row["provider"], secrets)


async def is_new(conn: Connection, hook: Hook, message_id: str) -> bool:
    """In the transaction of its effect."""
    return (
        await conn.fetchval(
            "insert into received_notice (restaurant_id, connection_id, message_id) values ($1, $2, $3)"
            " on conflict do nothing returning true",
            hook.restaurant_id,
            hook.connection_id,
            message_id[:200],
        )
        is True
    )


async def is_latest(conn: Connection, hook: Hook, subject: str, at: datetime) -> bool:
    """Whether this is new, and nothing later was said about ``subject``; in the transaction of its effect."""
    stamp = f"{subject[:160]}@"
    message_id = f"{stamp}{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    if not await is_new(conn, hook, message_id):
        return False
    return (
        await conn.fetchval(
            "select not exists (select from received_notice where connection_id = $1"
            ' and starts_with(message_id, $2) and message_id collate "C" > $3)',
            hook.connection_id,
            stamp,
            message_id,
        )
        is True
    )
