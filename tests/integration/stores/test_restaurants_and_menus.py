from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from domain.restaurant import DeliveryZone, FaqEntry, Opening, OpeningException
from stores import kitchen, menus, restaurants
from tests.integration.stores.samples import NOW, Tenant, new_id

pytestmark = pytest.mark.integration


async def test_a_restaurant_is_read_as_it_was_written(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        assert await restaurants.get(conn, own.id) == own.restaurant
        faq = await restaurants.faq(conn, own.id)

    assert [(entry.question, entry.answer) for entry in faq] == [("Parking?", "Behind the house.")]


async def test_what_is_set_as_a_whole_replaces_all_that_was_there_and_keeps_its_order(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, other = tenants
    week = (Opening(0, 720, 900), Opening(0, 1080, 1380), Opening(4, 1080, 1500))
    zones = (DeliveryZone("North", ("75018",), 2000, 300, 30), DeliveryZone("Centre", ("75001",), 1500, 0, 15))
    questions = [("Vegan?", "Yes."), ("Cards?", "Yes, and cash."), ("Dogs?", "On the terrace.")]

    async with postgres.app.tenant(own.id) as conn:
        for _ in range(2):
            await restaurants.set_openings(conn, own.id, week)
            await restaurants.set_delivery_zones(conn, own.id, zones)
            await restaurants.set_faq(conn, own.id, [FaqEntry("", *entry) for entry in questions])
        found = await restaurants.get(conn, own.id)
        faq = await restaurants.faq(conn, own.id)
    async with postgres.app.tenant(other.id) as conn:
        others = await restaurants.get(conn, other.id)

    assert (found.openings, found.delivery_zones) == (week, zones)
    assert [(entry.question, entry.answer) for entry in faq] == questions
    assert len({entry.id for entry in faq}) == 3
    assert others == other.restaurant


async def test_a_menu_is_read_as_it_was_written(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        assert await menus.load(conn, own.id) == own.menu


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("country", "BE"),
        ("orders_ahead", False),
        ("last_order_minutes", 30),
        ("max_order_cents", 2_147_483_647),
        ("max_order_items", 100),
        ("max_load_minutes", 0),
        ("when_closed", "take_message"),
    ],
)
async def test_a_restaurant_may_change_its_country_its_limits_and_what_callers_get_late(
    postgres: Any, tenants: tuple[Tenant, Tenant], column: str, value: Any
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        await conn.execute(f"update restaurant set {column} = $1", value)
        changed = await restaurants.get(conn, own.id)

    assert changed == replace(own.restaurant, **{column: value})


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
        async with postgres.platform.platform() as conn:
            await restaurants.create(conn, replace(own.restaurant, id=new_id(), **wrong))


async def test_an_exception_is_replaced(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    christmas = date(2026, 12, 25)

    async with postgres.app.tenant(own.id) as conn:
        await restaurants.set_exception(conn, own.id, OpeningException(christmas, ((600, 720), (1080, 1320))))
        exceptions = (await restaurants.get(conn, own.id)).exceptions

    replaced = OpeningException(christmas, ((600, 720), (1080, 1320)))
    assert exceptions == (replaced, *own.restaurant.exceptions[1:])


async def test_a_negative_price_is_refused(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.app.tenant(own.id) as conn:
            await conn.execute("update item_size set price_cents = -1 where id = $1", own.size_id)


async def test_the_kitchens_load_is_the_sum_of_what_still_holds(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        await kitchen.set_load(conn, own.id, "platform", 20, NOW + timedelta(hours=2))
        both = await kitchen.load_minutes(conn, own.id, NOW)
        later = await kitchen.load_minutes(conn, own.id, NOW + timedelta(minutes=90))
        await kitchen.set_load(conn, own.id, "platform", 600, NOW + timedelta(hours=2))
        most = await kitchen.load_minutes(conn, own.id, NOW)

    assert (both, later, most) == (35, 20, kitchen.MOST_MINUTES)
