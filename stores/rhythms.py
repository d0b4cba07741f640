"""When restaurants are called: the seconds that calls lasted in a quarter of an hour, on the same weekday before.

Learnt from the call table itself, whose index by time makes a quarter of an hour a short scan: nothing is kept beside
it that could grow old or differ. Hours are each restaurant's own: those of one zone are asked for together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain import prewarming
from stores.postgres import Connection

# A call that began earlier than this before a quarter is over by then: a handler allows half an hour.
LONGEST_CALL = timedelta(minutes=30)
QUARTER = timedelta(seconds=prewarming.QUARTER_S)


async def _zones(conn: Connection) -> tuple[str, ...]:
    """Of the restaurants whose lines may ring."""
    rows = await conn.fetch("select distinct zone from restaurant where disabled_at is null order by zone")
    return tuple(row["zone"] for row in rows)


async def handled(conn: Connection, zone: str, start: datetime, end: datetime) -> dict[str, float]:
    """Seconds that calls of each restaurant of a zone lasted between two instants; without a call it is left out."""
    rows = await conn.fetch(
        "select c.restaurant_id::text, sum(extract(epoch from least(e.over_at, $3) - greatest(c.started_at, $2)))"
        " as seconds from call_log c join restaurant r on r.id = c.restaurant_id,"
        " lateral (select c.started_at + make_interval(secs => coalesce(c.duration_ms, 0) / 1000.0) as over_at) e"
        " where c.started_at >= $4 and c.started_at < $3 and e.over_at > $2 and r.zone = $1 and r.disabled_at is null"
        " and not r.is_synthetic"  # rings around the clock, and wants to find what a caller finds
        " group by c.restaurant_id",
        zone,
        start,
        end,
        start - LONGEST_CALL,
    )
    return {row["restaurant_id"]: float(row["seconds"]) for row in rows}


async def closed(conn: Connection, zone: str, days: Iterable[date]) -> dict[date, frozenset[str]]:
    """The restaurants of a zone whose hours say that they are closed on those days."""
    rows = await conn.fetch(
        "select x.day, x.restaurant_id::text from opening_exception x join restaurant r on r.id = x.restaurant_id"
        " where r.zone = $1 and x.day = any($2::date[]) and x.spans = '[]'",
        zone,
        list(days),
    )
    found: dict[date, set[str]] = {}
    for row in rows:
        found.setdefault(row["day"], set()).add(row["restaurant_id"])
    return {day: frozenset(restaurants) for day, restaurants in found.items()}


async def expected(conn: Connection, instant: datetime, weeks: int) -> float:
    """Calls at once that are expected in the quarter of an hour that begins at ``instant``, over all restaurants.

    Wall-clock time counts: a week before a clock change is the same hour of the restaurant's day.
    """
    total = 0.0
    for zone in await _zones(conn):
        then = instant.astimezone(ZoneInfo(zone))
        before = [then - timedelta(weeks=week) for week in range(1, weeks + 1)]  # by the wall's clock
        shut = await closed(conn, zone, [then.date(), *(past.date() for past in before)])
        learnt = [await handled(conn, zone, past, past + QUARTER) for past in before]
        nobody: frozenset[str] = frozenset()
        total += prewarming.expected_calls(
            learnt, [shut.get(past.date(), nobody) for past in before], shut.get(then.date(), nobody)
        )
    return total
