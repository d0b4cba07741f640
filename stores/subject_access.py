"""What is held of a customer beside their row, orders and reservations: for the copy that the law lets them ask for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores import calls
from stores.calls import LoggedCall
from stores.ciphers import PiiCipher, RowReader
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class SentEvent:
    """``event`` is a CloudEvent, ``personal`` the fields of its data that name them; ``sent_to`` took it."""

    at: datetime
    event: dict[str, Any]
    personal: dict[str, Any]
    sent_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldLetter:
    """An event that somebody could not take, as it came."""

    received_at: datetime
    type: str
    body: str


@dataclass(frozen=True, slots=True)
class CallMessages:
    """The SIP messages of a call and how it went, by the names of ``domain.traces``."""

    call_id: str
    ladder: Any
    moments: Any


async def calls_of(
    conn: Connection, caller_hashes: Sequence[bytes], limit: int, *, pii: PiiCipher
) -> tuple[LoggedCall, ...]:
    """The newest first, with what was said and the carts."""
    rows = await conn.fetch(
        f"select {calls.COLUMNS}, {calls.WORDS} from call_log"
        " where caller_hash = any($1::bytea[])"
        " order by started_at desc, id limit $2",
        list(caller_hashes),
        limit,
    )
    return tuple(calls.call_of(row, pii) for row in rows)


async def messages_of(conn: Connection, restaurant_id: str, call_ids: Collection[str]) -> tuple[CallMessages, ...]:
    rows = await conn.fetch(
        "select call_id, ladder, moments from call_trace where restaurant_id = $1 and call_id = any($2::text[])"
        " order by started_at",
        restaurant_id,
        list(call_ids),
    )
    return tuple(CallMessages(row["call_id"], row["ladder"], row["moments"]) for row in rows)


async def events_of(
    conn: Connection, restaurant_id: str, named: Collection[str], limit: int, *, pii: PiiCipher
) -> tuple[SentEvent, ...]:
    """What integrators are told about these calls, orders and reservations, and where it was sent; the newest first."""
    rows = await conn.fetch(
        "select i.restaurant_id, i.at, i.event, i.personal_encrypted, array("
        " select w.url from webhook_delivery d join webhook_endpoint w on w.id = d.endpoint_id"
        " where d.restaurant_id = i.restaurant_id and d.integration_event_id = i.id and d.state = 'delivered'"
        " ) as sent_to"
        " from integration_event i where i.restaurant_id = $1"
        " and array[i.event -> 'data' ->> 'callId', i.event -> 'data' ->> 'orderId',"
        " i.event -> 'data' ->> 'reservationId'] && $2::text[]"
        " order by i.id desc limit $3",
        restaurant_id,
        list(named),
        limit,
    )
    return tuple(
        SentEvent(
            row["at"],
            row["event"],
            RowReader(pii, row["restaurant_id"]).struct("personal", row["personal_encrypted"], dict[str, Any]) or {},
            tuple(row["sent_to"]),
        )
        for row in rows
    )


async def letters_of(
    conn: Connection, restaurant_id: str, named: Collection[str], limit: int
) -> tuple[HeldLetter, ...]:
    """Dead letters in which one of these ids stands; the newest first."""
    rows = await conn.fetch(
        "select received_at, type, body from dead_letter d where restaurant_id = $1 and exists ("
        " select from unnest($2::text[]) as name where position(convert_to(name, 'UTF8') in d.body) > 0)"
        " order by received_at desc limit $3",
        restaurant_id,
        list(named),
        limit,
    )
    return tuple(
        HeldLetter(row["received_at"], row["type"], row["body"].decode("utf-8", "backslashreplace")) for row in rows
    )
