"""What the relay asks of the outbox table: claim lanes, read their events, settle them, count what waits.

A lane is one subject of one restaurant (an order, a call, the greeting): its events leave in order, one after the
other, but for those that wait out a failure. Lanes wait for nobody, so a subscriber that hangs holds up what it hangs
on, and no other event (decision 0047). A relay claims a lane by an advisory lock of its session, so one that dies
gives its lanes back at once, and any number of relays can work beside each other. The restaurants are asked in turn,
from where the last claim ended, and none has more than its share of a relay's places: one with thousands of events
costs the others nothing.

The backlog is the database's, so every relay tells the same: take the maximum over the pair, not the sum.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec
from prometheus_client import Counter, Gauge

from eventing import letters
from eventing.cloudevents import STRUCTURED_CONTENT_TYPE, Event, parse, to_binary
from stores import locks
from stores.postgres import Connection

MAX_ATTEMPTS = 20
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 300.0  # 20 attempts are about an hour
EVENTS_A_CLAIM = 20  # of one lane: what is not published in its time slice is claimed again
LOOKED_AT = 200  # events of one restaurant that are due first: their lanes can be claimed
SUBSCRIBER = "relay"  # who could not deliver, in dead_letter
MAX_REASON = 500
MOST_COUNTED = 10_000  # counting more would only add to the load of a database that is behind
FIRST, LAST = uuid.UUID(int=0), uuid.UUID(int=(1 << 128) - 1)

_STRUCTURED = {"content-type": STRUCTURED_CONTENT_TYPE}  # as the outbox keeps events

published_total = Counter("outbox_published_total", "Events that the sink has taken.")
failed_total = Counter("outbox_failed_total", "Attempts that the sink refused, or left unanswered.")
buried_total = Counter("outbox_buried_total", "Events given up: dead letters of the relay.")
backlog = Gauge("outbox_backlog", f"Events that wait to be published; {MOST_COUNTED} means at least so many.")
oldest_seconds = Gauge("outbox_oldest_seconds", "Age of the oldest event that waits, 0 when none does.")

# The table's own lane is the restaurant. One probe of the index outbox_due for each: its first entry is the one that is
# due first. The recursion runs only as far as the limit needs. Of a restaurant those lanes that have waited longest, as
# many as its share leaves. The locks are tried outside of the limit: none is taken for nothing.
_CLAIM = f"""
with recursive each_restaurant as (
    (select lane, next_at from outbox where lane >= $1 order by lane, next_at limit 1)
    union all
    select following.lane, following.next_at from each_restaurant cross join lateral (
        select o.lane, o.next_at from outbox o where o.lane > each_restaurant.lane order by o.lane, o.next_at limit 1
    ) as following
), due as materialized (
    select lane, waiting.subject from each_restaurant cross join lateral (
        select first.subject from (
            select o.subject, o.next_at from outbox o
            where o.lane = each_restaurant.lane and o.next_at <= now() and o.lane::text || o.subject <> all($2::text[])
            order by o.next_at limit {LOOKED_AT}
        ) as first
        group by first.subject order by min(first.next_at)
        limit greatest(0, $3 - (select count(*) from unnest($2::text[]) as busy
            where starts_with(busy, each_restaurant.lane::text)))
    ) as waiting
    where next_at <= now() limit $4
)
select lane, subject, pg_try_advisory_lock({locks.RELAY_LANES}, hashtext(lane::text || subject)) as locked from due
"""
_RELEASE = f"""
select pg_advisory_unlock({locks.RELAY_LANES}, hashtext(lane)) from unnest($1::text[]) as lane
"""
_NEXT = f"""
select row.id, row.lane, row.subject, row.attempts, row.event::text as event, row.dead_letter_id, letter.headers,
    letter.body
from unnest($1::uuid[], $2::text[]) as claimed (lane, subject)
cross join lateral (
    select * from outbox
    where outbox.lane = claimed.lane and outbox.subject = claimed.subject and next_at <= now()
    order by id limit {EVENTS_A_CLAIM}
) as row
left join dead_letter as letter on letter.id = row.dead_letter_id
order by row.id
"""
_BURIED = """
delete from outbox where id = $1
returning event_id, type, restaurant_id
"""
# Both by the primary key: ids rise with time.
_WAITING = f"""
select (select count(*) from (select from outbox limit {MOST_COUNTED}) as counted) as waiting,
    coalesce(extract(epoch from now() - (select created_at from outbox order by id limit 1)), 0)::float8 as age_s
"""


class Lane(NamedTuple):
    """What is published in order. ``subject`` is "" for events that have none."""

    restaurant_id: str
    subject: str

    @property
    def key(self) -> str:
        """As the database compares and locks it: a restaurant's id is of one length, so none is another's."""
        return self.restaurant_id + self.subject


class Waiting(msgspec.Struct, frozen=True):
    """A row of the outbox whose lane is claimed: an event of ours, or a dead letter to be published as it came.

    ``attempts`` is how often it failed before.
    """

    row_id: int
    attempts: int
    document: bytes | None
    letter_id: str | None
    headers: Mapping[str, str]
    body: bytes

    def message(self, extensions: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        """``(headers, body)`` to be sent, with the sink's ``extensions``.

        Raises BadEvent for a row that something else than ``emit`` wrote.
        """
        if self.letter_id is not None:
            added = {f"ce-{name}": value for name, value in extensions.items()}
            return letters.as_sent(self.headers, self.letter_id) | added, self.body
        return to_binary(self.event().with_extensions(extensions))

    def event(self) -> Event:
        assert self.document is not None, "a replay is published as it came"
        return parse(_STRUCTURED, self.document)


async def claim(
    connection: Connection, after: uuid.UUID, busy: Collection[Lane], *, limit: int, share: int
) -> dict[Lane, bool]:
    """The first ``limit`` lanes, by restaurants from ``after`` on, that have an event due and are not ``busy``, and
    which are ours now. A restaurant has ``share`` at most, the busy ones among them.

    The locks are the session's: ``release`` them, on the same connection.
    """
    found = await connection.fetch(_CLAIM, str(after), [lane.key for lane in busy], share, limit)
    return {Lane(row["lane"], row["subject"]): row["locked"] for row in found}


async def claim_in_turn(
    connection: Connection, after: uuid.UUID, busy: Collection[Lane], *, limit: int, share: int
) -> tuple[list[Lane], uuid.UUID]:
    """Claim up to ``limit`` lanes, from ``after`` once around; them, and where the next claim begins."""
    claimed: list[Lane] = []
    wrapped = after == FIRST
    while len(claimed) < limit:
        asked = limit - len(claimed)
        found = await claim(connection, after, [*busy, *claimed], limit=asked, share=share)
        claimed += [lane for lane, locked in found.items() if locked]
        if len(found) == asked:  # the others may be another relay's: there can be more behind them
            after = uuid.UUID(int=min(uuid.UUID(list(found)[-1].restaurant_id).int + 1, LAST.int))
        elif wrapped:
            return claimed, FIRST
        else:
            after, wrapped = FIRST, True
    return claimed, after


async def release(connection: Connection, lanes: Collection[Lane]) -> None:
    await connection.execute(_RELEASE, [lane.key for lane in lanes])


async def due(connection: Connection, lanes: Collection[Lane]) -> dict[Lane, list[Waiting]]:
    """The next events of each claimed lane, in order. Read after the claim: what another relay has settled is gone."""
    found: dict[Lane, list[Waiting]] = {lane: [] for lane in lanes}
    asked = [lane.restaurant_id for lane in lanes], [lane.subject for lane in lanes]
    for row in await connection.fetch(_NEXT, *asked):
        document = None if row["event"] is None else row["event"].encode()
        waiting = Waiting(
            row["id"], row["attempts"], document, row["dead_letter_id"], row["headers"] or {}, row["body"] or b""
        )
        found[Lane(row["lane"], row["subject"])].append(waiting)
    return found


async def delivered(connection: Connection, row_ids: Collection[int]) -> None:
    await connection.execute("delete from outbox where id = any($1::bigint[])", list(row_ids))


async def failed(connection: Connection, waiting: Waiting, reason: str) -> float | None:
    """Put the event off, or bury it after MAX_ATTEMPTS. Return in how many seconds it is due again, None if buried."""
    if waiting.attempts + 1 >= MAX_ATTEMPTS:
        await bury(connection, waiting, reason)
        return None
    due_in_s = pause_s(waiting.attempts)
    await connection.execute(
        "update outbox set attempts = $2 + 1, last_error = $3,"
        " next_at = clock_timestamp() + make_interval(secs => $4) where id = $1",
        waiting.row_id,
        waiting.attempts,
        reason[:MAX_REASON],
        due_in_s,
    )
    return due_in_s


async def bury(connection: Connection, waiting: Waiting, reason: str) -> None:
    """Move the event to ``dead_letter``, where it can be replayed; a replay goes back to the letter that it is of."""
    row = await connection.fetchrow(_BURIED, waiting.row_id)
    if row is None:
        return
    if waiting.letter_id is not None:
        letter = letters.Letter(headers={}, body=b"", replay_of=waiting.letter_id, reason=reason[:MAX_REASON])
    else:
        letter = letters.read(_STRUCTURED, waiting.document or b"")
        letter = msgspec.structs.replace(
            letter,
            event_id=row["event_id"],
            type=row["type"],
            restaurant_id=row["restaurant_id"],
            subscriber=SUBSCRIBER,
            reason=reason[:MAX_REASON],
        )
    await letters.keep(connection, letter)


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
