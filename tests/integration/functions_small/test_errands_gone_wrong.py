"""What must not happen to errands: one that spoils the others, comes twice, or comes when nobody wants it any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.store import Store
from domain.kitchen import OrderStatus
from eventing import ordering
from eventing.catalogue import OrderConfirmed, Payload
from functions.errand_runner import consequences
from functions.errand_runner.runner import Runner
from integrations.network import Network
from stores import connections, errands
from stores.kitchen import Move
from tests.conftest import Pools
from tests.integration.functions_small.houses import House, cancelled

pytestmark = pytest.mark.integration

TOKEN = "the store's token"


class Shop(House):
    """A store as its till, and a runner in this process."""

    def __init__(self, postgres: Pools, restaurant_id: str, master_key: str, store: Store) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.store = store
        self.runner = Runner(postgres.platform, postgres.app, Network("test", private=True), self.home)

    async def placed(self) -> OrderConfirmed:
        event = await self.order()
        await self.plan(event)
        return event

    async def move(self, order_id: str, seen: OrderStatus, to: OrderStatus) -> None:
        async with self.postgres.app.tenant(self.id) as connection:
            await ordering.move_order(connection, Move(order_id, seen, to, "somebody", "other"), source="/test")

    async def switch(self, on: bool) -> None:
        async with self.postgres.app.tenant(self.id) as connection:
            await connections.switch(connection, self.connection_id, on)


@pytest.fixture
async def shop(postgres: Pools, restaurant_id: str, master_key: str) -> AsyncIterator[Shop]:
    store = Store(TOKEN)
    made = Shop(postgres, restaurant_id, master_key, store)
    async with TestServer(store.app) as server:
        await made.connect("till", "store_api", {"url": str(server.make_url("/"))}, {"token": TOKEN})
        yield made
        await made.runner.stop()


async def test_an_order_that_the_till_does_not_digest_keeps_no_later_one_from_it(shop: Shop) -> None:
    bad = await shop.placed()
    shop.store.indigestible.add(bad.order_id)
    for _ in range(4):  # alone, until its connection is left alone
        await shop.make_due()
        await shop.runner.round()
    assert (await shop.connection()).open_until is not None

    good = await shop.placed()
    for _ in range(2):  # each time both are due, and one may go
        await shop.make_due()
        await shop.runner.round()

    assert list(shop.store.orders) == [good.order_id]
    assert (await shop.connection()).open_until is None


async def test_an_answer_that_no_column_takes_settles_the_order_all_the_same(shop: Shop) -> None:
    shop.store.id = "S\0{}"
    event = await shop.placed()

    await shop.runner.round()

    (errand,) = await shop.told(event.order_id)
    assert (errand.state, errand.reference) == ("done", "S1")


async def test_what_follows_from_an_errand_may_fail_and_it_is_given_up_like_any_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> list[Payload]:
        raise LookupError("somebody's name")

    monkeypatch.setitem(consequences.OF, "order.place", failing)
    event = await shop.placed()

    await shop.runner.round()
    (waiting,) = await shop.told(event.order_id)
    await shop.run("update errand set give_up_at = now(), next_at = now()")
    await shop.runner.round()

    (given_up,) = await shop.told(event.order_id)
    assert (waiting.state, waiting.last_error) == ("waiting", "a fault of ours (LookupError)")
    assert given_up.state == "failed"
    assert (await shop.connection()).failures == 0


async def test_what_waited_too_long_for_a_connection_that_was_off_is_not_told_any_more(shop: Shop) -> None:
    event = await shop.placed()
    await shop.switch(False)
    await shop.run("update errand set give_up_at = now() - interval '1 second'")
    await shop.switch(True)

    await shop.runner.round()

    (errand,) = await shop.told(event.order_id)
    order = await shop.read(event.order_id)
    assert (errand.state, order.till_state, shop.store.seen) == ("failed", "refused", [])
    assert "its time was over" in order.till_reason


async def test_an_event_of_yesterday_places_no_order_today(shop: Shop) -> None:
    event = await shop.order(confirmed_at=datetime.now(UTC) - timedelta(days=1))
    await shop.plan(event)

    await shop.runner.round()

    assert (await shop.states(event.order_id), shop.store.seen) == (["failed"], [])
    assert (await shop.read(event.order_id)).till_state == "refused"


async def test_a_confirmation_that_comes_behind_its_cancellation_places_nothing(shop: Shop) -> None:
    event = await shop.order()
    await shop.move(event.order_id, "confirmed", "cancelled")
    await shop.plan(cancelled(event))
    await shop.runner.round()
    await shop.plan(event)
    await shop.runner.round()

    assert shop.store.orders == {}


async def test_who_asks_for_another_attempt_takes_none_that_is_under_way_from_its_runner(shop: Shop) -> None:
    event = await shop.placed()
    async with shop.postgres.platform.platform() as connection:
        (claimed,) = await errands.claim(connection, 9, 9)

    async with shop.postgres.app.tenant(shop.id) as connection:
        await errands.try_again(connection, shop.id, claimed.id)

    async with shop.postgres.platform.platform() as connection:
        assert await errands.claim(connection, 9, 9) == ()
    assert await shop.states(event.order_id) == ["waiting"]


async def test_what_is_forgotten_is_given_up_when_it_is_tried_again(shop: Shop) -> None:
    event = await shop.placed()
    await shop.run("update errand set state = 'refused', settled_at = now(), work_encrypted = null")
    (refused,) = await shop.told(event.order_id)
    async with shop.postgres.app.tenant(shop.id) as connection:
        await errands.try_again(connection, shop.id, refused.id)

    await shop.runner.round()

    (errand,) = await shop.told(event.order_id)
    assert (errand.state, errand.last_error) == ("failed", "what it was to tell is forgotten")
    assert (await shop.connection()).failures == 0
