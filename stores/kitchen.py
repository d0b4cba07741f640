"""How far behind the kitchen is, as other systems tell: minutes that each adds to a promise."""

from datetime import datetime

from stores.postgres import Connection

MOST_MINUTES = 240


async def load_minutes(conn: Connection, restaurant_id: str, now: datetime) -> int:
    """The sum of what every source adds now, at most MOST_MINUTES."""
    minutes: int = await conn.fetchval(
        "select least(coalesce(sum(minutes), 0), $3)::integer from external_load"
        " where restaurant_id = $1 and until > $2",
        restaurant_id,
        now,
        MOST_MINUTES,
    )
    return minutes


async def set_load(conn: Connection, restaurant_id: str, source: str, minutes: int, until: datetime) -> None:
    """Replace what ``source`` says; 0 minutes takes it back. Raises asyncpg.CheckViolationError over 600."""
    await conn.execute(
        "insert into external_load (restaurant_id, source, minutes, until) values ($1, $2, $3, $4)"
        " on conflict (restaurant_id, source) do update set minutes = excluded.minutes, until = excluded.until,"
        " updated_at = now()",
        restaurant_id,
        source,
        minutes,
        until,
    )
