"""What a death left behind is put right: noted orders and records are written, lost calls closed. Real stores."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.order import Cart, ConfirmedOrder
from functions.reconciler import YOUNG
from stores import calls, checkpoints, keys, live, pending
from stores.calls import CallRecord
from stores.checkpoints import Checkpoint, Utterance
from stores.ciphers import PiiCipher
from stores.pending import PendingCall, PendingOrder
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run, Running
from tests.integration.stores.samples import conversation, make_menu, make_order

pytestmark = pytest.mark.integration

CALLER = "+33612345678"


@pytest.fixture
async def reconciler(run: Run, database: Database, redis_url: str, master_key: str) -> AsyncIterator[Running]:
    url = database.platform_url
    async with run(
        "functions", "reconciler", PLATFORM_DATABASE_URL=url, REDIS_URL=redis_url, MASTER_KEY=master_key
    ) as running:
        yield running


@pytest.fixture
def order(restaurant_id: str) -> ConfirmedOrder:
    return make_order(make_menu(restaurant_id), "call-1", confirmed_at=datetime.now(UTC))


def old() -> datetime:
    return datetime.now(UTC) - YOUNG - timedelta(seconds=1)


async def events(postgres: Pools, kind: str) -> list[dict[str, Any]]:
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select event -> 'data' as data from outbox where type = $1", kind)
    return [row["data"] for row in rows]


async def stored(postgres: Pools) -> list[Any]:
    async with postgres.platform.platform() as connection:
        return list(await connection.fetch('select * from "order"'))


async def logged(postgres: Pools, call_id: str = "call-1") -> Any:
    async with postgres.platform.platform() as connection:
        return await connection.fetchrow("select * from call_log where id = $1", call_id)


async def done(reconciler: Running, path: str) -> None:
    assert await reconciler.tick(path) == (204, {})


async def test_an_order_noted_by_a_handler_that_died_is_in_the_kitchen_once(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, order: ConfirmedOrder
) -> None:
    for _ in range(2):  # a handler that did write it, and died before it could take the note away, is no different
        await pending.note_order(redis, pii, PendingOrder(order, CALLER, old()))
        await done(reconciler, "pending")

    assert [row["id"] for row in await stored(postgres)] == [order.id]
    assert [event["orderId"] for event in await events(postgres, "com.alloresto.order.confirmed")] == [order.id]
    assert await pending.count(redis) == (0, 0)


async def test_a_young_note_is_left_to_its_handler(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, order: ConfirmedOrder
) -> None:
    await pending.note_order(redis, pii, PendingOrder(order, "", datetime.now(UTC) + timedelta(seconds=30)))

    await done(reconciler, "pending")

    assert await stored(postgres) == []
    assert await reconciler.metric("orders_pending") == 1


async def test_an_order_that_can_never_be_written_is_told_to_the_restaurant_and_not_tried_for_ever(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, order: ConfirmedOrder
) -> None:
    await pending.note_order(redis, pii, PendingOrder(order, CALLER, old()))
    await done(reconciler, "pending")
    await pending.note_order(redis, pii, PendingOrder(replace(order, customer_name="Grace"), CALLER, old()))

    await done(reconciler, "pending")

    [told] = await events(postgres, "com.alloresto.cart.abandoned")
    assert (told["reason"], told["caller"], told["customerName"]) == ("not_saved", CALLER, "Grace")
    assert len(await stored(postgres)) == 1
    assert await pending.count(redis) == (0, 0)
    assert await reconciler.metric("orders_unwritable_total") == 1


async def test_a_note_that_nobody_can_read_stays_and_is_counted(
    reconciler: Running, redis: Redis, restaurant_id: str
) -> None:
    await redis.hset(keys.PENDING_ORDERS, f"{restaurant_id}:of another key", b"\x01" * 60)

    await done(reconciler, "pending")

    assert await pending.count(redis) == (1, 0)
    assert await reconciler.metric("notes_unreadable") == 1


async def test_the_record_of_a_call_that_ended_while_postgres_was_away_is_whole(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, restaurant_id: str
) -> None:
    record = conversation("call-1", restaurant_id, caller=CALLER)
    await pending.note_call(redis, pii, PendingCall(record, old()))

    await done(reconciler, "pending")

    row = await logged(postgres)
    assert pii.decrypt(restaurant_id, row["caller_encrypted"]) == CALLER
    assert (row["transcript"][0]["text"], float(row["cost_dollars"])) == ("One margherita please", 0.0123)
    assert await pending.count(redis) == (0, 0)


async def lose(redis: Redis, pii: PiiCipher, restaurant_id: str) -> live.LiveCall:
    """A call whose bridge was last heard of a minute ago."""
    begun = datetime.now(UTC) - timedelta(minutes=1)
    call = live.LiveCall(
        restaurant_id=restaurant_id,
        call_id="call-1",
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-1",
        started_at=begun,
        caller_sealed=pii.encrypt(restaurant_id, CALLER),
    )
    await live.call_started(redis, call, begun)
    return call


def checkpoint(call: live.LiveCall, order: ConfirmedOrder, *, confirmed: bool) -> Checkpoint:
    return Checkpoint(
        call_id=call.call_id,
        restaurant_id=call.restaurant_id,
        attempt=1,
        started_at=call.started_at,
        cart=Cart("EUR", order.id, 3, 2, order.lines, order.fulfilment, "Ada"),
        confirmed=order if confirmed else None,
        transcript=[Utterance("caller", "One margherita please", call.started_at)],
    )


async def test_a_call_lost_with_its_bridge_is_closed_and_the_restaurant_has_the_number_and_the_cart(
    reconciler: Running,
    postgres: Pools,
    redis: Redis,
    pii: PiiCipher,
    restaurant_id: str,
    order: ConfirmedOrder,
) -> None:
    call = await lose(redis, pii, restaurant_id)
    await checkpoints.save(redis, call.call_id, checkpoint(call, order, confirmed=False))

    for _ in range(2):
        await done(reconciler, "lost-calls")

    row = await logged(postgres)
    assert (row["outcome"], row["missed_reason"]) == ("lost", "bridge_lost")
    assert row["ended_at"] is not None
    assert pii.decrypt(restaurant_id, row["caller_encrypted"]) == CALLER
    assert row["transcript"][0]["text"] == "One margherita please"
    assert row["unconfirmed_encrypted"] is not None
    [missed] = await events(postgres, "com.alloresto.call.missed")
    [left] = await events(postgres, "com.alloresto.cart.abandoned")
    assert (missed["reason"], missed["caller"]) == ("bridge_lost", CALLER)
    assert (left["reason"], left["totalCents"]) == ("handler_lost", 2950)
    assert len(await events(postgres, "com.alloresto.call.ended")) == 1
    assert await live.calls_of(redis, restaurant_id) == ()
    assert await live.lost_calls(redis, datetime.now(UTC)) == ()
    assert await checkpoints.load(redis, call.call_id) is None
    assert await stored(postgres) == []


async def test_a_lost_call_whose_caller_had_agreed_is_an_order_and_no_miss(
    reconciler: Running,
    postgres: Pools,
    redis: Redis,
    pii: PiiCipher,
    restaurant_id: str,
    order: ConfirmedOrder,
) -> None:
    call = await lose(redis, pii, restaurant_id)
    await checkpoints.save(redis, call.call_id, checkpoint(call, order, confirmed=True))

    await done(reconciler, "lost-calls")

    assert [row["id"] for row in await stored(postgres)] == [order.id]
    row = await logged(postgres)
    assert (row["outcome"], row["missed_reason"], row["order_id"]) == ("order_confirmed", "", order.id)
    assert await events(postgres, "com.alloresto.call.missed") == []
    assert await events(postgres, "com.alloresto.cart.abandoned") == []


async def test_a_call_whose_end_is_known_only_loses_its_lease(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, restaurant_id: str
) -> None:
    call = await lose(redis, pii, restaurant_id)
    async with postgres.platform.platform() as connection:
        ended = CallRecord(
            id=call.call_id,
            restaurant_id=restaurant_id,
            started_at=call.started_at,
            outcome="answered",
            ended_at=call.started_at + timedelta(seconds=9),
        )
        await calls.record_ended(connection, ended)

    await done(reconciler, "lost-calls")

    assert (await logged(postgres))["outcome"] == "answered"
    assert await events(postgres, "com.alloresto.call.missed") == []
    assert await live.calls_of(redis, restaurant_id) == ()


async def test_a_call_that_goes_on_is_left_alone(
    reconciler: Running, postgres: Pools, redis: Redis, pii: PiiCipher, restaurant_id: str
) -> None:
    call = await lose(redis, pii, restaurant_id)
    await live.calls_renewed(redis, [call], datetime.now(UTC))

    await done(reconciler, "lost-calls")

    assert await logged(postgres) is None
    assert await live.calls_of(redis, restaurant_id) == (call,)
