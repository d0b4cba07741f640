import asyncio
from typing import Any

import pytest

from devstack.servers.embedded import EmbeddedValkey
from domain.prompts import instructions
from stores import keys, restaurants
from stores.cache import CachedRestaurant, RestaurantCache
from stores.errors import NotFoundError
from stores.postgres import Postgres, PostgresUnavailableError
from stores.redis import connect
from tests.integration.stores.samples import NOW, Tenant, new_id
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def _set_price(postgres: Any, tenant: Tenant, cents: int) -> None:
    async with postgres.app.tenant(tenant.id) as conn:
        await conn.execute("update item_size set price_cents = $2 where id = $1", tenant.size_id, cents)


def _price(cached: CachedRestaurant) -> int:
    return cached.menu.items[0].sizes[0].price_cents


async def test_a_restaurant_is_read_once_and_then_comes_from_redis_even_without_postgres(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    first = await RestaurantCache(redis, postgres.app).load(own.id)

    second = await RestaurantCache(redis, Postgres("postgresql://never-opened")).load(own.id)

    assert first == second
    assert (first.restaurant, first.menu) == (own.restaurant, own.menu)
    assert [entry.question for entry in first.faq] == ["Parking?"]
    for key in (keys.restaurant_config(own.id), keys.restaurant_menu(own.id), keys.restaurant_faq(own.id)):
        assert 0 < await redis.ttl(key) <= 300


async def test_the_cache_reads_on_the_platform_role_too(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    assert (await RestaurantCache(redis, postgres.platform).load(own.id)).menu == own.menu


async def test_a_price_change_is_told_once_the_menu_is_invalidated(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, other = tenants
    cache = RestaurantCache(redis, postgres.app)
    for tenant in tenants:
        await cache.prompt(tenant.id, NOW)
    await _set_price(postgres, own, 777)
    before = _price(await cache.load(own.id))

    deleted = await cache.invalidate(own.id, ["menu"])

    assert before == 900
    assert deleted == [keys.restaurant_menu(own.id), keys.restaurant_prompt(own.id)]
    assert _price(await cache.load(own.id)) == 777
    assert "7.77" in await cache.prompt(own.id, NOW)
    assert await redis.exists(keys.restaurant_menu(other.id), keys.restaurant_config(own.id)) == 2


async def test_an_invalidation_between_reading_postgres_and_writing_redis_leaves_nothing_stale(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = tenants
    cache = RestaurantCache(redis, postgres.app)
    has_read, may_write = asyncio.Event(), asyncio.Event()
    read_faq = restaurants.faq

    async def read_and_wait(*arguments: Any) -> Any:
        entries = await read_faq(*arguments)
        has_read.set()
        await may_write.wait()
        return entries

    monkeypatch.setattr(restaurants, "faq", read_and_wait)
    slow = asyncio.create_task(cache.load(own.id))
    await asyncio.wait_for(has_read.wait(), PATIENCE_S)
    await _set_price(postgres, own, 777)
    await cache.invalidate(own.id, ["menu"])
    may_write.set()

    assert _price(await slow) == 900  # what it had read; the caller of that moment is told that
    assert not await redis.exists(keys.restaurant_menu(own.id))
    assert _price(await cache.load(own.id)) == 777


async def test_a_prompt_made_of_an_old_menu_is_not_kept_after_an_invalidation(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = tenants
    cache = RestaurantCache(redis, postgres.app)
    await cache.load(own.id)
    keep = cache._keep

    async def change_first(*arguments: Any) -> None:
        await _set_price(postgres, own, 777)
        await cache.invalidate(own.id, ["menu"])
        await keep(*arguments)

    monkeypatch.setattr(cache, "_keep", change_first)
    await cache.prompt(own.id, NOW)
    monkeypatch.undo()
    await cache.load(own.id)  # puts the menu back, so that only the prompt could be old

    assert "7.77" in await cache.prompt(own.id, NOW)


async def test_many_readers_and_a_writer_always_end_with_the_last_price(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    cache = RestaurantCache(redis, postgres.app)

    async def read_often() -> None:
        for _ in range(25):
            await cache.load(own.id)

    async def write_often() -> None:
        for cents in range(1000, 1025):
            await _set_price(postgres, own, cents)
            await cache.invalidate(own.id, ["menu"])

    await asyncio.gather(read_often(), read_often(), write_often())

    assert _price(await cache.load(own.id)) == 1024


async def test_the_prompt_is_the_domains_and_its_moment_is_never_cached(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    cache = RestaurantCache(redis, postgres.app)
    cached = await cache.load(own.id)
    later = NOW.replace(hour=3)

    for now in (NOW, later):
        assert await cache.prompt(own.id, now) == instructions(cached.restaurant, cached.menu, cached.faq, now)


async def test_without_redis_postgres_answers(
    valkey_server: EmbeddedValkey, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    async with connect("redis://127.0.0.1:1/0") as nowhere:
        cache = RestaurantCache(nowhere, postgres.app)

        assert (await cache.load(own.id)).menu == own.menu
        assert "Margherita" in await cache.prompt(own.id, NOW)


async def test_without_either_the_cause_is_raised(redis: Any, tenants: tuple[Tenant, Tenant]) -> None:
    with pytest.raises(PostgresUnavailableError):
        await RestaurantCache(redis, Postgres("postgresql://never-opened")).load(tenants[0].id)


async def test_what_another_release_wrote_is_read_anew(
    redis: Any, postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    cache = RestaurantCache(redis, postgres.app)
    await cache.load(own.id)
    await redis.set(keys.restaurant_menu(own.id), b'{"shape": "of another time"}')

    assert (await cache.load(own.id)).menu == own.menu


async def test_an_unknown_restaurant_is_not_found_and_not_kept(redis: Any, postgres: Any) -> None:
    restaurant_id = new_id()

    with pytest.raises(NotFoundError):
        await RestaurantCache(redis, postgres.app).load(restaurant_id)

    assert await redis.keys("resto:*") == []
