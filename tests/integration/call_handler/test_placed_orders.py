"""Orders of before, on real Postgres and Valkey: who may hear of them, call after call, and what a lost answer does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.calls import Attestation
from domain.order import ConfirmedOrder
from domain.placed import PlacedOrder
from domain.placed_tools import Wanted
from eventing import ordering
from eventing.catalogue import CallIncoming
from functions.call_handler.remembering.backends import Backends
from functions.call_handler.remembering.live_feed import HandlerFeed
from functions.call_handler.remembering.placed_orders import PlacedOrders, TooLateError
from functions.call_handler.settings import Settings
from functions.call_handler.warmup import Warmup
from stores import menus, order_misses, restaurants
from stores.ciphers import PiiCipher
from stores.kitchen import Move
from tests.integration.call_handler.conftest import CALLER, new_id
from tests.integration.stores.samples import make_menu, make_order, make_restaurant

pytestmark = pytest.mark.integration

UNVOUCHED: tuple[Attestation, ...] = ("B", "C", "failed")
OTHER, WITHHELD = "+33612345679", "anonymous"


class Telephone:
    """One call after the other to a restaurant that has one order, placed by CALLER."""

    def __init__(self, postgres: Any, backends: Backends, order: ConfirmedOrder) -> None:
        self.postgres, self.backends, self.order = postgres, backends, order

    def call(self, caller: str = CALLER, attestation: Attestation = "") -> PlacedOrders:
        incoming = CallIncoming(
            restaurant_id=self.order.restaurant_id,
            call_id=new_id(),
            phone_line_id=new_id(),
            bridge_node_id="n1",
            received_at=datetime.now(UTC),
            attempt=1,
            caller=caller,
            called="+33100000000",
            codec="PCMU",
            audio_stream_url="ws://127.0.0.1:9/",
            audio_stream_token="t" * 32,
            greeting="Hello",
            attestation=attestation,
        )
        feed = HandlerFeed(self.backends, incoming.restaurant_id, incoming.call_id)
        return PlacedOrders(self.backends, incoming, feed, lambda *_: None)

    async def found(self, call: PlacedOrders, *totals: int) -> PlacedOrder | None:
        known = await call.find(Wanted(totals))
        assert known is not None
        return next(iter(known), None)

    async def other(self) -> ConfirmedOrder:
        return replace(self.order, id=new_id(), call_id=new_id(), customer_name="Ada L.")

    async def start(self, status: Any = "preparing") -> None:
        move = Move(self.order.id, "confirmed", status, "cook", "closed" if status == "cancelled" else None)
        async with self.postgres.app.tenant(self.order.restaurant_id) as connection:
            await ordering.move_order(connection, move, source="/web")

    async def fetch(self, query: str) -> list[Any]:
        async with self.postgres.platform.platform() as connection:
            return list(await connection.fetch(query))


@pytest.fixture
async def telephone(
    postgres: Any, redis: Any, database: Any, redis_url: str, master_key: str
) -> AsyncIterator[Telephone]:
    restaurant = make_restaurant("Again")
    menu = make_menu(restaurant.id)
    order = make_order(menu, new_id(), confirmed_at=datetime.now(UTC))
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, restaurant)
        await menus.insert(connection, menu)
        await ordering.write_order(connection, order, PiiCipher(master_key), caller=CALLER)
    warmup = Warmup()
    warmup.start()
    warmup.let_go()
    known = {"database_url": database.app_url, "redis_url": redis_url, "master_key": master_key}
    settings = Settings(openai_api_key="none", **known)
    backends = Backends(settings, warmup)
    await backends.postgres()
    yield Telephone(postgres, backends, order)
    await backends.close()


async def test_whoever_guesses_finds_nothing_any_more_in_the_next_call_either(telephone: Telephone) -> None:
    for _ in range(order_misses.OF_A_NUMBER):
        call = telephone.call()
        assert await telephone.found(call)
        await call.missed(Wanted(()))

    assert await telephone.found(telephone.call()) is None
    assert await telephone.found(telephone.call(OTHER), 2950)  # somebody else may still ask


async def test_totals_are_guessed_together_whatever_number_is_shown(telephone: Telephone) -> None:
    assert await telephone.found(telephone.call(WITHHELD), 2950)
    for at in range(order_misses.OF_TOTALS):
        await telephone.call(f"+336123450{at:02}" if at % 2 else WITHHELD).missed(Wanted((100,)))

    assert await telephone.found(telephone.call(WITHHELD), 2950) is None
    assert await telephone.found(telephone.call(OTHER), 2950) is None
    assert await telephone.found(telephone.call())  # whose number it is needs no total


async def test_a_number_that_the_network_does_not_vouch_for_is_nobodys(telephone: Telephone) -> None:
    assert await telephone.found(telephone.call(attestation="A"))
    for level in UNVOUCHED:
        assert await telephone.found(telephone.call(attestation=level)) is None, level


async def test_a_cancellation_whose_answer_was_lost_is_done_and_noted_once(telephone: Telephone) -> None:
    order = await telephone.found(telephone.call())
    assert order is not None

    for call in (telephone.call(), telephone.call()):  # the next handler asks again
        await call.cancel(order)

    assert [tuple(row) for row in await telephone.fetch("select actor, action, subject from audit_log")] == [
        ("guest", "order.cancelled", order.id)
    ]


async def test_a_change_is_in_the_history_once_and_is_not_cancelled_by_who_knows_only_the_old_one(
    telephone: Telephone,
) -> None:
    call = telephone.call()
    order, other = await telephone.found(call), await telephone.other()
    assert order is not None

    receipts = [await call.change(other, order) for _ in range(2)]

    assert [one.number for one in receipts] == [2, 2]
    ((action, subject, after),) = await telephone.fetch("select action, subject, after from audit_log")
    assert (action, subject, after) == ("order.changed", order.id, {"number": 2})
    with pytest.raises(TooLateError):
        await telephone.call().cancel(order)
    with pytest.raises(TooLateError):  # written before the handler died, and wanted otherwise since
        await call.change(replace(other, customer_name="Eve"), order)


@pytest.mark.parametrize(("until", "may"), [("ready", True), ("started", False)])
async def test_a_kitchen_that_starts_meanwhile_ends_it_only_where_the_restaurant_says_so(
    telephone: Telephone, until: str, may: bool
) -> None:
    call = telephone.call()
    order, other = await telephone.found(call), await telephone.other()
    assert order is not None
    async with telephone.postgres.platform.platform() as connection:
        await connection.execute("update restaurant set changes_until = $1", until)
    await telephone.start()

    if may:
        assert (await call.change(other, order)).number == 2
    else:
        with pytest.raises(TooLateError):
            await call.change(other, order)
    rows = await telephone.fetch('select status from "order" order by number')
    assert [row["status"] for row in rows] == (["cancelled", "confirmed"] if may else ["preparing"])
