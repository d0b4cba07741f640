"""Copies of what connected calendars say of restaurants' times: read by the errands' runner, looked at by everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asyncpg import Range

from domain.calendars import RENEWED_AFTER, BusyTimes, Calendar, Span
from stores.postgres import Connection

LEASE = timedelta(seconds=45)  # longer than a reading may take
AGAIN_FIRST = timedelta(seconds=10)  # after a reading that failed; then twice as long, and so on


@dataclass(frozen=True, slots=True)
class Due:
    """One to read now. ``secrets`` are sealed; ``lease`` names the claim. ``horizon_days`` is how far ahead the
    restaurant books."""

    connection_id: str
    restaurant_id: str
    provider: str
    settings: Mapping[str, str]
    secrets: bytes | None = field(repr=False)
    horizon_days: int
    asked_at: datetime
    lease: datetime


async def of_restaurant(conn: Connection, restaurant_id: str, since: datetime, until: datetime) -> Calendar | None:
    """As much of it as is busy in a part of ``[since, until)``; None where no calendar is connected, or it is off."""
    row = await conn.fetchrow(
        "select k.read_at, k.known, k.by_start, k.last_error,"
        " array(select unnest(k.busy * tstzmultirange(tstzrange($2, $3)))) as busy"
        " from service_connection c left join calendar_copy k on k.connection_id = c.id"
        " where c.restaurant_id = $1 and c.service = 'calendar' and c.disabled_at is null",
        restaurant_id,
        since,
        until,
    )
    if row is None:
        return None
    error = row["last_error"] or ""
    if row["read_at"] is None:
        return Calendar(error=error)
    known = row["known"]
    spans = tuple(Span(one.lower, one.upper) for one in row["busy"])
    return Calendar(row["read_at"], BusyTimes(known.lower, known.upper, spans, row["by_start"]), error)


async def renew(conn: Connection, connection_id: str) -> None:
    """Have it read again at once: something has changed there, or is about to be seen. Harmless for what has none."""
    await conn.execute("update calendar_copy set next_at = now() where connection_id = $1", connection_id)


async def forget(conn: Connection, connection_id: str) -> None:
    """What is known is of another calendar, or was read by somebody else's leave: it is read anew."""
    await conn.execute(
        "update calendar_copy set next_at = now(), read_at = null, known = null, busy = '{}',"
        " last_error = '' where connection_id = $1",
        connection_id,
    )


# --- Reading them; a claim needs the platform role --------------------------------------------------------------------

# A calendar whose breaker is open is left alone: what reads it would be one more who fails there.
_CLAIM = """
with due as (
    select c.id, c.restaurant_id from service_connection c left join calendar_copy k on k.connection_id = c.id
    where c.service = 'calendar' and c.disabled_at is null and coalesce(k.next_at, '-infinity') <= now()
        and coalesce(c.open_until, '-infinity') <= now()
    order by k.next_at nulls first limit $1
), claimed as (
    insert into calendar_copy as k (connection_id, restaurant_id, next_at)
    select id, restaurant_id, now() + $2::interval from due
    on conflict (connection_id) do update set next_at = excluded.next_at where k.next_at <= now()
    returning k.connection_id, k.restaurant_id, k.next_at as lease
)
select k.connection_id, k.restaurant_id, c.provider, c.settings, c.secrets_encrypted as secrets,
    coalesce(r.horizon_days, $3) as horizon_days, now() as asked_at, k.lease
from claimed k join service_connection c on c.id = k.connection_id
left join reservation_rules r on r.restaurant_id = k.restaurant_id
"""


async def claim(conn: Connection, most: int, horizon_days: int) -> tuple[Due, ...]:
    """Up to ``most`` that are due; nobody else's for LEASE. ``horizon_days`` where the restaurant says nothing."""
    return tuple(Due(**dict(row)) for row in await conn.fetch(_CLAIM, most, LEASE, horizon_days))


async def keep(conn: Connection, due: Due, busy: BusyTimes) -> bool:
    """What the calendar said; False where something newer is kept, or what this was read by is not so any more."""
    kept = await conn.fetchval(
        "update calendar_copy set read_at = $2, known = $3, busy = $4, by_start = $5, failures = 0,"
        " last_error = '',"
        " next_at = case when next_at = $6 then now() + $7::interval else next_at end"
        " where connection_id = $1 and coalesce(read_at, '-infinity') < $2"
        " and exists (select from service_connection c where c.id = connection_id and c.settings = $8::jsonb)"
        " returning true",
        due.connection_id,
        due.asked_at,
        Range(busy.since, busy.until),
        [Range(one.starts_at, one.ends_at) for one in busy.spans],
        busy.by_start,
        due.lease,
        RENEWED_AFTER,
        dict(due.settings),
    )
    return kept is not None


async def put_off(conn: Connection, due: Due, error: str) -> None:
    """It could not be read; what was known before stays, and ages."""
    await conn.execute(
        "update calendar_copy set failures = failures + 1, last_error = $3,"
        " next_at = case when next_at = $2 then now() + least($4::interval * 2 ^ least(failures, 9), $5::interval)"
        " else next_at end where connection_id = $1",
        due.connection_id,
        due.lease,
        error[:200],
        AGAIN_FIRST,
        RENEWED_AFTER,
    )
