"""What is kept of a call for operators, beside its row. Traces need the platform role.

A trace has three writers in any order: its beginning, its end, and the gate, which tells the SIP messages of a dialog
by SIP's Call-ID. Each leaves alone what the others write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from domain.traces import AudioFigures, InForce, Ladder, Moment
from stores import calls
from stores.calls import LoggedCall
from stores.ciphers import PiiCipher
from stores.paging import Narrowing, Position
from stores.postgres import Connection

# A ladder tells when its INVITE came to the gate, or when a later gate took over; the call's row began at most so long
# after that (an INVITE waits for a worker, and for the lines to be read), and at most LONGEST_CALL before.
BEGINS_WITHIN = timedelta(seconds=30)
LONGEST_CALL = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTrace:
    """``sip_call_id`` is "" for a call that came by another entrance than SIP; ``audio`` is None where none flowed."""

    call_id: str
    restaurant_id: str
    started_at: datetime
    sip_call_id: str = ""
    ladder: Ladder = field(default_factory=Ladder)
    moments: Sequence[Moment] = ()
    audio: AudioFigures | None = None
    in_force: InForce = field(default_factory=lambda: InForce(provider=""))


async def begun(conn: Connection, trace: CallTrace) -> None:
    """The call is there. Safe to repeat."""
    await conn.execute(
        "insert into call_trace (call_id, started_at, restaurant_id, sip_call_id, in_force)"
        " values ($1, $2, $3, $4, $5) on conflict (call_id, started_at) do nothing",
        trace.call_id,
        trace.started_at,
        trace.restaurant_id,
        trace.sip_call_id,
        trace.in_force,
    )


async def ended(conn: Connection, trace: CallTrace) -> None:
    """The call's course is known to its end. Safe to repeat."""
    await conn.execute(
        "insert into call_trace as t (call_id, started_at, restaurant_id, sip_call_id, moments, audio, in_force)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict (call_id, started_at) do update set"
        " moments = excluded.moments, audio = excluded.audio, in_force = excluded.in_force",
        trace.call_id,
        trace.started_at,
        trace.restaurant_id,
        trace.sip_call_id,
        trace.moments,
        trace.audio,
        trace.in_force,
    )


async def keep_ladder(conn: Connection, sip_call_id: str, began: datetime, ladder: Ladder) -> bool:
    """Keep the SIP messages of the call that began with this dialog; False when there is no such call."""
    done = await conn.fetchval(
        "update call_trace set ladder = $4 where (call_id, started_at) = (select call_id, started_at from call_trace"
        " where sip_call_id = $1 and sip_call_id <> '' and started_at between $2 and $3"
        " order by started_at desc limit 1) returning true",
        sip_call_id,
        began - LONGEST_CALL,
        began + BEGINS_WITHIN,
        ladder,
    )
    return bool(done)


async def get(conn: Connection, call_id: str, started_at: datetime) -> CallTrace | None:
    """None when nothing is kept of the call, or no more."""
    row = await conn.fetchrow("select * from call_trace where call_id = $1 and started_at = $2", call_id, started_at)
    return None if row is None else _trace(row)


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A call with what operators see beside it. ``line_number`` is "" for a line that is gone; ``trace`` is None for
    a call that no bridge has traced, or whose trace is gone by its age."""

    call: LoggedCall
    restaurant_name: str
    line_number: str
    trace: CallTrace | None


async def ids_that_begin(conn: Connection, prefix: str, limit: int = 5) -> tuple[str, ...]:
    """Ids of calls, the newest first. A whole id is found by its index, a shorter one by reading them all."""
    rows = await conn.fetch("select id from call_log where id = $1 limit 1", prefix) or await conn.fetch(
        "select id from call_log where starts_with(id, $1) order by started_at desc limit $2", prefix, limit
    )
    return tuple(row["id"] for row in rows)


async def traced(conn: Connection, call_id: str, *, pii: PiiCipher | None = None) -> TracedCall:
    """Raises NotFoundError."""
    call = await calls.get(conn, call_id, pii=pii)
    name = await conn.fetchval("select name from restaurant where id = $1", call.restaurant_id)
    number = await conn.fetchval("select number from phone_line where id = $1::uuid", call.phone_line_id)
    return TracedCall(call, name, number or "", await get(conn, call.id, call.started_at))


async def listed(
    conn: Connection,
    limit: int,
    *,
    restaurant: str = "",
    missed: bool = False,
    after: Position | None = None,
    pii: PiiCipher | None = None,
) -> tuple[TracedCall, ...]:
    """The newest calls, without their traces. ``restaurant`` is an id, or a part of a name in whatever case."""
    narrowing = Narrowing(limit)
    named = "restaurant_id in (select id from restaurant where id::text = {0} or name ilike '%' || {0} || '%')"
    narrowing.by(named, restaurant or None)
    narrowing.by("(missed_reason <> '' or outcome = any({0}::text[]))", list(calls.NOT_SERVED) if missed else None)
    narrowing.below(after, "started_at", "text")
    rows = await conn.fetch(
        f"select {calls.COLUMNS}, {calls.NO_WORDS}, r.name,"
        " coalesce(l.number, '') as number"
        f" from (select * from call_log{narrowing.where} order by started_at desc, id limit $1) as call_log"
        " join restaurant r on r.id = call_log.restaurant_id left join phone_line l on l.id = phone_line_id"
        " order by started_at desc, call_log.id",
        *narrowing.values,
    )
    return tuple(TracedCall(calls.call_of(row, pii), row["name"], row["number"], None) for row in rows)


def _trace(row: asyncpg.Record) -> CallTrace:
    return CallTrace(
        call_id=row["call_id"],
        restaurant_id=row["restaurant_id"],
        started_at=row["started_at"].astimezone(UTC),
        sip_call_id=row["sip_call_id"],
        ladder=msgspec.convert(row["ladder"], Ladder),
        moments=msgspec.convert(row["moments"], tuple[Moment, ...]),
        audio=msgspec.convert(row["audio"], AudioFigures | None),
        in_force=msgspec.convert({"provider": "", **row["in_force"]}, InForce),
    )
