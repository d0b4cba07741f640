"""A synthetic caller's restaurant: its orders lie where no kitchen looks, and nobody makes a real one into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from eventing import ordering, outbox
from eventing.catalogue import OrderConfirmed, OrderRehearsed
from stores import rehearsals, restaurants
from stores.ciphers import PiiCipher
from stores.errors import NotFoundError
from stores.postgres import connect
from tests.conftest import SYNTHETIC_ROLE, Database
from tests.integration.stores.samples import PASSWORD_HASH, Tenant, make_menu, make_order, make_restaurant, new_id

pytestmark = pytest.mark.integration


@pytest.fixture
async def rehearsal(postgres: Any) -> Any:
    """The menu of a restaurant that is marked."""
    restaurant = make_restaurant("Rehearsals")
    menu = make_menu(restaurant.id)
    async with postgres.platform.platform() as conn:
        await restaurants.create(conn, restaurant)
        await rehearsals.mark_restaurant(conn, restaurant.id)
    return menu


async def _write(postgres: Any, order: Any, pii: PiiCipher) -> Any:
    async with postgres.app.tenant(order.restaurant_id) as conn:
        return await ordering.write_order(conn, order, pii, caller="+33600000001")


async def _rows(postgres: Any, statement: str, *values: object) -> list[Any]:
    async with postgres.platform.platform() as conn:
        return list(await conn.fetch(statement, *values))


async def test_its_order_has_a_row_and_an_event_that_no_kitchen_is_told_of(
    postgres: Any, pii: PiiCipher, rehearsal: Any
) -> None:
    order = make_order(rehearsal, new_id())

    first, again = await _write(postgres, order, pii), await _write(postgres, order, pii)

    assert (first.number, first.created, again.created) == (rehearsals.NO_TICKET, True, False)
    for table in ('"order"', "order_key", "order_item", "ticket_counter", "customer", "order_log"):
        assert await _rows(postgres, f"select from {table}") == []
    [kept] = await _rows(postgres, "select * from rehearsed_order")
    assert (kept["id"], kept["total_cents"], kept["fulfilment"]) == (order.id, order.total_cents, "delivery")
    assert kept["lines"][0]["name"] == "Margherita" and kept["lines"][0]["quantity"] == 2
    [event] = await _rows(postgres, "select type, event from outbox")
    assert event["type"] == OrderRehearsed.TYPE and event["event"]["synthetic"] == "true"


async def test_every_event_of_it_is_marked_and_none_of_anybody_else(
    postgres: Any, pii: PiiCipher, rehearsal: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    order = make_order(own.menu, new_id(), order_id=new_id())
    async with postgres.app.tenant(rehearsal.restaurant_id) as conn:
        event = ordering.confirmed_event(make_order(rehearsal, new_id()), 1)
        await outbox.emit(conn, event, source="/call-handler")  # as an older release would
    await _write(postgres, order, pii)

    found = await _rows(postgres, "select restaurant_id, event from outbox where type = $1", OrderConfirmed.TYPE)
    marked = {row["restaurant_id"]: row["event"].get("synthetic") for row in found}
    assert marked == {rehearsal.restaurant_id: "true", own.id: None}


async def test_a_restaurant_with_people_or_orders_does_not_become_one(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres.platform.platform() as conn:
            await rehearsals.mark_restaurant(conn, tenants[0].id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with postgres.app.tenant(tenants[0].id) as conn:
            await rehearsals.mark_restaurant(conn, tenants[0].id)
    with pytest.raises(NotFoundError):
        async with postgres.platform.platform() as conn:
            await rehearsals.mark_restaurant(conn, new_id())


_HASH = b"x" * 32
REFUSED = {
    "member": "insert into membership (restaurant_id, user_id, role) values ($1, '{user}', 'owner')",
    "order": 'insert into "order" (id, restaurant_id, number, call_id, fulfilment, fee_cents, currency, total_cents,'
    " vat, confirmed_at, promised_at)"
    " values (gen_random_uuid(), $1, 1, 'c', 'pickup', 0, 'EUR', 1, '[]', now(), now())",
    "token": "insert into api_token (restaurant_id, name, prefix, secret_hash, scopes, created_by)"
    " values ($1, 'x', '12345678', decode(repeat('00', 32), 'hex'), array['orders:read'], 'x')",
    "back": "update restaurant set is_synthetic = false where id = $1",
}


@pytest.mark.parametrize("what", REFUSED)
async def test_the_database_refuses_it_people_orders_tokens_and_the_way_back(
    postgres: Any, rehearsal: Any, what: str
) -> None:
    async with postgres.platform.platform() as conn:
        user = await conn.fetchval(
            "insert into app_user (email, password_hash) values ('a@x.example', $1) returning id", PASSWORD_HASH
        )
    with pytest.raises(asyncpg.CheckViolationError, match="synthetic"):
        async with postgres.platform.platform() as conn:
            await conn.execute(REFUSED[what].format(user=user), rehearsal.restaurant_id)


async def test_the_synthetic_callers_role_compares_and_records_and_reads_nothing_else(
    postgres: Any, database: Database, pii: PiiCipher, rehearsal: Any, postgres_server: Any
) -> None:
    before = datetime.now(UTC)
    order = make_order(rehearsal, new_id(), confirmed_at=before)
    await _write(postgres, order, pii)
    connection = await connect(postgres_server.url(SYNTHETIC_ROLE, database.name))
    try:
        found = await rehearsals.since(connection, before)
        assert found is not None and found.total_cents == order.total_cents and found.lines[0].name == "Margherita"
        call = rehearsals.SyntheticCall(before, "order", "nothing was written", 4, 80, 1500, 31.5)
        await rehearsals.record_call(connection, call)
        for table in ("rehearsed_order", "synthetic_call", "restaurant", "call_log", "app_user", '"order"'):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select * from {table}")
    finally:
        await connection.close()

    async with postgres.platform.platform() as conn:
        assert await rehearsals.last_calls(conn, 5) == (call,)
    for role in (postgres.app.tenant(rehearsal.restaurant_id), postgres.platform.platform()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with role as conn:
                await rehearsals.since(conn, before)
