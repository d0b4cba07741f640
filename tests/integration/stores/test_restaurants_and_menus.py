from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from domain.restaurant import OpeningException
from stores import kitchen, menus, restaurants
from stores.errors import NotFoundError
from tests.integration.stores.samples import NOW, Tenant, make_restaurant, new_id

pytestmark = pytest.mark.integration


async def test_a_restaurant_is_read_as_it_was_written(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        assert await restaurants.get(conn, own.id) == own.restaurant
        faq = await restaurants.faq(conn, own.id)

    assert [(entry.question, entry.answer) for entry in faq] == [("Parking?", "Behind the house.")]


async def test_a_menu_is_read_as_it_was_written(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        assert await menus.load(conn, own.id) == own.menu


async def test_an_update_writes_and_names_only_the_fields_that_changed(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    edited = replace(own.restaurant, greeting="Good evening", prep_minutes=25)

    async with postgres.app.tenant(own.id) as conn:
        changed = await restaurants.update(conn, edited)
        again = await restaurants.update(conn, edited)

    assert changed == ("greeting", "prep_minutes")
    assert again == ()
    async with postgres.app.tenant(own.id) as conn:
        assert await restaurants.get(conn, own.id) == edited


async def test_a_restaurant_may_change_its_country_its_limits_and_its_last_orders(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    fields: dict[str, Any] = {
        "country": "FR",
        "orders_ahead": False,
        "last_order_minutes": 30,
        "max_order_cents": 2_147_483_647,
        "max_order_items": 100,
        "max_load_minutes": 0,
    }
    edited = replace(own.restaurant, **fields)

    async with postgres.app.tenant(own.id) as conn:
        changed = await restaurants.update(conn, edited)

        assert changed == tuple(fields)
        assert await restaurants.get(conn, own.id) == edited


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "fr"},
        {"last_order_minutes": -1},
        {"max_order_cents": 0},
        {"max_order_items": 0},
        {"max_load_minutes": 241},
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(
    postgres: Any, tenants: tuple[Tenant, Tenant], wrong: dict[str, Any]
) -> None:
    own, _ = tenants

    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.app.tenant(own.id) as conn:
            await restaurants.update(conn, replace(own.restaurant, **wrong))


async def test_an_exception_is_replaced_and_removed(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    christmas = date(2026, 12, 25)

    async with postgres.app.tenant(own.id) as conn:
        await restaurants.set_exception(conn, own.id, OpeningException(christmas, ((600, 720), (1080, 1320))))
        await restaurants.remove_exception(conn, own.id, date(2026, 12, 31))
        exceptions = (await restaurants.get(conn, own.id)).exceptions

    assert exceptions == (OpeningException(christmas, ((600, 720), (1080, 1320))),)


async def test_the_platform_lists_restaurants_by_name_in_pages(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    async with postgres.platform.platform() as conn:
        first = await restaurants.list_all(conn, limit=1)
        second = await restaurants.list_all(conn, limit=1, after=first[-1])

    assert [row.id for row in (*first, *second)] == [tenant.id for tenant in tenants]


async def test_houses_of_one_name_are_all_listed(postgres: Any) -> None:
    async with postgres.platform.platform() as conn:
        ids = [await restaurants.create(conn, replace(make_restaurant("Pizza Roma"), id="")) for _ in range(3)]
        listed = [await restaurants.list_all(conn, limit=2)]
        listed.append(await restaurants.list_all(conn, limit=2, after=listed[0][-1]))

    assert [row.id for page in listed for row in page] == sorted(ids)


async def test_a_price_change_names_the_item_and_is_read_back(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        item_id = await menus.set_price(conn, own.size_id, 950)
        menu = await menus.load(conn, own.id)

    assert item_id == own.item_id
    assert menu.items[0].sizes[0].price_cents == 950


async def test_an_option_that_runs_out_names_every_item_that_offers_it(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        item_ids = await menus.set_option_available(conn, own.option_id, False)
        await menus.set_item_available(conn, own.item_id, False)
        menu = await menus.load(conn, own.id)

    assert set(item_ids) == {item.id for item in own.menu.items}
    assert not any(item.modifier_groups[0].options[0].available for item in menu.items)
    assert not menu.items[0].available


async def test_a_change_of_an_unknown_row_says_what_is_not_there(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        with pytest.raises(NotFoundError, match="no item size"):
            await menus.set_price(conn, new_id(), 100)


async def test_a_negative_price_is_refused(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.app.tenant(own.id) as conn:
            await menus.set_price(conn, own.size_id, -1)


async def test_the_kitchens_load_is_the_sum_of_what_still_holds(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        await kitchen.set_load(conn, own.id, "platform", 20, NOW + timedelta(hours=2))
        both = await kitchen.load_minutes(conn, own.id, NOW)
        later = await kitchen.load_minutes(conn, own.id, NOW + timedelta(minutes=90))
        await kitchen.set_load(conn, own.id, "platform", 600, NOW + timedelta(hours=2))
        most = await kitchen.load_minutes(conn, own.id, NOW)

    assert (both, later, most) == (35, 20, kitchen.MOST_MINUTES)
