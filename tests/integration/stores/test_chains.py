"""A chain of restaurants: who may join, what its houses learn of each other, and that leaving needs nobody."""

from dataclasses import asdict
from typing import Any

import asyncpg
import pytest

from stores import chains
from stores.chains import OwnHouse
from stores.ciphers import PiiCipher, SipPasswordCipher
from tests.integration.stores.samples import Tenant, seed_tenant

pytestmark = pytest.mark.integration


@pytest.fixture
async def houses(postgres: Any, pii: PiiCipher, sip: SipPasswordCipher) -> tuple[Tenant, Tenant, Tenant]:
    """Two of one language and currency, and a third; one account owns the first two."""
    async with postgres.platform.platform() as conn:
        await conn.execute("delete from chain")
    first = await seed_tenant(postgres.platform, "quay", "+33111111111", pii, sip)
    second = await seed_tenant(postgres.platform, "mill", "+33222222222", pii, sip)
    third = await seed_tenant(postgres.platform, "strange", "+33444444444", pii, sip)
    async with postgres.platform.platform() as conn:
        await conn.execute("delete from membership where user_id = $1", first.user_id)
        await conn.execute(
            "insert into membership (restaurant_id, user_id, role) values ($1, $3, 'owner'), ($2, $3, 'owner')",
            first.restaurant.id,
            second.restaurant.id,
            first.user_id,
        )
    return first, second, third


async def _join(postgres: Any, home: Tenant, joining: Tenant, called: str, actor: Tenant) -> str:
    async with postgres.app.tenant(home.restaurant.id) as conn:
        return await chains.join(conn, actor.user_id, "o@x.example", joining.restaurant.id, called, "Pizza")


async def test_only_an_owner_of_both_joins_them(postgres: Any, houses: tuple[Tenant, Tenant, Tenant]) -> None:
    first, second, third = houses
    assert await _join(postgres, first, second, "Mill", first) == "no_chain"
    assert await _join(postgres, first, first, "Quay", third) == "not_owner"
    assert await _join(postgres, first, first, "Quay", first) == ""
    assert await _join(postgres, first, third, "Strange", first) == "not_owner"
    assert await _join(postgres, first, third, "Strange", third) == "not_owner"
    assert await _join(postgres, first, second, "quay", first) == "same_name"
    assert await _join(postgres, first, second, "Mill", first) == ""
    assert await _join(postgres, first, second, "Mill again", first) == "in_a_chain"


async def test_a_house_learns_of_a_sister_what_callers_may_be_told_and_no_row_of_hers(
    postgres: Any, houses: tuple[Tenant, Tenant, Tenant]
) -> None:
    first, second, third = houses
    await _join(postgres, first, first, "Quay", first)
    await _join(postgres, first, second, "Mill", first)
    async with postgres.app.tenant(first.restaurant.id) as conn:
        chain = await chains.of_restaurant(conn, first.restaurant.id)
        rows = await conn.fetchval("select count(*) from chain_house")
        menu = await conn.fetchval("select count(*) from menu_item where restaurant_id = $1", second.restaurant.id)
    assert chain is not None and [house.name for house in chain.houses] == ["Quay", "Mill"]
    sister = chain.houses[1].about
    assert (sister.id, sister.openings) == (second.restaurant.id, second.restaurant.openings)
    assert (sister.phone, sister.fallback_number, sister.greeting) == ("", "", "")
    assert all(not (zone.minimum_cents or zone.fee_cents) for zone in sister.delivery_zones)
    assert third.restaurant.id not in repr(asdict(chain)) and rows == 1 and menu == 0
    async with postgres.app.tenant(third.restaurant.id) as conn:
        assert await chains.of_restaurant(conn, first.restaurant.id) is None
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(
                "insert into chain_house (restaurant_id, chain_id, called) values ($1, $2, 'x')",
                third.restaurant.id,
                chain.id,
            )


async def test_leaving_needs_nobody_and_an_empty_chain_goes(
    postgres: Any, houses: tuple[Tenant, Tenant, Tenant]
) -> None:
    first, second, third = houses
    await _join(postgres, first, first, "Quay", first)
    await _join(postgres, first, second, "Mill", first)
    async with postgres.app.tenant(first.restaurant.id) as conn:
        assert not await chains.remove(conn, third.user_id, second.restaurant.id)
        await chains.set_order(conn, first.user_id, [second.restaurant.id, first.restaurant.id])
        await chains.update(conn, first.restaurant.id, OwnHouse("Old Quay", asks=True, offers_full=True))
        chain = await chains.of_restaurant(conn, first.restaurant.id)
    assert chain is not None and chain.asks and chain.offers == ("full",)
    assert [house.name for house in chain.houses] == ["Mill", "Old Quay"]
    async with postgres.app.tenant(second.restaurant.id) as conn:
        assert await chains.leave(conn, second.restaurant.id)
        assert await chains.of_restaurant(conn, second.restaurant.id) is None
    async with postgres.app.tenant(first.restaurant.id) as conn:
        assert await chains.remove(conn, first.user_id, first.restaurant.id)
    async with postgres.platform.platform() as conn:
        assert await conn.fetchval("select count(*) from chain") == 0
