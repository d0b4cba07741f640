"""A till that has changed is read at once: its menu waits for a yes, what is sold out is off, and back once it is."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.square import Square
from domain.menu import MenuItem
from domain.till_menus import TillCode
from eventing.catalogue import TillChanged
from stores import errands, menus, till_menus, tills
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, StartFunction
from tests.integration.functions_small.houses import House, StartRunner

pytestmark = pytest.mark.integration


def catalogue(item: MenuItem, *, sold_out: bool) -> list[dict[str, Any]]:
    overrides = [{"location_id": "L1", "sold_out": sold_out}]
    variations = [
        {
            "id": f"V-{size.id}",
            "item_variation_data": {
                "name": size.name,
                "price_money": {"amount": size.price_cents},
                "location_overrides": overrides,
            },
        }
        for size in item.sizes
    ]
    return [{"id": "I1", "type": "ITEM", "item_data": {"name": "Renamed there", "variations": variations}}]


async def test_a_changed_till_is_read_and_what_is_sold_out_is_off_until_it_is_back(
    function: StartFunction,
    database: Database,
    postgres: Pools,
    restaurant_id: str,
    master_key: str,
    eventually: Eventually,
) -> None:
    runner = StartRunner(function, database, master_key)
    house, shop = House(postgres, restaurant_id, master_key), Square("token", "L1", "key")
    item = house.menu.items[0]
    async with TestServer(shop.app) as server, runner() as running:
        address = str(server.make_url("")).rstrip("/")
        made = await house.connect("till", "square", {"url": address, "location": "L1"}, {"token": "token"})
        async with postgres.app.tenant(house.id) as connection:
            await menus.insert(connection, house.menu)
            codes = {size.id: TillCode(f"V-{size.id}") for size in item.sizes}
            await tills.set_codes(connection, house.id, made.id, codes)

        async def changed(connection_id: str) -> None:
            event = TillChanged(restaurant_id=house.id, connection_id=connection_id, reading_id=str(uuid.uuid4()))
            assert (await running.send(event))[0] == 204

        async def is_there() -> bool:
            async with postgres.app.tenant(house.id) as connection:
                menu = await menus.load(connection, house.id)
            return next(one for one in menu.items if one.id == item.id).available

        async def is_gone() -> bool:
            return not await is_there()

        shop.catalogue = catalogue(item, sold_out=True)
        await changed(str(uuid.uuid4()))  # another till
        await changed(made.id)
        await eventually(is_gone)
        shop.catalogue = catalogue(item, sold_out=False)
        shop.faults["failing"] = 1
        await changed(made.id)

        async def readings() -> list[errands.Errand]:
            async with postgres.app.tenant(house.id) as connection:
                found = await errands.about(connection, house.id, "till.read")
            return [one for one in found if one.state == "waiting"]

        async def is_put_off() -> bool:
            return any(one.last_error for one in await readings())

        await eventually(is_put_off)
        for _ in range(5):  # one more sees all that has changed
            await changed(made.id)
        assert len(await readings()) == 2

        async def is_read_again() -> bool:
            await running.tick("errands-due")
            return await is_there()

        await eventually(is_read_again)

    async with postgres.app.tenant(house.id) as connection:
        told = await till_menus.get(connection, made.id)
        menu = await menus.load(connection, house.id)
    assert told is not None and told.menu.items[0].name == "Renamed there" and told.taken_at is None
    assert (menu.items, menu.categories) == (house.menu.items, house.menu.categories)
