"""What the relay measures, and how much waits in the outbox.

The backlog is the database's, so every relay tells the same: take the maximum over the pair, not the sum.
"""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge

from stores.postgres import Connection

MOST_COUNTED = 10_000  # counting more would only add to the load of a database that is behind

published_total = Counter("outbox_published_total", "Events that the sink has taken.")
failed_total = Counter("outbox_failed_total", "Attempts that the sink refused, or left unanswered.")
buried_total = Counter("outbox_buried_total", "Events given up: dead letters of the relay.")
backlog = Gauge("outbox_backlog", f"Events that wait to be published; {MOST_COUNTED} means at least so many.")
oldest_seconds = Gauge("outbox_oldest_seconds", "Age of the oldest event that waits, 0 when none does.")

# Both by the primary key: ids rise with time.
_WAITING = f"""
select (select count(*) from (select from outbox limit {MOST_COUNTED}) as counted) as waiting,
    coalesce(extract(epoch from now() - (select created_at from outbox order by id limit 1)), 0)::float8 as age_s
"""


async def measure(connection: Connection) -> None:
    """Bring the backlog's gauges up to date. Needs the platform role."""
    row = await connection.fetchrow(_WAITING)
    assert row is not None
    backlog.set(row["waiting"])
    oldest_seconds.set(max(0.0, row["age_s"]))


def unknown() -> None:
    """Nobody can look: better no value than an old one."""
    backlog.set(math.nan)
    oldest_seconds.set(math.nan)
