"""A menu as it should be, written over the one that is there."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from domain.menu import Menu
from stores import menus
from tests.integration.stores.samples import Tenant
from web.place import example_menus

pytestmark = pytest.mark.integration


def example(tenant: Tenant, kind: str) -> Menu:
    return example_menus.load(kind, tenant.restaurant)


@pytest.mark.parametrize("kind", ["pizzeria", "bistro", "kebab", "burger"])
async def test_a_menu_with_everything_in_it_is_read_as_it_was_saved(
    postgres: Any, tenants: tuple[Tenant, Tenant], kind: str
) -> None:
    own, _ = tenants
    wanted = example(own, kind)

    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, await menus.load(conn, own.id), wanted)
    async with postgres.app.tenant(own.id) as conn:
        found = await menus.load(conn, own.id)

    assert found == wanted


async def test_what_is_taken_away_goes_and_two_items_may_exchange_their_names(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    before = example(own, "pizzeria")
    first, second, third, *rest = before.items
    swapped = (replace(first, name=second.name), replace(second, name=first.name), *rest)
    after = replace(before, items=swapped)

    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, own.menu, before)
        await menus.save(conn, before, after)
        found = await menus.load(conn, own.id)

    assert found == after
    assert third.id not in {item.id for item in found.items}


async def test_only_what_differs_is_written(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    before = example(own, "cafe")
    size = before.items[0].sizes[0]
    dearer = replace(before.items[0], sizes=(replace(size, price_cents=size.price_cents + 10),))

    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, own.menu, before)
    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, before, replace(before, items=(dearer, *before.items[1:])))
        written = await conn.fetch(
            "select id from item_size where xmin::text = (txid_current() % (2^32)::bigint)::text"
            " union all select id from menu_item where xmin::text = (txid_current() % (2^32)::bigint)::text"
        )

    assert [row["id"] for row in written] == [size.id]


async def test_a_name_that_is_there_twice_is_refused_when_the_menu_is_saved(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    before = own.menu
    twice = replace(before, items=tuple(replace(item, name="Same") for item in example(own, "cafe").items))
    after = replace(twice, categories=example(own, "cafe").categories)

    with pytest.raises(asyncpg.UniqueViolationError):
        async with postgres.app.tenant(own.id) as conn:
            await menus.save(conn, before, after)


async def test_a_group_that_nothing_uses_is_kept(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    menu = example(own, "kebab")
    spare = menu.items[0].modifier_groups[0]
    bare = tuple(replace(item, modifier_groups=()) for item in menu.items)
    after = replace(menu, items=bare, spare_groups=(spare,))

    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, own.menu, after)
        found = await menus.load(conn, own.id)

    assert found == after
