"""What messages have cost, by month (UTC) and by who brought them: sent ones at once, prices when they are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """``currency`` "" counts what was sent; another one (ISO 4217, or ``credits``) what has a price, in ``micros``."""

    month: date
    provider: str
    currency: str
    messages: int
    parts: int
    micros: int


async def add(
    conn: Connection, restaurant_id: str, provider: str, parts: int, *, currency: str = "", micros: int = 0
) -> None:
    """One message."""
    await conn.execute(
        "insert into message_cost as c (restaurant_id, month, provider, currency, messages, parts, micros)"
        " values ($1, date_trunc('month', now() at time zone 'UTC')::date, $2, $3, 1, $4, $5)"
        " on conflict (restaurant_id, month, provider, currency) do update"
        " set messages = c.messages + 1, parts = c.parts + $4, micros = c.micros + $5",
        restaurant_id,
        provider,
        currency,
        parts,
        micros,
    )


async def of_provider(conn: Connection, restaurant_id: str, provider: str, months: int) -> tuple[MonthlyCost, ...]:
    """The newest month first, within it what was sent before what it has cost."""
    rows = await conn.fetch(
        "select month, provider, currency, messages, parts, micros from message_cost"
        " where restaurant_id = $1 and provider = $2"
        " and month > date_trunc('month', now() at time zone 'UTC') - make_interval(months => $3)"
        " order by month desc, currency",
        restaurant_id,
        provider,
        months,
    )
    return tuple(MonthlyCost(**dict(row)) for row in rows)
