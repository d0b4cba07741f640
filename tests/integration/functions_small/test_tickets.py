"""From an order to a till that is not one of ours and to a kitchen's printers, and what follows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.deliverect import Deliverect
from devstack.stand_ins.printer import Printer
from domain.till_menus import TillCode
from eventing import ordering
from stores import connections, menus, tills
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, Running, StartFunction
from tests.integration.functions_small.houses import House, StartRunner, cancelled

pytestmark = pytest.mark.integration

LINK = "61f0c0ffee00000000000001"


class Kitchen(House):
    """With Deliverect as its till, and two printers: one for all, one for drinks only."""

    def __init__(
        self, postgres: Pools, restaurant_id: str, master_key: str, till: Deliverect, printer: Printer
    ) -> None:
        super().__init__(postgres, restaurant_id, master_key)
        self.till, self.printer, self.bar = till, printer, Printer()

    async def furnish(self) -> None:
        made = await self.connect(
            "till",
            "deliverect",
            {"url": self.till.url, "channel": "alloresto", "channel_link": LINK, "client_id": "client"},
            {"client_secret": "secret", "hmac_secret": "shared"},
        )
        async with self.postgres.app.tenant(self.id) as connection:
            await menus.insert(connection, self.menu)
            codes = {size.id: TillCode(f"PLU-{item.name}") for item in self.menu.items for size in item.sizes}
            await tills.set_codes(connection, self.id, made.id, codes)
        await self.connect("printer", "escpos", {"address": f"127.0.0.1:{self.printer.port}"}, {})
        await self.connect("printer", "escpos", {"address": f"127.0.0.1:{self.bar.port}", "categories": "Drinks"}, {})

    async def outcomes(self, order_id: str) -> set[tuple[str, str]]:
        return {(one.kind, one.state) for one in await self.told(order_id)}

    async def refusals(self) -> int:
        async with self.postgres.platform.platform() as connection:
            told = "select count(*) from outbox where type = 'com.alloresto.order.refused'"
            count: int = await connection.fetchval(told)
        return count


@pytest.fixture
async def kitchen(postgres: Pools, restaurant_id: str, master_key: str) -> AsyncIterator[Kitchen]:
    till, printer = Deliverect(LINK, "client", "secret", hmac_secret="shared"), Printer()
    made = Kitchen(postgres, restaurant_id, master_key, till, printer)
    await printer.start()
    await made.bar.start()
    async with TestServer(till.app) as server:
        till.url = str(server.make_url("")).rstrip("/")
        await made.furnish()
        yield made
    await printer.stop()
    await made.bar.stop()


@pytest.fixture
async def runner(function: StartFunction, database: Database, master_key: str) -> AsyncIterator[Running]:
    async with StartRunner(function, database, master_key)() as running:
        yield running


async def test_an_order_is_at_the_till_and_on_paper_once_and_so_is_its_cancellation(
    runner: Running, kitchen: Kitchen, eventually: Eventually
) -> None:
    confirmed = await kitchen.order()
    kitchen.printer.fault = "no_paper"
    for _ in range(2):
        assert (await runner.send(confirmed))[0] == 204

    async def at_the_till() -> bool:
        return (await kitchen.read(confirmed.order_id)).till_state == "sent"

    await eventually(at_the_till)
    async with kitchen.postgres.app.tenant(kitchen.id) as connection:
        waiting = [one for one in await connections.of_restaurant(connection, kitchen.id) if one.last_error]
    assert [one.last_error for one in waiting] == ["it has no paper"]
    kitchen.printer.fault = None
    assert (await runner.send(cancelled(confirmed)))[0] == 204

    async def all_done() -> bool:
        await runner.tick("errands-due")
        done = {("order.place", "done"), ("order.cancel", "done"), ("ticket.print", "done")}
        return await kitchen.outcomes(confirmed.order_id) == done

    await eventually(all_done)
    (order,) = kitchen.till.orders.values()
    assert (order["status"], order["payment"]["amount"]) == (110, confirmed.total_cents)
    assert order["items"][0]["plu"] == f"PLU-{confirmed.lines[0].name}"
    assert kitchen.till.duplicates == 0
    assert len(kitchen.printer.tickets) == 2
    assert kitchen.printer.texts(0)[0] == f"N° {confirmed.number}"
    assert "***" in kitchen.printer.texts(1)[0]
    assert kitchen.bar.tickets == []  # it makes none of this
    assert (await kitchen.read(confirmed.order_id)).till_reference == order["_id"]


async def test_an_order_that_the_till_refuses_is_marked_with_its_reason_and_told_of_once(
    runner: Running, kitchen: Kitchen, eventually: Eventually
) -> None:
    kitchen.till.faults["refusing"] = 1
    confirmed = await kitchen.order()
    for _ in range(2):
        assert (await runner.send(confirmed))[0] == 204

    async def refused() -> bool:
        return (await kitchen.read(confirmed.order_id)).till_state == "refused"

    await eventually(refused)
    order = await kitchen.read(confirmed.order_id)
    assert (order.till_reason, order.status) == ("The kitchen is closed.", "confirmed")
    assert await kitchen.refusals() == 1
    async with kitchen.postgres.app.tenant(kitchen.id) as connection:
        assert not (await ordering.till_refuses(connection, order.id, "The kitchen is closed."))
        await connection.execute('update "order" set till_reason = $2 where id = $1', order.id, "Anna is not known.")
    async with kitchen.postgres.platform.platform() as connection:
        await connection.execute('update "order" set forgotten_at = now()')
    assert (await kitchen.read(order.id)).till_reason == ""
