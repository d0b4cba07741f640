"""What was chosen stays with the order: amounts, halves, a combo's parts."""

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain import carts
from domain.menu import Menu
from domain.order import CartLine
from stores import menus, orders
from stores.ciphers import PiiCipher
from tests.integration.stores.samples import Tenant, make_order
from web.place import example_menus

pytestmark = pytest.mark.integration


def lines_of(menu: Menu) -> tuple[CartLine, ...]:
    cart = carts.new_cart(menu, "00000000-0000-4000-8000-000000000001")
    chosen = ("Cheeseburger", "Medium", "no gherkins", "extra bacon", "Coca-Cola", "Chips")
    return carts.add(cart, menu, "Burger meal", "Large", chosen, 2).lines


async def test_a_line_of_parts_is_read_as_it_was_sold(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    menu = example_menus.load("burger", own.restaurant)
    lines = lines_of(menu)
    order = replace(make_order(own.menu, "combo"), lines=lines)

    async with postgres.app.tenant(own.id) as conn:
        await menus.save(conn, own.menu, menu)
        stored = await orders.insert_confirmed(conn, order, pii)
        again = await orders.insert_confirmed(conn, order, pii)
        (read,) = (await orders.get(conn, stored.id)).lines

    assert (read.modifiers, read.parts) == (lines[0].modifiers, lines[0].parts)
    assert sum(part.cents for part in read.parts) == read.unit_cents
    assert again.created is False


async def test_an_order_that_the_release_before_wrote_is_found_again(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    order = make_order(own.menu, "rollout")
    lines = [{k: v for k, v in one.items() if k != "parts"} for one in msgspec.to_builtins(order.lines)]
    for line in lines:
        known = ("option_id", "group_id", "name", "price_cents")
        line["modifiers"] = [{k: one[k] for k in known} for one in line["modifiers"]]
    agreed = (lines, order.fulfilment, order.customer_name, order.total_cents, order.currency)

    async with postgres.app.tenant(own.id) as conn:
        await orders.insert_confirmed(conn, order, pii)
        written = await conn.fetchval("select content_hash from order_key where order_id = $1", order.id)

    assert any(line["modifiers"] for line in lines)
    assert written == hashlib.sha256(msgspec.json.encode(agreed)).digest()
