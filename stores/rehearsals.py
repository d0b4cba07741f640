"""Orders that a synthetic caller's restaurant takes: written down to be compared, and never for a kitchen.

They lie in a table of their own, which no board, ticket, figure, webhook or API reads. Which restaurant is synthetic
only the platform role may say, once and for ever; the database refuses it people, devices, webhooks, tokens and orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from domain.order import ConfirmedOrder
from stores.errors import require
from stores.orders import StoredOrder
from stores.postgres import Connection

NO_TICKET = 0


class RehearsedLine(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    quantity: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class RehearsedOrder:
    fulfilment: str
    currency: str
    total_cents: int
    lines: tuple[RehearsedLine, ...]


async def mark_restaurant(conn: Connection, restaurant_id: str) -> None:
    """From now on its orders are rehearsed. Needs the platform role.

    Raises NotFoundError, asyncpg.CheckViolationError for a restaurant with people or orders.
    """
    done = await conn.fetchval("update restaurant set is_synthetic = true where id = $1 returning id", restaurant_id)
    require(done, "restaurant", restaurant_id)


async def take(conn: Connection, order: ConfirmedOrder) -> StoredOrder | None:
    """Write the order of a synthetic restaurant down, once; None for a restaurant whose orders are meant.

    Its number is NO_TICKET. What names the caller is not kept.
    """
    lines = tuple(RehearsedLine(line.item_name, line.quantity, line.total_cents) for line in order.lines)
    row = await conn.fetchrow(
        "with written as (insert into rehearsed_order"
        " (id, restaurant_id, call_id, fulfilment, currency, total_cents, lines, confirmed_at)"
        " select $1, id, $3, $4, $5, $6, $7, $8 from restaurant where id = $2 and is_synthetic"
        " on conflict (id) do nothing returning id)"
        " select is_synthetic, exists (select from written) as created from restaurant where id = $2",
        order.id,
        order.restaurant_id,
        order.call_id,
        order.fulfilment.kind,
        order.currency,
        order.total_cents,
        msgspec.to_builtins(lines),
        order.confirmed_at,
    )
    if row is None or not row["is_synthetic"]:
        return None
    return StoredOrder(order.id, NO_TICKET, row["created"], order.confirmed_at)


# --- The synthetic caller's own role: these two, and no table ------------------------------------------------------


FailedAt = Literal["", "answer", "greeting", "reply", "order", "content"]
"""How far a synthetic call got; "" is all the way."""


@dataclass(frozen=True, slots=True)
class SyntheticCall:
    """``why`` is in words without what was said; milliseconds are from the INVITE, and for ``reply_ms`` from the end of
    the caller's sentence, None where it did not come to that.
    """

    started_at: datetime
    failed_at: FailedAt
    why: str
    answer_ms: int | None
    greeting_ms: int | None
    reply_ms: int | None
    seconds: float


async def since(conn: Connection, moment: datetime) -> RehearsedOrder | None:
    """The newest order that was rehearsed since then."""
    row = await conn.fetchrow("select * from rehearsed_since($1)", moment)
    if row is None:
        return None
    lines = msgspec.convert(row["lines"], tuple[RehearsedLine, ...])
    return RehearsedOrder(row["fulfilment"], row["currency"], row["total_cents"], lines)


async def record_call(conn: Connection, call: SyntheticCall) -> None:
    """Those older than 90 days go."""
    await conn.execute(
        "select record_synthetic_call($1, $2, $3, $4, $5, $6, $7)",
        call.started_at,
        call.failed_at,
        call.why,
        call.answer_ms,
        call.greeting_ms,
        call.reply_ms,
        call.seconds,
    )


# --- Who looks at them ---------------------------------------------------------------------------------------------


async def last_calls(conn: Connection, limit: int) -> tuple[SyntheticCall, ...]:
    """The newest first. Needs the platform role."""
    rows = await conn.fetch(
        "select started_at, failed_at, why, answer_ms, greeting_ms, reply_ms, seconds from synthetic_call"
        " order by started_at desc limit $1",
        limit,
    )
    return tuple(SyntheticCall(*row.values()) for row in rows)
