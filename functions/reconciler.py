"""Puts right what a death left behind: orders and records that wait for Postgres, and calls that their bridge lost.

Two timers ask. ``/pending``, every few seconds: what a handler noted in Redis and could not write, or did not live to
write, is written; so an order that was agreed to is in the kitchen within seconds of Postgres' return, whether or not
anybody calls again. ``/lost-calls``: a call whose lease ran out has lost its bridge. Its row is closed, the restaurant
is told of a missed call with the number to call back, and what the checkpoint still holds is kept: the transcript, and
the cart, as an order if it had been agreed to, else for the restaurant to see.

A third, ``/figures-due``, sets the gauges of the whole platform (``_platform_figures``).

Everything here may run twice, at the same time, or beside the handler that noted it: rows are idempotent by their ids.
What fails for one call is logged and stays noted; it holds up no other.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from domain.order import Cart, ConfirmedOrder, upsell_of
from eventing.calling import emit_of_lost_call, emit_refused, write_conversation
from eventing.catalogue import CallEnded, CallMissed, Payload
from eventing.ordering import UNWRITABLE, write_order
from eventing.refusals import TryAgain
from eventing.serving import TRANSIENT, PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from functions._platform_figures import PlatformWatch
from functions._status import StatusWatch
from process import logs
from process.asgi import App
from process.health import Health
from process.telemetry import spans
from stores import calls, checkpoints, infrastructure, live, orders, pending
from stores.calls import CallRecord, ConversationRecord, LoggedOutcome, OpenCall, UnconfirmedCart
from stores.checkpoints import Checkpoint
from stores.ciphers import CipherError, PiiCipher
from stores.errors import NotFoundError
from stores.live import LiveCall, LostCall
from stores.pending import PendingCall, PendingOrder
from stores.postgres import Connection, Postgres
from stores.redis import Redis, RedisError, connect

NAME = "reconciler"
# A handler writes what it noted within this time, if it can: its note is left to it.
YOUNG = timedelta(seconds=3)
# A bridge ends each call after an hour. What has no end ten minutes later will not get one from it.
LONGEST_CALL = timedelta(minutes=70)
FORGOTTEN_AT_ONCE = 100
# What says that a row will never be taken. NotFoundError: the restaurant is gone.
FOR_GOOD = (*UNWRITABLE, NotFoundError)
# The handler's own word on a call, which the loss of the bridge afterwards does not change.
_SETTLED: frozenset[LoggedOutcome] = frozenset({"order_confirmed", "reservation_made", "message_taken", "transferred"})

orders_pending = Gauge("orders_pending", "Orders that were agreed to and are not in Postgres yet.")
calls_pending = Gauge("calls_pending", "Records of calls that are not in Postgres yet.")
orders_reconciled_total = Counter("orders_reconciled_total", "Orders written for a handler that could not.")
orders_unwritable_total = Counter("orders_unwritable_total", "Orders agreed to that the database refuses for good.")
notes_unreadable = Gauge("notes_unreadable", "Notes in Redis under another MASTER_KEY, or of another release.")
calls_lost_total = Counter("calls_lost_total", "Calls closed for a bridge that was gone.")
backup_last_success_timestamp_seconds = Gauge(
    "backup_last_success_timestamp_seconds", "When the last backup that could be restored was done; 0: there is none."
)
backup_size_bytes = Gauge("backup_size_bytes", "What the last good backup takes on the object storage.")
backup_duration_seconds = Gauge("backup_duration_seconds", "What the last good backup took, with its trial.")

log = logs.get(__name__)


class Settings(PlatformSettings, frozen=True, kw_only=True):
    """The models are those that a cluster sets for all, to be told of before they stop; "" where it leaves them."""

    redis_url: str
    master_key: str
    openai_realtime_model: str = ""
    openai_transcription_model: str = ""
    openai_tts_model: str = ""


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
    on_tick(app, "/pending", partial(look_at_pending, stores))
    on_tick(app, "/lost-calls", LostCallWatch(stores).look)
    models = (settings.openai_realtime_model, settings.openai_transcription_model, settings.openai_tts_model)
    figures, status = PlatformWatch(postgres, stores.redis, models), StatusWatch(postgres, stores.redis)
    on_tick(app, "/figures-due", partial(look_at_platform, figures, status))
    return app


@contextlib.contextmanager
def _the_others_go_on(failed: str, call_id: str) -> Iterator[None]:
    """Log what fails for one call, unless it will fail for all: a store that is away ends the round."""
    try:
        yield
    except (*TRANSIENT, RedisError):
        raise
    except Exception:
        log.exception(failed, call_id=call_id)


# --- What waits for Postgres ---------------------------------------------------------------------------------------


async def look_at_platform(figures: PlatformWatch, status: StatusWatch) -> None:
    """The gauges, and the status page's states. Raises TryAgain while a store is away."""
    await figures.look()
    await status.look()


async def look_at_pending(stores: Stores) -> None:
    """As ``write_pending``; and tell of the last backup, as those who take them live too shortly to be asked."""
    await write_pending(stores)
    with contextlib.suppress(*TRANSIENT):
        async with stores.postgres.platform() as connection:
            backup = await infrastructure.last_backup(connection)
        if backup is not None:
            backup_last_success_timestamp_seconds.set(backup.finished_at.timestamp())
            backup_size_bytes.set(backup.sealed_bytes)
            backup_duration_seconds.set(backup.seconds)


async def write_pending(stores: Stores) -> None:
    """Write every note that is not young; what Postgres refuses for good is told to the restaurant and forgotten.

    Raises TryAgain while a store is away; then everything is still noted.
    """
    try:
        await _write_notes(stores, datetime.now(UTC) - YOUNG)
    except (*TRANSIENT, RedisError) as error:
        raise TryAgain(f"a store is away ({type(error).__name__})") from error
    finally:
        with contextlib.suppress(RedisError, OSError):
            waiting_orders, waiting_calls = await pending.count(stores.redis)
            orders_pending.set(waiting_orders)
            calls_pending.set(waiting_calls)


async def _write_notes(stores: Stores, old: datetime) -> None:
    unreadable = 0
    async for note in pending.orders(stores.redis, stores.pii):
        if isinstance(note, str):
            unreadable += 1
        elif note.noted_at < old:
            with _the_others_go_on("an order is not written", note.order.call_id):
                await _write_order(stores, note)
    async for call in pending.calls(stores.redis, stores.pii):
        if isinstance(call, str):
            unreadable += 1
        elif call.noted_at < old:
            with _the_others_go_on("a call is not logged", call.record.call_id):
                await _write_call(stores, call)
    notes_unreadable.set(unreadable)


async def _write_order(stores: Stores, note: PendingOrder) -> None:
    order = note.order
    try:
        with spans.span("order.write", parent=note.traceparent, attributes={"alloresto.order.id": order.id}):
            async with stores.postgres.platform() as connection:
                stored = await write_order(connection, order, stores.pii, caller=note.caller)
    except FOR_GOOD as error:
        log.error("an order can never be written", call_id=order.call_id, why=type(error).__name__)
        await _tell_refused(stores, note)
        orders_unwritable_total.inc()
    else:
        if stored.created:
            orders_reconciled_total.inc()
            log.warning("an order was written for its handler", call_id=order.call_id, order_id=order.id)
    await pending.forget_written(stores.redis, stores.pii, note)


async def _tell_refused(stores: Stores, note: PendingOrder) -> None:
    order = note.order
    left = UnconfirmedCart(_cart_of(order), order.total_cents, "not_saved")
    try:
        async with stores.postgres.platform() as connection:
            await calls.keep_unconfirmed(connection, order.restaurant_id, order.call_id, left, stores.pii)
            await emit_refused(connection, order, note.caller)
        await _show_cart(stores, order.restaurant_id, order.call_id)
    except FOR_GOOD as error:  # such as a restaurant that is gone: there is nobody to tell
        log.error("a refused order can be told to nobody", call_id=order.call_id, why=type(error).__name__)


async def _show_cart(stores: Stores, restaurant_id: str, call_id: str) -> None:
    """The restaurant's open pages."""
    await live.publish(stores.redis, restaurant_id, live.CartLeft(call_id=call_id))


def _cart_of(order: ConfirmedOrder) -> Cart:
    return Cart(
        order.currency,
        order.id,
        next_number=max((line.number for line in order.lines), default=0) + 1,
        lines=order.lines,
        fulfilment=order.fulfilment,
        customer_name=order.customer_name,
    )


async def _write_call(stores: Stores, note: PendingCall) -> None:
    try:
        with spans.span("call.write", parent=note.traceparent):
            async with stores.postgres.platform() as connection:
                await write_conversation(connection, note.record, stores.pii)
        if note.record.unconfirmed is not None:
            await _show_cart(stores, note.record.restaurant_id, note.record.call_id)
    except FOR_GOOD as error:
        log.error("a call can never be logged", call_id=note.record.call_id, why=type(error).__name__)
    await pending.forget_call(stores.redis, note.record)


# --- What a bridge lost --------------------------------------------------------------------------------------------


class LostCallWatch:
    """Closes calls whose lease ran out, once leases mean something.

    While Redis is away no bridge can renew, and when it is back every lease has run out: so long as a lease lasts, the
    bridges get time to renew. The same after a start, which may follow such an outage.
    """

    def __init__(self, stores: Stores, clock: Callable[[], float] = time.monotonic) -> None:
        self._stores = stores
        self._clock = clock
        self._trusted_from = clock() + live.LEASE_S

    async def look(self) -> None:
        """Raises TryAgain while a store is away."""
        try:
            await self._stores.redis.ping()
        except (RedisError, OSError) as error:
            self._trusted_from = self._clock() + live.LEASE_S
            raise TryAgain(f"Redis is away ({type(error).__name__})") from error
        if self._clock() < self._trusted_from:
            return
        try:
            await close_lost_calls(self._stores)
        except (*TRANSIENT, RedisError) as error:
            raise TryAgain(f"a store is away ({type(error).__name__})") from error


async def close_lost_calls(stores: Stores) -> None:
    """Close every call whose lease has run out. What was agreed to in it and is only noted is written first."""
    now = datetime.now(UTC)
    lost = (*await live.lost_calls(stores.redis, now), *await _forgotten_calls(stores, now))
    if lost:
        await _write_noted_orders(stores, {one.call.call_id for one in lost})
    for one in lost:
        with _the_others_go_on("a lost call is not closed", one.call.call_id):
            await _close_lost_call(stores, one)


async def _forgotten_calls(stores: Stores, now: datetime) -> tuple[LostCall, ...]:
    """Calls without an end whose lease went with Redis' data, before or after their bridge died.

    Nobody knows how long they lasted: they end at their start.
    """
    async with stores.postgres.platform() as connection:
        endless = await calls.without_end(connection, now - LONGEST_CALL, FORGOTTEN_AT_ONCE)
    return tuple(
        LostCall(
            LiveCall(
                restaurant_id=call.restaurant_id,
                call_id=call.id,
                phone_line_id=call.phone_line_id,
                bridge_node_id=call.bridge_node_id,
                started_at=call.started_at,
                caller_sealed=call.caller_sealed,
            ),
            call.started_at,
        )
        for call in endless
    )


async def _write_noted_orders(stores: Stores, call_ids: Collection[str]) -> None:
    async for note in pending.orders(stores.redis, stores.pii):
        if not isinstance(note, str) and note.order.call_id in call_ids:
            with _the_others_go_on("an order is not written", note.order.call_id):
                await _write_order(stores, note)


async def _close_lost_call(stores: Stores, lost: LostCall) -> None:
    call = lost.call
    saved = await checkpoints.load(stores.redis, call.call_id)
    try:
        async with stores.postgres.platform() as connection:
            so_far = await calls.still_open(connection, call.call_id, call.started_at)
            if so_far is not None:
                await _close(connection, lost, so_far, saved, stores.pii)
    except FOR_GOOD as error:
        log.error("a lost call can never be logged", call_id=call.call_id, why=type(error).__name__)
    else:
        if so_far is not None:
            calls_lost_total.inc()
            log.error("a call was lost with its bridge", call_id=call.call_id, node=call.bridge_node_id)
    now = datetime.now(UTC)
    await live.call_ended(stores.redis, call.restaurant_id, call.call_id, now)
    await live.publish(stores.redis, call.restaurant_id, live.CallChanged(call_id=call.call_id, state="ended", at=now))


async def _close(
    connection: Connection, lost: LostCall, so_far: OpenCall, saved: Checkpoint | None, pii: PiiCipher
) -> None:
    call, caller = lost.call, _caller(lost.call, pii)
    refused = (
        saved is not None and saved.confirmed is not None and not await _is_written(connection, saved, caller, pii)
    )
    went_to = saved.went_to if saved is not None else None
    house_id = call.restaurant_id if went_to is None else went_to.restaurant_id
    ordered = await orders.id_of_call(connection, house_id, call.call_id)
    order_id = ordered if went_to is None else None  # another house's order is none of this one's
    outcome: LoggedOutcome = "order_confirmed" if ordered is not None else "lost"
    if so_far.outcome in _SETTLED:
        outcome = so_far.outcome
    if saved is not None and not so_far.conversed:
        left = _left(saved, refused) if ordered is None else None
        conversation = _conversation(saved, call.restaurant_id, caller, ordered, left)
        await write_conversation(connection, conversation, pii)
    record = CallRecord(
        id=call.call_id,
        restaurant_id=call.restaurant_id,
        started_at=call.started_at,
        outcome=outcome,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        attempts=1 if saved is None else saved.attempt,
        ended_at=lost.seen_at,
        duration_ms=max(0, round((lost.seen_at - call.started_at).total_seconds() * 1000)),
        missed_reason="bridge_lost" if outcome == "lost" else "",
        order_id=order_id,
        caller=caller,
    )
    await calls.record_ended(connection, record, pii=pii)
    await emit_of_lost_call(connection, call.call_id, _events(call, record))


def _caller(call: LiveCall, pii: PiiCipher) -> str:
    if not call.caller_sealed:
        return ""
    try:
        return pii.decrypt(call.restaurant_id, call.caller_sealed)
    except CipherError:
        log.error("a lost call's number is sealed with another MASTER_KEY", call_id=call.call_id)
        return ""


async def _is_written(connection: Connection, saved: Checkpoint, caller: str, pii: PiiCipher) -> bool:
    """Write the order that was agreed to; False when Postgres refuses it for good."""
    assert saved.confirmed is not None
    try:
        async with connection.transaction():  # a savepoint: the call is closed all the same
            await write_order(connection, saved.confirmed, pii, caller=caller)
    except FOR_GOOD as error:
        log.error("an order can never be written", call_id=saved.call_id, why=type(error).__name__)
        orders_unwritable_total.inc()
        return False
    return True


def _left(saved: Checkpoint, refused: bool) -> UnconfirmedCart | None:
    if not saved.cart.lines:
        return None
    return UnconfirmedCart(saved.cart, saved.cart.total_cents, "not_saved" if refused else "handler_lost")


def _conversation(
    saved: Checkpoint,
    called_id: str,
    caller: str,
    ordered: str | None,
    left: UnconfirmedCart | None,
) -> ConversationRecord:
    """Of the called restaurant, wherever the call went on."""
    return ConversationRecord(
        call_id=saved.call_id,
        restaurant_id=called_id,
        started_at=saved.started_at,
        outcome="lost" if ordered is None else "order_confirmed",
        transcript=tuple(saved.transcript),
        usage=saved.usage,
        order_id=ordered if saved.went_to is None else None,
        caller=caller,
        unconfirmed=left,
        tools=saved.tools,
        upsell=upsell_of(saved.offered, saved.cart),
        went_to=saved.went_to,
    )


def _events(call: LiveCall, record: CallRecord) -> list[Payload]:
    assert record.ended_at is not None
    assert record.outcome != "in_progress"
    ended = CallEnded(
        call_id=call.call_id,
        restaurant_id=call.restaurant_id,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        received_at=call.started_at,
        outcome=record.outcome,
        attempts=record.attempts,
        ended_at=record.ended_at,
        duration_ms=record.duration_ms or 0,
        order_id=record.order_id,
    )
    if not record.missed_reason:
        return [ended]
    missed = CallMissed(
        call_id=call.call_id,
        restaurant_id=call.restaurant_id,
        phone_line_id=call.phone_line_id,
        bridge_node_id=call.bridge_node_id,
        received_at=call.started_at,
        reason="bridge_lost",
        caller=record.caller,
        ended_at=record.ended_at,
    )
    return [ended, missed]
