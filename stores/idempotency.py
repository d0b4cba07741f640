"""What was answered under an Idempotency-Key, kept for a day: a request that is sent again has its effect once.

The key is taken in the transaction of the effect, so that either both are there or neither. A second request with the
same key waits at the row until the first one's transaction has ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from stores.ciphers import CipherError, PiiCipher
from stores.postgres import Connection

KEPT = timedelta(hours=24)
NO_CLIENT = str(uuid.UUID(int=0))
READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """``location`` is the header, "" for none; ``body`` JSON, which may be personal."""

    status: int
    body: str
    location: str = ""


class KeyReusedError(Exception):
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key for one request. ``fingerprint`` is the SHA-256 of that request."""

    restaurant_id: str
    client_id: str
    key: str
    fingerprint: bytes


async def take(conn: Connection, key: Key, pii: PiiCipher) -> Answer | None:
    """What was answered before; None when the key is new, and this transaction's from now on.

    Raises KeyReusedError, and CipherError where the answer was sealed with another MASTER_KEY.
    """
    row = await conn.fetchrow(
        "insert into idempotency_key as k (restaurant_id, client_id, key, fingerprint) values ($1, $2, $3, $4)"
        # Locks the row, waits for the transaction that has it, and starts anew once it is too old.
        " on conflict (restaurant_id, client_id, key) do update set"
        " fingerprint = case when k.created_at < now() - $5::interval then excluded.fingerprint else k.fingerprint end,"
        " status = case when k.created_at < now() - $5::interval then null else k.status end,"
        " created_at = case when k.created_at < now() - $5::interval then now() else k.created_at end"
        " returning fingerprint, status, location, answer_encrypted",
        key.restaurant_id,
        key.client_id,
        key.key,
        key.fingerprint,
        KEPT,
    )
    assert row is not None
    if row["status"] is None:
        return None
    if row["fingerprint"] != key.fingerprint:
        raise KeyReusedError(key.key)
    return Answer(row["status"], pii.decrypt(key.restaurant_id, row["answer_encrypted"]), row["location"])


async def forget(conn: Connection, restaurant_id: str, naming: Collection[str], pii: PiiCipher) -> None:
    """Empty the answers in which any of these texts stands: a repetition then gets the same status and ``{}``.

    An answer that can't be read is emptied as well.
    """
    client, key = NO_CLIENT, ""
    while True:
        rows = await conn.fetch(
            "select client_id, key, answer_encrypted from idempotency_key where restaurant_id = $1"
            " and (client_id, key) > ($2::uuid, $3) and status <> 204 order by client_id, key limit $4",
            restaurant_id,
            client,
            key,
            READ_AT_ONCE,
        )
        for row in rows:
            if row["answer_encrypted"] is not None and _names(row["answer_encrypted"], restaurant_id, naming, pii):
                await conn.execute(
                    "update idempotency_key set answer_encrypted = $4"
                    " where restaurant_id = $1 and client_id = $2 and key = $3",
                    restaurant_id,
                    row["client_id"],
                    row["key"],
                    pii.encrypt(restaurant_id, "{}"),
                )
        if len(rows) < READ_AT_ONCE:
            return
        client, key = rows[-1]["client_id"], rows[-1]["key"]


def _names(sealed: bytes, restaurant_id: str, naming: Collection[str], pii: PiiCipher) -> bool:
    try:
        answer = pii.decrypt(restaurant_id, sealed)
    except CipherError:
        return True
    return any(text in answer for text in naming)


async def keep(conn: Connection, key: Key, answer: Answer, pii: PiiCipher) -> None:
    """What is answered to this request and to each repetition."""
    await conn.execute(
        "update idempotency_key set status = $4, location = $5, answer_encrypted = $6"
        " where restaurant_id = $1 and client_id = $2 and key = $3",
        key.restaurant_id,
        key.client_id,
        key.key,
        answer.status,
        answer.location,
        pii.encrypt(key.restaurant_id, answer.body),
    )
