"""What the relay asks of the outbox table: take the next event, settle it, count what waits.

An event is claimed by a row lock that lasts as long as its publishing, so a relay that dies gives it back at
once, and any number of relays can work beside each other. Only the oldest due event of a restaurant can be
claimed: its events leave in order, but for those that wait out a failure.

The backlog is the database's, so every relay tells the same: take the maximum over the pair, not the sum.
"""

from __future__ import annotations

import math
import random

import msgspec
from prometheus_client import Counter, Gauge

from eventing.cloudevents import Event, parse
from stores.postgres import Connection

MAX_ATTEMPTS = 20
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 300.0  # 20 attempts are about an hour
WINDOW = 500  # how many due events are looked at for the oldest of each restaurant
SUBSCRIBER = "relay"  # who could not deliver, in dead_letter
MAX_REASON = 500
MOST_COUNTED = 10_000  # counting more would only add to the load of a database that is behind

published_total = Counter("outbox_published_total", "Events that the sink has taken.")
failed_total = Counter("outbox_failed_total", "Attempts that the sink refused, or left unanswered.")
buried_total = Counter("outbox_buried_total", "Events given up: dead letters of the relay.")
backlog = Gauge("outbox_backlog", f"Events that wait to be published; {MOST_COUNTED} means at least so many.")
oldest_seconds = Gauge("outbox_oldest_seconds", "Age of the oldest event that waits, 0 when none does.")

# The window keeps this to the first rows of the index outbox_due: without it, ranking by restaurant would sort the
# whole backlog for each claim. "skip locked": what another relay publishes is not waited for.
_CLAIM = f"""
with due as materialized (
    select id, row_number() over (partition by coalesce(restaurant_id::text, id::text) order by id) as place
    from (select id, restaurant_id from outbox where next_at <= now() order by next_at, id limit {WINDOW}) as window_
)
select id, attempts, event::text as event, (select count(*) > 1 from due where place = 1) as more from outbox
where id in (select id from due where place = 1) and next_at <= now()
order by id limit 1
for update skip locked
"""
_BURY = """
with buried as (delete from outbox where id = $1 returning *)
insert into dead_letter (restaurant_id, event_id, type, source, event, subscriber, reason)
select restaurant_id, event_id, type, coalesce(event->>'source', ''), event, $2, $3 from buried
on conflict (event_id, subscriber) do update
set reason = excluded.reason, received_at = now(), replayed_at = null
"""
# Both by the primary key: ids rise with time.
_WAITING = f"""
select (select count(*) from (select from outbox limit {MOST_COUNTED}) as counted) as waiting,
    coalesce(extract(epoch from now() - (select created_at from outbox order by id limit 1)), 0)::float8 as age_s
"""


class Claim(msgspec.Struct, frozen=True):
    """A row of the outbox, locked by this transaction.

    ``attempts`` is how often it failed before; ``more`` whether other restaurants have events due, too.
    """

    row_id: int
    attempts: int
    document: bytes
    more: bool

    def event(self) -> Event:
        """Raises BadEvent for a row that something else than ``emit`` wrote."""
        return parse({"content-type": "application/cloudevents+json"}, self.document)


async def next_claim(connection: Connection) -> Claim | None:
    """Lock the next due event; None when there is none, or when others hold what there is."""
    row = await connection.fetchrow(_CLAIM)
    if row is None:
        return None
    return Claim(row["id"], row["attempts"], row["event"].encode(), row["more"])


async def delivered(connection: Connection, claim: Claim) -> None:
    await connection.execute("delete from outbox where id = $1", claim.row_id)


async def failed(connection: Connection, claim: Claim, reason: str) -> float | None:
    """Put the event off, or bury it after MAX_ATTEMPTS. Return in how many seconds it is due again, None if buried."""
    if claim.attempts + 1 >= MAX_ATTEMPTS:
        await bury(connection, claim, reason)
        return None
    due_in_s = pause_s(claim.attempts)
    await connection.execute(
        "update outbox set attempts = attempts + 1, next_at = now() + make_interval(secs => $2), last_error = $3"
        " where id = $1",
        claim.row_id,
        due_in_s,
        reason[:MAX_REASON],
    )
    return due_in_s


async def bury(connection: Connection, claim: Claim, reason: str) -> None:
    """Move the event to ``dead_letter``, where the admin sees it and can replay it."""
    await connection.execute(_BURY, claim.row_id, SUBSCRIBER, reason[:MAX_REASON])


def pause_s(attempts: int) -> float:
    """How long to wait after failure number ``attempts + 1``: doubling, capped, with half of it left to chance."""
    whole = min(FIRST_PAUSE_S * 2.0 ** min(attempts, 30), LONGEST_PAUSE_S)
    return whole * random.uniform(0.5, 1.0)


async def measure_backlog(connection: Connection) -> None:
    """Bring the backlog's gauges up to date. Needs the platform role."""
    row = await connection.fetchrow(_WAITING)
    assert row is not None
    backlog.set(row["waiting"])
    oldest_seconds.set(max(0.0, row["age_s"]))


def backlog_unknown() -> None:
    """Nobody can look: better no value than an old one."""
    backlog.set(math.nan)
    oldest_seconds.set(math.nan)
