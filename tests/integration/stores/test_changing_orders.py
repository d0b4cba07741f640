"""A change by phone is a cancellation and a new order, both or neither, and one of two who come at once."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest

from domain.order import ConfirmedOrder
from eventing import ordering
from stores import customers, kitchen, orders
from stores.ciphers import PiiCipher
from stores.kitchen import Move, StatusChangedError
from stores.orders import StoredOrder
from tests.integration.stores.samples import NOW, make_menu, make_order, make_restaurant

pytestmark = pytest.mark.integration

CALLER, OTHER = "+33600000001", "+33600000002"


class Placed:
    """An order that is with the kitchen, and how it is changed."""

    def __init__(self, postgres: Any, pii: PiiCipher, order: ConfirmedOrder) -> None:
        self.postgres, self.pii, self.order = postgres, pii, order

    def other(self) -> ConfirmedOrder:
        """One more of it."""
        [line] = self.order.lines
        lines = (replace(line, quantity=3),)
        return replace(self.order, id=str(uuid.uuid4()), call_id="call-2", lines=lines, total_cents=4300)

    async def change(self, new: ConfirmedOrder, caller: str = CALLER) -> StoredOrder:
        async with self.postgres.app.tenant(self.order.restaurant_id) as conn:
            return await ordering.change_order(conn, new, self.cancelled(), self.pii, caller=caller)

    def cancelled(self) -> Move:
        return Move(self.order.id, "confirmed", "cancelled", "guest", "customer")

    async def start(self) -> None:
        async with self.postgres.app.tenant(self.order.restaurant_id) as conn:
            await ordering.move_order(conn, Move(self.order.id, "confirmed", "preparing", "cook"), source="/web")

    async def read(self, order_id: str) -> orders.Order:
        async with self.postgres.app.tenant(self.order.restaurant_id) as conn:
            return await orders.get(conn, order_id, pii=self.pii)

    async def events(self) -> list[dict[str, Any]]:
        async with self.postgres.platform.platform() as conn:
            rows = await conn.fetch("select event from outbox where type like 'com.alloresto.order.%' order by id")
        return [row["event"] for row in rows]


@pytest.fixture
async def placed(postgres: Any, pii: PiiCipher) -> Placed:
    from stores import menus, restaurants

    restaurant = make_restaurant("Changing")
    menu = make_menu(restaurant.id)
    order = make_order(menu, "call-1")
    async with postgres.platform.platform() as conn:
        await restaurants.create(conn, restaurant)
        await menus.insert(conn, menu)
        await ordering.write_order(conn, order, pii, caller=CALLER)
    return Placed(postgres, pii, order)


async def test_a_change_is_both_with_their_events_once_and_stays_whose_order_it_was(placed: Placed) -> None:
    new = placed.other()

    first = await placed.change(new, caller=OTHER)
    again = await placed.change(new, caller=OTHER)

    assert (first.number, first.created, again.number, again.created) == (2, True, 2, False)
    old, now = await placed.read(placed.order.id), await placed.read(new.id)
    assert (old.status, old.cancel_reason, old.replaced_by_number) == ("cancelled", "customer", 2)
    assert (now.status, now.total_cents, now.replaces_number, now.address) == ("confirmed", 4300, 1, old.address)
    told = [(event["type"].rsplit(".", 1)[-1], event["data"]) for event in await placed.events()]
    assert [kind for kind, _ in told] == ["confirmed", "cancelled", "confirmed"]
    assert told[1][1]["replacedByOrderId"] == new.id and told[2][1]["replacesOrderId"] == placed.order.id
    async with placed.postgres.app.tenant(new.restaurant_id) as conn:
        assert await customers.phone_of_order(conn, new.id, pii=placed.pii) == CALLER


async def test_when_the_kitchen_was_faster_nothing_is_written(placed: Placed) -> None:
    await placed.start()
    new = placed.other()

    with pytest.raises(StatusChangedError) as late:
        await placed.change(new)

    assert late.value.present.status == "preparing"
    async with placed.postgres.app.tenant(new.restaurant_id) as conn:
        assert not await orders.is_written(conn, new.id)
    assert (await placed.read(placed.order.id)).status == "preparing"


async def test_of_two_callers_and_a_board_that_come_at_once_one_wins(placed: Placed) -> None:
    mine, theirs = placed.other(), placed.other()

    done = await asyncio.gather(placed.change(mine), placed.change(theirs), placed.start(), return_exceptions=True)

    lost = [one for one in done if isinstance(one, StatusChangedError)]
    assert len(lost) == 2, done
    async with placed.postgres.app.tenant(mine.restaurant_id) as conn:
        board = await kitchen.board(conn, NOW, NOW, closed_limit=9, left_open_limit=9)
    assert len(board.open) == 1, "one order, whoever has won"
