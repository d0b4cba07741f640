"""Errands, from the event to a store of its own: once, in order, and after an outage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.store import Store
from domain import errands as rules
from domain.errands import CancelOrder
from eventing.cloudevents import Event
from stores import connections, errands, retention
from stores.errands import Claimed
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, StartFunction
from tests.integration.functions_small.houses import CALLER, House, StartRunner, cancelled

pytestmark = pytest.mark.integration

TOKEN = "the store's token"


@pytest.fixture
async def store() -> Store:
    return Store(TOKEN)


@pytest.fixture
async def house(postgres: Pools, restaurant_id: str, master_key: str, store: Store) -> AsyncIterator[House]:
    made = House(postgres, restaurant_id, master_key)
    async with TestServer(store.app) as server:
        await made.connect("till", "store_api", {"url": str(server.make_url("/"))}, {"token": TOKEN})
        yield made


@pytest.fixture
def runner(function: StartFunction, database: Database, master_key: str) -> StartRunner:
    return StartRunner(function, database, master_key)


async def test_an_order_is_at_the_till_once_with_who_ordered_and_its_cancellation_after_it(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    confirmed = await house.order()
    event = Event.of(confirmed, source="/call-handler")
    store.faults["lost_answer"] = 1

    async with runner() as running:
        for again in (event, event, Event.of(confirmed, source="/call-handler")):
            assert (await running.send(again))[0] == 204
        assert (await running.send(cancelled(confirmed)))[0] == 204  # while the order waits for its second attempt

        async def both_done() -> bool:
            await running.tick("errands-due")
            return await house.states(confirmed.order_id) == ["done", "done"]

        await eventually(both_done)

    assert [one["path"].rsplit("/", 1)[-1] for one in store.seen] == ["orders", "orders", "cancel"]
    assert {one["key"] for one in store.seen[:2]} == {f"order.place/{confirmed.order_id}"}
    (order,) = store.orders.values()
    assert order["state"] == "cancelled"
    assert (order["phone"], order["total_cents"], order["number"]) == (CALLER, confirmed.total_cents, confirmed.number)
    assert [line["name"] for line in order["lines"]] == [line.name for line in confirmed.lines]
    placed, _ = await house.told(confirmed.order_id)
    assert (placed.reference, placed.attempts, placed.last_error) == ("S1", 2, "")


async def test_the_operators_store_has_the_orders_of_who_typed_no_address(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    url = (await house.connection()).settings["url"]
    await house.run("update service_connection set settings = '{}'")
    confirmed = await house.order()

    async with runner(STORE_API_URL=url) as running:
        assert (await running.send(confirmed))[0] == 204

        async def there() -> bool:
            await running.tick("errands-due")
            return await house.states(confirmed.order_id) == ["done"]

        await eventually(there)
    assert list(store.orders) == [confirmed.order_id]


async def test_what_the_till_refuses_is_not_asked_again_until_somebody_wants_it(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    confirmed = await house.order()
    store.faults["refusing"] = 1

    async with runner() as running:
        await running.send(confirmed)

        async def state(wanted: str) -> bool:
            return await house.states(confirmed.order_id) == [wanted]

        await eventually(lambda: state("refused"))
        (refused,) = await house.told(confirmed.order_id)
        await running.tick("errands-due")
        assert (refused.last_error, len(store.seen)) == ("The kitchen is closed.", 1)
        async with house.postgres.app.tenant(house.id) as connection:
            await errands.try_again(connection, house.id, refused.id)
        await running.tick("errands-due")
        await eventually(lambda: state("done"))

    assert (await house.connection()).failures == 0  # it did answer


async def test_after_an_outage_all_that_waited_goes_as_soon_as_the_till_is_there_again(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    store.faults["failing"] = 1000
    ordered = [await house.order() for _ in range(8)]

    async with runner() as running:
        for confirmed in ordered:
            await running.send(confirmed)

        async def left_alone() -> bool:
            return (await house.connection()).open_until is not None

        await eventually(left_alone)
        store.faults.clear()
        assert not store.orders
        await house.run("update service_connection set open_until = now() - interval '1 second'")

        async def all_there() -> bool:
            await running.tick("errands-due")
            return len(store.orders) == len(ordered)

        await eventually(all_there)
        assert await running.metric('errands_total{outcome="done",to="till"}') == len(ordered)

    now = await house.connection()
    assert (now.failures, now.open_until, now.last_error) == (0, None, "")


async def test_a_till_that_is_off_is_told_nothing_and_one_that_is_not_public_is_not_reached(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    confirmed = await house.order()
    async with runner(INTEGRATION_PRIVATE_TARGETS="false") as running:
        await running.send(confirmed)

        async def not_allowed() -> bool:
            return [one.last_error for one in await house.told(confirmed.order_id)] == [
                "the URL is not allowed (https)"
            ]

        await eventually(not_allowed)

        async with house.postgres.app.tenant(house.id) as connection:
            await connections.switch(connection, house.connection_id, False)
        await house.make_due()
        await running.tick("errands-due")
        assert (await running.send(await house.order()))[0] == 204

    assert store.seen == []
    (only,) = await house.told(confirmed.order_id)
    assert (only.state, only.attempts) == ("waiting", 1)


async def test_an_errand_is_given_up_after_its_time_and_forgotten_after_its_days(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    store.faults["failing"] = 1000
    confirmed = await house.order()
    async with runner() as running:
        await running.send(confirmed)
        await house.run("update errand set give_up_at = now()")

        async def given_up() -> bool:
            await house.make_due()
            await running.tick("errands-due")
            return await house.states(confirmed.order_id) == ["failed"]

        await eventually(given_up)

    async with house.postgres.platform.platform() as connection:
        later = datetime.now(UTC) + timedelta(days=15)
        assert await retention.forget(connection, retention.ERRANDS, 14, later) == 1
        assert await connection.fetchval("select work_encrypted from errand") is None


async def test_what_is_told_is_sealed(house: House) -> None:
    confirmed = await house.order()
    async with house.postgres.app.tenant(house.id) as connection:
        added = CancelOrder(order_id=confirmed.order_id, reason=CALLER)
        assert await errands.add(connection, house.id, house.connection_id, added, house.pii)
        assert not await errands.add(connection, house.id, house.connection_id, added, house.pii)
    async with house.postgres.platform.platform() as connection:
        row = str(await connection.fetch("select t::text from errand t, service_connection c"))
        (claimed,) = await errands.claim(connection, 9, 9)
        assert await errands.claim(connection, 9, 9) == ()
    assert CALLER not in row
    assert errands.work_of(claimed, house.pii) == added
    assert rules.decode(rules.encode(added)) == added


async def test_what_is_in_the_place_of_an_order_is_told_behind_its_cancellation_but_not_held_up_for_ever(
    house: House,
) -> None:
    async def due() -> list[Claimed]:
        async with house.postgres.platform.platform() as connection:
            return list(await errands.claim(connection, 9, 9))

    async def refused(one: Claimed) -> None:
        async with house.postgres.app.tenant(house.id) as connection:
            assert await errands.settle(connection, one, "refused", error="unknown")

    before, other = await house.order(), await house.order()
    gone, after = await house.change(before)
    other_gone, other_after = await house.change(other)
    await house.plan(after, gone, other_after, other_gone)  # events come in either order

    cancelling = {one.subject: one for one in await due()}
    assert {one.kind for one in cancelling.values()} == {"order.cancel"}
    assert cancelling.keys() == {before.order_id, other.order_id}
    assert await due() == []

    await refused(cancelling[before.order_id])
    assert [(one.kind, one.subject) for one in await due()] == [("order.place", after.order_id)]
    await house.run("update errand set created_at = created_at - interval '16 minutes'")
    assert [(one.kind, one.subject) for one in await due()] == [("order.place", other_after.order_id)]


async def test_a_change_by_phone_is_cancelled_at_the_till_and_placed_anew(
    runner: StartRunner, house: House, store: Store, eventually: Eventually
) -> None:
    before = await house.order()

    async with runner() as running:
        assert (await running.send(Event.of(before, source="/call-handler")))[0] == 204
        gone, after = await house.change(before)
        for told in (gone, after):
            assert (await running.send(Event.of(told, source="/call-handler")))[0] == 204

        async def done() -> bool:
            await running.tick("errands-due")
            states = [*await house.states(before.order_id), *await house.states(after.order_id)]
            return states == ["done", "done", "done"]

        await eventually(done)

    assert {order["number"]: order["state"] for order in store.orders.values()} == {
        before.number: "cancelled",
        after.number: "placed",
    }
