"""How long a restaurant keeps what tells of people, where that is less than the platform keeps it.

What the platform keeps no longer goes by ``stores.retention`` whatever was chosen here. A recording goes with its
call's transcript at the latest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stores import retention
from stores.postgres import Connection
from stores.retention import Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """Days; None is as long as the platform. ``customer_days`` is who ordered, booked, waited for a table and rang."""

    transcript_days: int | None = None
    recording_days: int | None = None
    customer_days: int | None = None


# None of an older age: rows that go as a whole are not there to be looked at again, and who has a table reserved is
# let go of only after that.
_WHOLE_ROWS = frozenset({retention.CUSTOMERS_OF_ONE, retention.WAITING_PARTIES_OF_ONE})
_OF_CUSTOMERS = (
    retention.CALLERS_OF_ONE,
    retention.ORDERS_OF_ONE,
    retention.RESERVATIONS_OF_ONE,
    retention.WAITING_PARTIES_OF_ONE,
    retention.CUSTOMERS_OF_ONE,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """``done_at``: when all that was older than these days had gone last; None if it never had."""

    restaurant_id: str
    choice: Choice
    done_at: datetime | None

    def ranges(self, now: datetime, settles: timedelta) -> Iterator[tuple[Kind, datetime, datetime | None]]:
        """``(kind, older than, not older than)`` of each that is to go.

        What was written up to ``settles`` after its time is still found.
        """
        for days, kinds in (
            (self.choice.transcript_days, (retention.TRANSCRIPTS_OF_ONE,)),
            (self.choice.recording_days, (retention.RECORDINGS_OF_ONE,)),
            (self.choice.customer_days, _OF_CUSTOMERS),
        ):
            if days is None:
                continue
            age = timedelta(days=days)
            since = self.done_at - age - settles if self.done_at is not None else None
            for kind in kinds:
                yield kind, now - age, None if kind in _WHOLE_ROWS else since


async def get(conn: Connection, restaurant_id: str) -> Choice:
    row = await conn.fetchrow(
        "select transcript_days, recording_days, customer_days from retention_choice where restaurant_id = $1",
        restaurant_id,
    )
    return Choice(*row) if row is not None else Choice()


async def choose(conn: Connection, restaurant_id: str, choice: Choice) -> None:
    await conn.execute(
        "insert into retention_choice (restaurant_id, transcript_days, recording_days, customer_days)"
        " values ($1, $2, $3, $4) on conflict (restaurant_id) do update set transcript_days = excluded.transcript_days,"
        " recording_days = excluded.recording_days, customer_days = excluded.customer_days, done_at = null",
        restaurant_id,
        choice.transcript_days,
        choice.recording_days,
        choice.customer_days,
    )


async def by_last_time(conn: Connection) -> tuple[Waiting, ...]:
    """All restaurants that chose something, those that have waited longest first. Platform role."""
    rows = await conn.fetch(
        "select restaurant_id, transcript_days, recording_days, customer_days, done_at from retention_choice"
        " where coalesce(transcript_days, recording_days, customer_days) is not null"
        " order by done_at nulls first, restaurant_id"
    )
    return tuple(Waiting(str(row[0]), Choice(row[1], row[2], row[3]), row[4]) for row in rows)


async def done(conn: Connection, seen: Waiting, at: datetime) -> None:
    """All of it has gone, unless the days were changed meanwhile. Platform role."""
    await conn.execute(
        "update retention_choice set done_at = $5 where restaurant_id = $1 and transcript_days is not distinct from $2"
        " and recording_days is not distinct from $3 and customer_days is not distinct from $4",
        seen.restaurant_id,
        seen.choice.transcript_days,
        seen.choice.recording_days,
        seen.choice.customer_days,
        at,
    )
