"""Messages for the team that callers leave with the assistant: with the call's row, as all that was said."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.left_messages import LeftMessage, with_message
from stores.ciphers import PiiCipher, RowReader
from stores.postgres import Connection

Messages = tuple[LeftMessage, ...]


async def leave(
    conn: Connection, restaurant_id: str, call_id: str, started_at: datetime, left: LeftMessage, pii: PiiCipher
) -> Messages:
    """All messages of the call, with this one in the place of an earlier one of its kind. Safe to repeat."""
    await conn.execute(
        "insert into call_log (id, started_at, restaurant_id, outcome) values ($1, $2, $3, 'in_progress')"
        " on conflict (id, started_at) do nothing",
        call_id,
        started_at,
        restaurant_id,
    )
    kept = await conn.fetchval(
        "select messages_encrypted from call_log where id = $1 and started_at = $2 for update", call_id, started_at
    )
    known = read(RowReader(pii, restaurant_id), kept)
    messages = with_message(known, left)
    await conn.execute(
        "update call_log set messages_encrypted = $3 where id = $1 and started_at = $2",
        call_id,
        started_at,
        pii.encrypt(restaurant_id, msgspec.json.encode(messages).decode()),
    )
    return messages


def read(reader: RowReader, stored: bytes | None) -> Messages:
    """What ``messages_encrypted`` holds."""
    return reader.struct("messages", stored, Messages) or ()
