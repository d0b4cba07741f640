"""What a death left behind, put right on a real Postgres and Valkey."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from domain.chains import WentTo
from domain.order import Cart, ConfirmedOrder
from eventing import calling, ordering
from eventing.cloudevents import Event
from functions import call_logger, reconciler
from functions.reconciler import LostCallWatch, Stores, close_lost_calls, write_pending
from stores import calls, checkpoints, keys, live, pending, restaurants
from stores.calls import ConversationRecord, LoggedCall, UnconfirmedCart
from stores.checkpoints import Checkpoint, Utterance
from stores.ciphers import PiiCipher
from stores.live import LiveCall
from stores.pending import PendingCall, PendingOrder
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.fakes.proxy import TcpProxy
from tests.integration.functions_small.conftest import Run
from tests.integration.stores.samples import make_menu, make_order, make_restaurant
from tests.live_state import counters
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

CALLER = "+33612345678"
CALL = "call-1"
OLD = timedelta(minutes=1)
SAID = Utterance("caller", "Une margherita, s'il vous plaît", datetime(2026, 11, 21, 12, tzinfo=UTC))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def stores(postgres: Pools, redis: Redis, master_key: str) -> Stores:
    return Stores(postgres.platform, redis, PiiCipher(master_key))


@pytest.fixture
def order(restaurant_id: str) -> ConfirmedOrder:
    return make_order(make_menu(restaurant_id), CALL, order_id=str(uuid.uuid4()))


async def note_order(stores: Stores, order: ConfirmedOrder, age: timedelta = OLD) -> None:
    note = PendingOrder(order, CALLER, datetime.now(UTC) - age, TRACEPARENT)
    await pending.note_order(stores.redis, stores.pii, note)


async def note_call(stores: Stores, record: ConversationRecord) -> None:
    await pending.note_call(stores.redis, stores.pii, PendingCall(record, datetime.now(UTC) - OLD))


async def refuse_orders(database: Database) -> None:
    """A rule of the database that no order keeps."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute('alter table "order" add constraint none_is_right check (total_cents < 0) not valid')
    await owner.close()


async def written_orders(stores: Stores) -> list[str]:
    async with stores.postgres.platform() as connection:
        return [row["id"] for row in await connection.fetch('select id from "order" order by id')]


async def told(stores: Stores) -> dict[str, dict[str, Any]]:
    """The data of what is in the outbox, by the last word of its type. Fails when a type is there twice."""
    async with stores.postgres.platform() as connection:
        events = [row["event"] for row in await connection.fetch("select event from outbox")]
    by_type = {event["type"].removeprefix("com.alloresto."): event["data"] for event in events}
    assert len(by_type) == len(events)
    return by_type


async def traces_told(stores: Stores) -> set[str]:
    async with stores.postgres.platform() as connection:
        return {row["trace"] for row in await connection.fetch("select event->>'traceparent' as trace from outbox")}


async def somebody_waits_for_a_lock(stores: Stores) -> bool:
    async with stores.postgres.platform() as watcher:  # a new transaction: one sees the same activity all the time
        count: int = await watcher.fetchval(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
    return count > 0


async def logged(stores: Stores, call_id: str = CALL) -> LoggedCall:
    async with stores.postgres.platform() as connection:
        return await calls.get(connection, call_id, pii=stores.pii)


async def unconfirmed(stores: Stores, restaurant_id: str) -> UnconfirmedCart | None:
    async with stores.postgres.platform() as connection:
        sealed = await connection.fetchval("select unconfirmed_encrypted from call_log where id = $1", CALL)
    return sealed and msgspec.json.decode(stores.pii.decrypt(restaurant_id, sealed), type=UnconfirmedCart)


# --- What waits for Postgres ---------------------------------------------------------------------------------------


async def test_an_order_that_its_handler_did_not_live_to_write_is_written_and_told_once(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await note_order(stores, order)

    for _ in range(2):
        await write_pending(stores)

    assert await written_orders(stores) == [order.id]
    assert await traces_told(stores) == {TRACEPARENT}, "it belongs to the call's trace, days later too"
    assert (await told(stores))["order.confirmed"]["orderId"] == order.id
    assert await pending.count(stores.redis) == (0, 0)


async def test_a_call_that_ended_before_its_order_could_be_written_names_it_afterwards(
    stores: Stores, order: ConfirmedOrder
) -> None:
    ended = calls.CallRecord(
        id=CALL,
        restaurant_id=order.restaurant_id,
        started_at=order.confirmed_at - timedelta(minutes=1),
        outcome="order_confirmed",
        ended_at=order.confirmed_at,
    )
    async with stores.postgres.platform() as connection:
        await calls.record_ended(connection, ended)
    await note_order(stores, order)

    await write_pending(stores)

    assert (await logged(stores)).order_id == order.id


async def test_an_order_that_its_handler_writes_at_the_same_moment_is_one_order(
    stores: Stores, postgres: Pools, order: ConfirmedOrder
) -> None:
    await note_order(stores, order)
    async with postgres.app.tenant(order.restaurant_id) as handler:
        await ordering.write_order(handler, order, stores.pii, caller=CALLER)
        beside = asyncio.create_task(write_pending(stores))
        async with asyncio.timeout(PATIENCE_S):
            while not await somebody_waits_for_a_lock(stores):
                await asyncio.sleep(0.02)
    await beside

    assert await written_orders(stores) == [order.id]
    assert set(await told(stores)) == {"order.confirmed"}
    assert await pending.count(stores.redis) == (0, 0)


async def test_what_is_agreed_to_and_noted_while_the_note_before_is_written_stays_noted(
    stores: Stores, database: Database, order: ConfirmedOrder
) -> None:
    await note_order(stores, order)
    owner = await asyncpg.connect(database.owner_url)
    async with owner.transaction():
        await owner.execute("lock table order_key in exclusive mode")
        beside = asyncio.create_task(write_pending(stores))
        async with asyncio.timeout(PATIENCE_S):
            while not await somebody_waits_for_a_lock(stores):
                await asyncio.sleep(0.02)
        await note_order(stores, replace(order, customer_name="Grace"), age=timedelta())
    await beside
    await owner.close()

    assert await written_orders(stores) == [order.id]
    assert await pending.count(stores.redis) == (1, 0)


async def test_two_callers_that_a_trunk_gives_the_same_stand_in_for_a_number_are_no_customer(
    stores: Stores, order: ConfirmedOrder
) -> None:
    async with stores.postgres.platform() as connection:
        for one in (order, replace(order, id=str(uuid.uuid4()), call_id="call-2")):
            await ordering.write_order(connection, one, stores.pii, caller="0000000000")
        known = await connection.fetchval("select count(*) from customer")

    assert known == 0


async def test_a_young_note_is_left_to_its_handler(stores: Stores, order: ConfirmedOrder) -> None:
    await note_order(stores, order, age=timedelta())

    await write_pending(stores)

    assert await written_orders(stores) == []
    assert await pending.count(stores.redis) == (1, 0)


async def test_an_order_that_the_database_refuses_for_good_is_told_shown_and_forgotten(
    stores: Stores, database: Database, order: ConfirmedOrder
) -> None:
    await refuse_orders(database)
    await begin_row(stores, order.restaurant_id)
    await note_order(stores, order)
    before = reconciler.orders_unwritable_total._value.get()

    await write_pending(stores)

    abandoned = (await told(stores))["cart.abandoned"]
    assert (abandoned["reason"], abandoned["caller"], abandoned["totalCents"]) == (
        "not_saved",
        CALLER,
        order.total_cents,
    )
    left = await unconfirmed(stores, order.restaurant_id)
    assert left is not None
    assert (left.reason, left.cart.lines) == ("not_saved", order.lines)
    assert reconciler.orders_unwritable_total._value.get() == before + 1
    assert await pending.count(stores.redis) == (0, 0)


async def test_an_order_of_a_restaurant_that_is_gone_holds_up_no_other(stores: Stores, order: ConfirmedOrder) -> None:
    await note_order(stores, replace(order, id=str(uuid.uuid4()), restaurant_id=str(uuid.uuid4()), call_id="gone"))
    await note_order(stores, order)

    await write_pending(stores)

    assert await written_orders(stores) == [order.id]
    assert await pending.count(stores.redis) == (0, 0)


async def test_a_note_that_cannot_be_read_stays_and_is_counted(stores: Stores, order: ConfirmedOrder) -> None:
    await stores.redis.hset(keys.PENDING_ORDERS, f"{order.restaurant_id}:{uuid.uuid4()}", b"sealed by another key")
    await note_order(stores, order)

    await write_pending(stores)

    assert await written_orders(stores) == [order.id]
    assert reconciler.notes_unreadable._value.get() == 1
    assert reconciler.orders_pending._value.get() == 1
    assert await pending.count(stores.redis) == (1, 0)


async def test_the_record_of_a_call_is_written_with_caller_transcript_and_cost(
    stores: Stores, restaurant_id: str
) -> None:
    started_at = datetime.now(UTC)
    record = ConversationRecord(
        call_id=CALL,
        restaurant_id=restaurant_id,
        started_at=started_at,
        outcome="answered",
        transcript=(SAID,),
        usage={"text_in": 7},
        cost_dollars=0.12,
        caller=CALLER,
    )
    await note_call(stores, record)

    for _ in range(2):
        await write_pending(stores)

    call = await logged(stores)
    assert (call.caller, call.transcript, call.cost_dollars) == (CALLER, (SAID,), 0.12)
    assert await pending.count(stores.redis) == (0, 0)


async def test_while_postgres_is_away_the_tick_is_put_off_and_nothing_is_lost(
    run: Run, database: Database, redis_url: str, master_key: str, stores: Stores, order: ConfirmedOrder
) -> None:
    there = urlsplit(database.platform_url)
    await note_order(stores, order)
    async with TcpProxy(there.port or 0) as proxy:
        url = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        async with run(
            "functions", "reconciler", PLATFORM_DATABASE_URL=url, REDIS_URL=redis_url, MASTER_KEY=master_key
        ) as function:
            await proxy.go_away()
            away, _ = await function.tick("pending")
            waiting = await function.metric("orders_pending")
            kept = await pending.count(stores.redis)
            await proxy.come_back()
            async with asyncio.timeout(PATIENCE_S):
                while (await function.tick("pending"))[0] != 204:
                    await asyncio.sleep(0.1)

            assert (away, waiting, kept) == (503, 1, (1, 0))
            assert await written_orders(stores) == [order.id]
            assert await function.metric("orders_pending") == 0
            assert await function.metric("orders_reconciled_total") == 1


# --- What a bridge lost --------------------------------------------------------------------------------------------


STARTED = datetime.now(UTC) - timedelta(minutes=2)
SEEN = STARTED + timedelta(seconds=75)


async def begin_row(stores: Stores, restaurant_id: str) -> None:
    async with stores.postgres.platform() as connection:
        await calls.record_started(
            connection,
            call_id=CALL,
            restaurant_id=restaurant_id,
            started_at=STARTED,
            phone_line_id=str(uuid.uuid4()),
            bridge_node_id="edge-1",
            caller=CALLER,
            pii=stores.pii,
        )


async def lose_call(stores: Stores, restaurant_id: str, *, caller_sealed: bytes | None = None) -> LiveCall:
    """A call whose bridge renewed its lease at SEEN and never again."""
    call = LiveCall(
        restaurant_id=restaurant_id,
        call_id=CALL,
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-1",
        started_at=STARTED,
        caller_sealed=stores.pii.encrypt(restaurant_id, CALLER) if caller_sealed is None else caller_sealed,
    )
    await begin_row(stores, restaurant_id)
    await live.call_started(stores.redis, call, SEEN)
    return call


async def save_checkpoint(
    stores: Stores, order: ConfirmedOrder, *, agreed: bool, went_to: WentTo | None = None
) -> None:
    cart = Cart(order.currency, order.id, lines=order.lines, fulfilment=order.fulfilment, customer_name="Ada")
    saved = Checkpoint(
        call_id=CALL,
        restaurant_id=order.restaurant_id,
        attempt=2,
        started_at=STARTED,
        cart=cart,
        transcript=[SAID],
        usage={"text_in": 7},
        confirmed=order if agreed else None,
        went_to=went_to,
    )
    await checkpoints.save(stores.redis, CALL, saved)


async def test_a_call_that_its_bridge_lost_is_closed_and_told_once_as_missed_with_the_number(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await lose_call(stores, order.restaurant_id)
    await save_checkpoint(stores, order, agreed=False)

    for _ in range(2):
        await close_lost_calls(stores)

    call = await logged(stores)
    assert (call.outcome, call.missed_reason, call.caller) == ("lost", "bridge_lost", CALLER)
    assert (call.ended_at, call.duration_ms, call.attempts) == (SEEN, 75_000, 2), "its end is its bridge's last word"
    assert (call.transcript, call.usage) == ((SAID,), {"text_in": 7})
    left = await unconfirmed(stores, order.restaurant_id)
    assert left is not None
    assert (left.reason, left.cart.lines) == ("handler_lost", order.lines)
    events = await told(stores)
    assert set(events) == {"call.ended", "call.missed", "cart.abandoned"}
    assert (events["call.ended"]["outcome"], events["call.missed"]["caller"]) == ("lost", CALLER)
    assert await live.calls_of(stores.redis, order.restaurant_id) == ()
    assert await checkpoints.load(stores.redis, CALL) is None
    assert (await counters(stores.redis)).active_calls == 0


async def test_open_pages_are_told_that_a_lost_call_is_over_and_that_its_cart_is_there(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await lose_call(stores, order.restaurant_id)
    await save_checkpoint(stores, order, agreed=False)

    async with stores.redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(keys.restaurant_live(order.restaurant_id))
        await close_lost_calls(stores)
        received = [await channel.get_message(timeout=0.5) for _ in range(3)]

    news = [msgspec.json.decode(one["data"], type=live.LiveEvent) for one in received if one]
    assert [(type(one), one.call_id) for one in news] == [(live.CallChanged, CALL)]
    assert news[0].state == "ended"


async def test_two_orders_of_a_call_that_the_database_refuses_are_told_apart(
    stores: Stores, database: Database, order: ConfirmedOrder
) -> None:
    await refuse_orders(database)
    await begin_row(stores, order.restaurant_id)
    await note_order(stores, order)
    await note_order(stores, replace(order, id=str(uuid.uuid4())))

    for _ in range(2):
        await write_pending(stores)

    async with stores.postgres.platform() as connection:
        events = [row["event"] for row in await connection.fetch("select event from outbox")]
    assert [event["type"] for event in events] == ["com.alloresto.cart.abandoned"] * 2


async def test_a_lost_call_that_was_agreed_to_becomes_its_order_and_is_not_missed(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await lose_call(stores, order.restaurant_id)
    await save_checkpoint(stores, order, agreed=True)

    for _ in range(2):
        await close_lost_calls(stores)

    call = await logged(stores)
    assert (call.outcome, call.order_id, call.missed_reason) == ("order_confirmed", order.id, "")
    assert await written_orders(stores) == [order.id]
    assert set(await told(stores)) == {"order.confirmed", "call.ended"}
    assert await unconfirmed(stores, order.restaurant_id) is None


@pytest.mark.parametrize("agreed", [True, False])
async def test_a_lost_call_that_went_on_in_another_house_is_the_called_ones_and_its_order_the_other_ones(
    stores: Stores, restaurant_id: str, agreed: bool
) -> None:
    sister = make_restaurant("Quay")
    async with stores.postgres.platform() as connection:
        await restaurants.create(connection, sister)
    order = make_order(make_menu(sister.id), CALL, order_id=str(uuid.uuid4()))
    await lose_call(stores, restaurant_id)
    await save_checkpoint(stores, order, agreed=agreed, went_to=WentTo(sister.id, "Quay", "closed"))

    for _ in range(2):
        await close_lost_calls(stores)

    call = await logged(stores)
    assert (call.restaurant_id, call.caller, call.order_id, call.unreadable) == (
        restaurant_id,
        CALLER,
        None,
        frozenset(),
    )
    async with stores.postgres.platform() as connection:
        [row] = await connection.fetch("select went_to, went_to_name, went_because, caller_hash from call_log")
        owners = await connection.fetch('select restaurant_id from "order"')
    assert (row["went_to"], row["went_to_name"], row["went_because"]) == (sister.id, "Quay", "closed")
    assert row["caller_hash"] == stores.pii.phone_hash(restaurant_id, CALLER), "the called one's erasure finds it"
    left = await unconfirmed(stores, restaurant_id)
    events = await told(stores)
    assert events["call.rerouted"] == {
        "restaurantId": restaurant_id,
        "callId": CALL,
        "toRestaurantId": sister.id,
        "toHouse": "Quay",
        "because": "closed",
    }
    if agreed:
        assert (call.outcome, call.missed_reason, left) == ("order_confirmed", "", None)
        assert [one["restaurant_id"] for one in owners] == [sister.id]
        assert events["order.confirmed"]["restaurantId"] == sister.id and "orderId" not in events["call.ended"]
        assert set(events) == {"order.confirmed", "call.ended", "call.rerouted"}
    else:
        assert (call.outcome, call.missed_reason, left and left.reason) == ("lost", "bridge_lost", "handler_lost")
        assert {one["restaurantId"] for one in events.values()} == {restaurant_id} and not owners
        abandoned = events["cart.abandoned"]
        assert (abandoned["caller"], abandoned["lines"], abandoned["totalCents"]) == (CALLER, [], 0)


async def test_a_bridge_that_did_not_hear_of_another_houses_order_makes_no_missed_call_of_it(
    stores: Stores, restaurant_id: str
) -> None:
    record = ConversationRecord(
        call_id=CALL,
        restaurant_id=restaurant_id,
        started_at=STARTED,
        outcome="order_confirmed",
        went_to=WentTo(str(uuid.uuid4()), "Quay", "asked"),
    )
    ended = calls.CallRecord(id=CALL, restaurant_id=restaurant_id, started_at=STARTED, outcome="lost", ended_at=SEEN)
    for first in ("handler", "bridge"):
        async with stores.postgres.platform() as connection:
            await connection.execute("delete from call_log")
            if first == "handler":
                await calling.write_conversation(connection, record, stores.pii)
            await calls.record_ended(connection, ended)
            if first == "bridge":
                await calling.write_conversation(connection, record, stores.pii)
        assert (await logged(stores)).outcome == "order_confirmed", first


async def test_an_order_that_is_only_noted_is_written_before_its_call_is_called_lost(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await lose_call(stores, order.restaurant_id)
    await note_order(stores, order, age=timedelta())

    await close_lost_calls(stores)

    call = await logged(stores)
    assert (call.outcome, call.order_id) == ("order_confirmed", order.id)
    assert "call.missed" not in await told(stores)


async def test_a_lost_call_whose_order_the_database_refuses_is_closed_with_its_cart(
    stores: Stores, database: Database, order: ConfirmedOrder
) -> None:
    await refuse_orders(database)
    await lose_call(stores, order.restaurant_id)
    await save_checkpoint(stores, order, agreed=True)

    await close_lost_calls(stores)

    left = await unconfirmed(stores, order.restaurant_id)
    assert left is not None
    assert left.reason == "not_saved"
    assert (await logged(stores)).outcome == "lost"
    assert (await told(stores))["cart.abandoned"]["reason"] == "not_saved"


async def test_what_the_handler_has_written_of_a_lost_call_is_kept(stores: Stores, order: ConfirmedOrder) -> None:
    """A checkpoint is a turn behind, and knows no cost."""
    await lose_call(stores, order.restaurant_id)
    await save_checkpoint(stores, order, agreed=False)
    said = (SAID, Utterance("assistant", "Et avec ceci ?", SEEN))
    record = ConversationRecord(
        call_id=CALL,
        restaurant_id=order.restaurant_id,
        started_at=STARTED,
        outcome="answered",
        transcript=said,
        usage={"text_in": 9},
        cost_dollars=0.3,
    )
    async with stores.postgres.platform() as connection:
        await calling.write_conversation(connection, record, stores.pii)

    await close_lost_calls(stores)

    call = await logged(stores)
    assert (call.transcript, call.cost_dollars, call.outcome) == (said, 0.3, "lost")


async def test_a_handler_that_outlives_the_bridge_and_writes_the_order_later_corrects_the_row(
    stores: Stores, order: ConfirmedOrder
) -> None:
    await lose_call(stores, order.restaurant_id)
    await close_lost_calls(stores)
    record = ConversationRecord(
        call_id=CALL,
        restaurant_id=order.restaurant_id,
        started_at=STARTED,
        outcome="order_confirmed",
        order_id=order.id,
    )
    await note_call(stores, record)

    await write_pending(stores)

    call = await logged(stores)
    assert (call.outcome, call.order_id, call.missed_reason) == ("order_confirmed", order.id, "")


async def test_a_call_that_redis_has_forgotten_and_no_bridge_ends_is_closed_after_the_longest_call(
    stores: Stores, restaurant_id: str
) -> None:
    async with stores.postgres.platform() as connection:
        for call_id, age in (("endless", timedelta(minutes=71)), ("long", timedelta(minutes=59))):
            await calls.record_started(
                connection,
                call_id=call_id,
                restaurant_id=restaurant_id,
                started_at=datetime.now(UTC) - age,
                phone_line_id=str(uuid.uuid4()),
                bridge_node_id="node-1",
                caller=CALLER,
                pii=stores.pii,
            )

    for _ in range(2):
        await close_lost_calls(stores)

    closed, going_on = await logged(stores, "endless"), await logged(stores, "long")
    assert (closed.outcome, closed.missed_reason, closed.caller) == ("lost", "bridge_lost", CALLER)
    assert (going_on.outcome, going_on.ended_at) == ("in_progress", None)
    assert (await told(stores))["call.missed"]["caller"] == CALLER


async def test_a_call_whose_end_is_logged_loses_only_its_lease(stores: Stores, restaurant_id: str) -> None:
    call = await lose_call(stores, restaurant_id)
    ended = calls.CallRecord(
        id=CALL, restaurant_id=restaurant_id, started_at=STARTED, outcome="answered", ended_at=SEEN, duration_ms=75_000
    )
    async with stores.postgres.platform() as connection:
        await calls.record_ended(connection, ended)
    before = await logged(stores)

    await close_lost_calls(stores)

    assert await logged(stores) == before
    assert await told(stores) == {}
    assert await live.lost_calls(stores.redis, datetime.now(UTC)) == ()
    assert call not in await live.calls_of(stores.redis, restaurant_id)


async def test_a_number_sealed_with_another_key_is_missing_and_the_call_closed(
    stores: Stores, restaurant_id: str
) -> None:
    await lose_call(stores, restaurant_id, caller_sealed=b"\x01" + b"another key" * 4)

    await close_lost_calls(stores)

    assert (await told(stores))["call.missed"]["caller"] == ""
    assert (await logged(stores)).caller == CALLER, "the row has it from the INVITE"


async def test_leases_that_ran_out_while_redis_was_away_are_given_time_to_be_renewed(
    stores: Stores, restaurant_id: str
) -> None:
    now = 1000.0
    watch = LostCallWatch(stores, clock=lambda: now)
    await lose_call(stores, restaurant_id)

    await watch.look()
    young = (await logged(stores)).outcome
    now += live.LEASE_S
    await watch.look()

    assert (young, (await logged(stores)).outcome) == ("in_progress", "lost")


@pytest.mark.parametrize("first", ["bridge", "reconciler"])
async def test_a_bridge_that_was_only_cut_off_has_the_last_word(
    stores: Stores, postgres: Pools, restaurant_id: str, first: str
) -> None:
    """Its late call.ended and the reconciler's own events, in either order, give the row as the bridge tells it."""
    await lose_call(stores, restaurant_id)
    await close_lost_calls(stores)
    async with stores.postgres.platform() as connection:
        rows = await connection.fetch("select event from outbox order by id")
    of_reconciler = [msgspec.convert(row["event"], dict[str, Any]) for row in rows]
    ended = of_reconciler[0]["data"] | {"outcome": "answered", "durationMs": 90_000, "attempts": 3}
    late = {"id": str(uuid.uuid4()), "source": "/edge/edge-1", "type": "com.alloresto.call.ended", "data": ended}
    events = [late, *of_reconciler] if first == "bridge" else [*of_reconciler, late]

    for event in events:
        taken = Event(id=event["id"], source=event["source"], type=event["type"], data=event["data"])
        async with postgres.app.tenant(restaurant_id) as connection:
            await call_logger.log_call(stores.redis, connection, taken)

    call = await logged(stores)
    assert (call.outcome, call.missed_reason, call.duration_ms, call.attempts) == ("answered", "", 90_000, 3)
    assert call.caller == CALLER
