"""The call log's row of each call. Its end, its miss and its transfer may arrive in any order, and more than once.

The row itself is there from the INVITE on (the bridge makes it), so nobody has to consume ``call.started``. A row that
the reconciler closed is written with its events; a bridge that was only cut off and tells the end later knows better.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import asyncpg

from domain.calls import Outcome
from eventing import analytics
from eventing.calling import RECONCILER
from eventing.catalogue import CallEnded, CallMissed, CallTransferred, MissedReason
from eventing.cloudevents import BadEvent, Event
from eventing.consumers import consumer
from eventing.serving import FunctionSettings, run
from process import logs
from process.asgi import App
from stores import calls, live, locks
from stores.calls import CallRecord
from stores.postgres import Connection, Postgres
from stores.redis import Redis, RedisError, connect

NAME = "call_logger"
STATS_TIMEOUT_S = 0.5

OUTCOME_OF_MISS: dict[MissedReason, Outcome] = {
    "no_handler": "failed",
    "handler_lost": "failed",
    "ai_down": "failed",
    "restaurant_full": "busy",
    "node_full": "busy",
    "closed": "busy",
    "line_disabled": "busy",
    "caller_hung_up": "abandoned",
    "bridge_lost": "lost",
}
# What the end of a call says of one that a human took over in the meantime.
_SPOKEN: tuple[Outcome, ...] = ("answered", "abandoned")

# The first event of a call makes its row. Until then there is none to lock, so the call itself is locked.
_ONE_AT_A_TIME = f"select pg_advisory_xact_lock({locks.LOGGED_CALLS}, hashtext($1))"
_SO_FAR = "select outcome, missed_reason, ended_at from call_log where id = $1 and started_at = $2 for update"
_MISSED = "update call_log set missed_reason = $3 where id = $1 and started_at = $2"
_TRANSFERRED = "update call_log set outcome = 'transferred' where id = $1 and started_at = $2"

log = logs.get(__name__)


def main() -> None:
    run(NAME, FunctionSettings, build)


def build(settings: FunctionSettings) -> App:
    postgres = Postgres(settings.database_url)
    kinds = (CallEnded, CallMissed, CallTransferred)
    redis = connect(settings.redis_url)
    return consumer(NAME, kinds, partial(log_call, redis), postgres=postgres, redis=redis)


async def log_call(redis: Redis, connection: Connection, event: Event) -> None:
    """Write what the event adds to the call's row; nothing follows from it."""
    analytics.tell(event, event.payload())
    if event.source == RECONCILER:  # the row was written in the event's own transaction; its bridge may have told since
        return
    match event.payload():
        case CallEnded() as ended:
            await _log_end(connection, ended)
            await _uncount(redis, ended)
        case CallMissed() as missed:
            await _log_miss(connection, missed)
            await _uncount(redis, missed)
        case CallTransferred() as transferred:
            await _log_transfer(connection, transferred)
        case _:
            raise BadEvent(f"type: {event.type} is not about a call that was taken")


async def _uncount(redis: Redis, call: CallEnded | CallMissed) -> None:
    """Take the call out of the live counters, in case its bridge died before it could. The log does not wait for it."""
    try:
        async with asyncio.timeout(STATS_TIMEOUT_S):
            await live.call_ended(redis, call.restaurant_id, call.call_id, datetime.now(UTC))
    except (RedisError, OSError) as error:
        log.warning("the live counters were not updated", failure=type(error).__name__)


async def _log_end(connection: Connection, ended: CallEnded) -> None:
    so_far = await _so_far(connection, ended.call_id, ended.received_at)
    missed_reason = "" if so_far is None else so_far["missed_reason"]
    transferred = so_far is not None and so_far["outcome"] == "transferred" and ended.outcome in _SPOKEN
    record = CallRecord(
        id=ended.call_id,
        restaurant_id=ended.restaurant_id,
        started_at=ended.received_at,
        outcome="transferred" if transferred else ended.outcome,
        phone_line_id=ended.phone_line_id,
        bridge_node_id=ended.bridge_node_id,
        attempts=ended.attempts,
        answered_at=ended.answered_at,
        joined_at=ended.joined_at,
        ended_at=ended.ended_at,
        duration_ms=ended.duration_ms,
        missed_reason="" if missed_reason == "bridge_lost" else missed_reason,
        recording=ended.recording or "",
        order_id=ended.order_id,
    )
    await calls.record_ended(connection, record)


async def _log_miss(connection: Connection, missed: CallMissed) -> None:
    so_far = await _so_far(connection, missed.call_id, missed.received_at)
    if so_far is not None and so_far["ended_at"] is not None:
        await connection.execute(_MISSED, missed.call_id, missed.received_at, missed.reason)
        return
    record = CallRecord(
        id=missed.call_id,
        restaurant_id=missed.restaurant_id,
        started_at=missed.received_at,
        outcome=OUTCOME_OF_MISS[missed.reason],
        phone_line_id=missed.phone_line_id,
        bridge_node_id=missed.bridge_node_id,
        ended_at=missed.ended_at,
        duration_ms=max(0, round((missed.ended_at - missed.received_at).total_seconds() * 1000)),
        missed_reason=missed.reason,
    )
    await calls.record_ended(connection, record)


async def _log_transfer(connection: Connection, transferred: CallTransferred) -> None:
    if await _so_far(connection, transferred.call_id, transferred.received_at) is not None:
        await connection.execute(_TRANSFERRED, transferred.call_id, transferred.received_at)
        return
    record = CallRecord(
        id=transferred.call_id,
        restaurant_id=transferred.restaurant_id,
        started_at=transferred.received_at,
        outcome="transferred",
        phone_line_id=transferred.phone_line_id,
        bridge_node_id=transferred.bridge_node_id,
    )
    await calls.record_ended(connection, record)


async def _so_far(connection: Connection, call_id: str, started_at: datetime) -> asyncpg.Record | None:
    """What is logged already. From here to the commit, the call's other events wait."""
    await connection.execute(_ONE_AT_A_TIME, call_id)
    return await connection.fetchrow(_SO_FAR, call_id, started_at)
