"""Puts right what a death left behind: orders and records that wait for Postgres, and calls that their bridge lost.

Two timers ask. ``/pending``, every few seconds: what a handler noted in Redis and could not write, or did not live to
write, is written; so an order that was agreed to is in the kitchen within seconds of Postgres' return, whether or not
anybody calls again. ``/lost-calls``: a call whose lease ran out has lost its bridge. Its row is closed, the restaurant
is told of a missed call with the number to call back, and what the checkpoint still holds is kept: the transcript, and
the cart, as an order if it had been agreed to, else for the restaurant to see.

Everything here may run twice, at the same time, or beside the handler that noted it: rows are idempotent by their ids.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from domain.calls import Outcome
from eventing.calling import emit_of_call, order_refused, write_conversation
from eventing.catalogue import CallEnded, CallMissed, Payload
from eventing.ordering import UNWRITABLE, write_order
from eventing.serving import PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from process import logs
from process.asgi import App
from process.health import Health
from stores import calls, checkpoints, live, pending
from stores.calls import CallRecord, ConversationRecord, UnconfirmedCart
from stores.checkpoints import Checkpoint
from stores.ciphers import PiiCipher
from stores.live import LiveCall
from stores.pending import PendingCall, PendingOrder
from stores.postgres import Connection, Postgres
from stores.redis import Redis, connect

NAME = "reconciler"
SOURCE = "/reconciler"
# A handler writes what it noted within this time, if it can: its note is left to it.
YOUNG = timedelta(seconds=3)

orders_pending = Gauge("orders_pending", "Orders that were agreed to and are not in Postgres yet.")
calls_pending = Gauge("calls_pending", "Records of calls that are not in Postgres yet.")
orders_reconciled_total = Counter("orders_reconciled_total", "Orders written for a handler that could not.")
orders_unwritable_total = Counter("orders_unwritable_total", "Orders agreed to that the database refuses for good.")
notes_unreadable = Gauge("notes_unreadable", "Notes in Redis under another MASTER_KEY, or of another release.")
calls_lost_total = Counter("calls_lost_total", "Calls closed for a bridge that was gone.")

log = logs.get(__name__)


class Settings(PlatformSettings, frozen=True, kw_only=True):
    redis_url: str
    master_key: str


class Stores(NamedTuple):
    postgres: Postgres
    redis: Redis
    pii: PiiCipher


def main() -> None:
    run(NAME, Settings, build)


def build(settings: Settings) -> App:
    postgres = Postgres(settings.platform_database_url, max_size=2)
    stores = Stores(postgres, connect(settings.redis_url), PiiCipher(settings.master_key))
    app = App(Health(NAME))
    hold_open(app, postgres)
    app.shutdown.append(stores.redis.aclose)
    on_tick(app, "/pending", partial(write_pending, stores))
    on_tick(app, "/lost-calls", partial(close_lost_calls, stores))
    return app


# --- What waits for Postgres ---------------------------------------------------------------------------------------


async def write_pending(stores: Stores) -> None:
    """Write every note that is not young; what Postgres refuses for good is told to the restaurant and forgotten."""
    old = datetime.now(UTC) - YOUNG
    unreadable = 0
    async for note in pending.orders(stores.redis, stores.pii):
        if isinstance(note, str):
            unreadable += 1
        elif note.noted_at < old:
            await _write_order(stores, note)
    async for call in pending.calls(stores.redis, stores.pii):
        if isinstance(call, str):
            unreadable += 1
        elif call.noted_at < old:
            await _write_call(stores, call)
    waiting_orders, waiting_calls = await pending.count(stores.redis)
    orders_pending.set(waiting_orders)
    calls_pending.set(waiting_calls)
    notes_unreadable.set(unreadable)


async def _write_order(stores: Stores, note: PendingOrder) -> None:
    order = note.order
    try:
        async with stores.postgres.platform() as connection:
            await write_order(connection, order, stores.pii, caller=note.caller, source=SOURCE)
        orders_reconciled_total.inc()
        log.warning("an order was written for its handler", call_id=order.call_id, order_id=order.id)
    except UNWRITABLE as error:
        log.error("an order can never be written", call_id=order.call_id, why=type(error).__name__)
        async with stores.postgres.platform() as connection:
            await emit_of_call(connection, order.call_id, [order_refused(order, note.caller)], source=SOURCE)
        orders_unwritable_total.inc()
    await pending.forget_order(stores.redis, order)


async def _write_call(stores: Stores, note: PendingCall) -> None:
    try:
        async with stores.postgres.platform() as connection:
            await write_conversation(connection, note.record, stores.pii, source=SOURCE)
        if note.record.unconfirmed is not None:
            left = live.CartLeft(call_id=note.record.call_id)
            await live.publish(stores.redis, note.record.restaurant_id, left)
    except UNWRITABLE as error:
        log.error("a call can never be logged", call_id=note.record.call_id, why=type(error).__name__)
    await pending.forget_call(stores.redis, note.record)


# --- What a bridge lost --------------------------------------------------------------------------------------------


async def close_lost_calls(stores: Stores) -> None:
    """Close every call whose lease has run out."""
    now = datetime.now(UTC)
    for call in await live.lost_calls(stores.redis, now):
        saved = await checkpoints.load(stores.redis, call.call_id)
        async with stores.postgres.platform() as connection:
            if await calls.is_open(connection, call.call_id, call.started_at):
                await _close(connection, call, saved, now, stores.pii)
                calls_lost_total.inc()
                log.error("a call was lost with its bridge", call_id=call.call_id, node=call.bridge_node_id)
        await live.call_ended(stores.redis, call.restaurant_id, call.call_id, now)


async def _close(
    connection: Connection, call: LiveCall, saved: Checkpoint | None, now: datetime, pii: PiiCipher
) -> None:
    caller = pii.decrypt(call.restaurant_id, call.caller_sealed) if call.caller_sealed else ""
    agreed = saved.confirmed if saved is not None else None
    order_id = saved.order_id if saved is not None else None
    if agreed is not None:
        order_id = (await write_order(connection, agreed, pii, caller=caller, source=SOURCE)).id
    outcome: Outcome = "lost" if order_id is None else "order_confirmed"
    if saved is not None:
        await write_conversation(connection, _conversation(saved, caller, order_id, outcome), pii, source=SOURCE)
    record = CallRecord(
        id=call.call_id,
        restaurant_id=call.restaurant_id,
        started_at=call.started_at,
        outcome=outcome,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        ended_at=now,
        duration_ms=round((now - call.started_at).total_seconds() * 1000),
        missed_reason="bridge_lost" if order_id is None else "",
        order_id=order_id,
        caller=caller,
    )
    await calls.record_ended(connection, record, pii=pii)
    await emit_of_call(connection, call.call_id, _events(call, record, outcome, caller, now), source=SOURCE)


def _conversation(saved: Checkpoint, caller: str, order_id: str | None, outcome: Outcome) -> ConversationRecord:
    left = None
    if order_id is None and saved.cart.lines:
        left = UnconfirmedCart(saved.cart, saved.cart.total_cents, "handler_lost")
    return ConversationRecord(
        call_id=saved.call_id,
        restaurant_id=saved.restaurant_id,
        started_at=saved.started_at,
        outcome=outcome,
        transcript=tuple(saved.transcript),
        usage=saved.usage,
        order_id=order_id,
        caller=caller,
        unconfirmed=left,
    )


def _events(call: LiveCall, record: CallRecord, outcome: Outcome, caller: str, now: datetime) -> list[Payload]:
    ended = CallEnded(
        call_id=call.call_id,
        restaurant_id=call.restaurant_id,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        received_at=call.started_at,
        outcome=outcome,
        attempts=1,
        ended_at=now,
        duration_ms=record.duration_ms or 0,
        order_id=record.order_id,
    )
    if record.order_id is not None:
        return [ended]
    missed = CallMissed(
        call_id=call.call_id,
        restaurant_id=call.restaurant_id,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        received_at=call.started_at,
        reason="bridge_lost",
        caller=caller,
        ended_at=now,
    )
    return [ended, missed]
