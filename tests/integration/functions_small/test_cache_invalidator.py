import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.greetings import greeting_text
from eventing.catalogue import CacheInvalidated, FaqChanged, GreetingChanged, MenuChanged, RestaurantChanged
from eventing.cloudevents import Event
from stores import greetings, keys, restaurants
from stores.cache import RestaurantCache
from stores.greetings import Greeting
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run, StartFunction
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Fill = Callable[[], Awaitable[None]]
Left = Callable[[], Awaitable[set[str]]]

PARTS = ("config", "menu", "faq", "prompt", "greeting", "greeting:text", "greeting:voice")


@pytest.fixture
def fill(redis: Redis, restaurant_id: str) -> Fill:
    async def fill() -> None:
        for part in PARTS:
            await redis.set(f"resto:{restaurant_id}:{part}", b"Bonjour" if part == "greeting:text" else b"x")
            await redis.set(f"resto:another:{part}", b"x")

    return fill


@pytest.fixture
def left(redis: Redis, restaurant_id: str) -> Left:
    async def left() -> set[str]:
        return {part for part in PARTS if await redis.exists(f"resto:{restaurant_id}:{part}")}

    return left


async def test_each_change_deletes_what_it_made_stale_and_nothing_else(
    function: StartFunction, redis: Redis, restaurant_id: str, fill: Fill, left: Left
) -> None:
    changes = [
        (MenuChanged(restaurant_id=restaurant_id), {"menu", "prompt"}),
        (FaqChanged(restaurant_id=restaurant_id), {"faq", "prompt"}),
        (RestaurantChanged(restaurant_id=restaurant_id, fields=("openings",)), {"config", "menu", "prompt"}),
        (
            GreetingChanged(restaurant_id=restaurant_id, text="Bonsoir", voice="alloy", language="fr"),
            {"config", "menu", "prompt", "greeting", "greeting:text", "greeting:voice"},
        ),
    ]
    async with function("cache_invalidator") as invalidator:
        for change, stale in changes:
            await fill()
            status, reply, _ = await invalidator.send(change)

            assert reply is not None
            assert (status, reply.type) == (200, "com.alloresto.cache.invalidated")
            assert set(PARTS) - await left() == stale, change
            assert set(reply.payload_of(CacheInvalidated).keys) == {f"resto:{restaurant_id}:{part}" for part in stale}
    assert await redis.exists(*(f"resto:another:{part}" for part in PARTS)) == len(PARTS)


async def test_bridges_are_told_of_a_restaurant_that_changed(
    function: StartFunction, redis: Redis, restaurant_id: str
) -> None:
    async with function("cache_invalidator") as invalidator, redis.pubsub() as bridge:
        await bridge.subscribe(keys.LINES_CHANGED)
        await invalidator.send(RestaurantChanged(restaurant_id=restaurant_id, fields=("max_calls",)))
        async with asyncio.timeout(PATIENCE_S):
            while (told := await bridge.get_message(ignore_subscribe_messages=True, timeout=1)) is None:
                pass

    assert told["data"] == f"{keys.OF_RESTAURANT}{restaurant_id}".encode()


@pytest.mark.parametrize("column", ["greeting = ''", "record_calls = true", "greeting = 'Bonsoir'"])
async def test_a_greeting_rendered_from_the_same_change_is_kept(
    function: StartFunction, redis: Redis, postgres: Pools, restaurant_id: str, column: str
) -> None:
    """Also where more is said than the event's text: our own words, or that the call is recorded."""
    async with postgres.platform.platform() as connection:
        await connection.execute(f"update restaurant set {column}")
        restaurant = await restaurants.get(connection, restaurant_id)
    rendered = Greeting(greeting_text(restaurant), "siwis", b"\xff" * 80)
    await greetings.save(redis, restaurant_id, rendered)
    change = GreetingChanged(restaurant_id=restaurant_id, text=restaurant.greeting, voice="siwis", language="fr")
    async with function("cache_invalidator") as invalidator:
        status, _, _ = await invalidator.send(change)

    assert status == 200
    assert await greetings.load(redis, restaurant_id) == rendered


async def test_without_redis_it_is_not_ready_and_asks_for_another_try(
    run: Run, database: Database, restaurant_id: str, unused_tcp_port: int
) -> None:
    settings = {"DATABASE_URL": database.app_url, "REDIS_URL": f"redis://127.0.0.1:{unused_tcp_port}/0"}
    async with run("functions", "cache_invalidator", ready=False, **settings) as invalidator:
        readiness = await invalidator.readiness()
        status, _, problem = await invalidator.send(MenuChanged(restaurant_id=restaurant_id))

    assert readiness[0] == 503
    assert "redis" in readiness[1]["missing"]
    assert (status, problem["detail"].split(" (")[0]) == (503, "Redis is away")


async def test_a_newer_change_and_then_an_older_one_leave_the_newest_menu(
    function: StartFunction, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    """A change deletes and says nothing of what is new, so the order of their coming does not matter."""
    cache = RestaurantCache(redis, postgres.app)
    now = datetime.now(UTC)
    older, newer = (
        Event.of(RestaurantChanged(restaurant_id=restaurant_id, fields=("name",)), source="/web", time=at)
        for at in (now - timedelta(minutes=5), now)
    )
    await cache.load(restaurant_id)
    async with function("cache_invalidator") as invalidator:
        for event in (newer, older):
            async with postgres.platform.platform() as connection:
                await connection.execute("update restaurant set name = $1", event.id)
            assert (await cache.load(restaurant_id)).restaurant.name != event.id, "it is kept until the event comes"
            await invalidator.send(event)
            assert (await cache.load(restaurant_id)).restaurant.name == event.id


async def test_what_was_read_before_the_older_change_came_is_not_kept_after_it(
    function: StartFunction, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    """Its transaction may have begun before the newer one's and ended after: then the cache is of between."""
    cache = RestaurantCache(redis, postgres.app)
    now = datetime.now(UTC)
    async with function("cache_invalidator") as invalidator:
        await invalidator.send(Event.of(MenuChanged(restaurant_id=restaurant_id), source="/web", time=now))
        await cache.load(restaurant_id)
        late = Event.of(MenuChanged(restaurant_id=restaurant_id), source="/web", time=now - timedelta(seconds=3))
        _, reply, _ = await invalidator.send(late)

    assert reply is not None
    assert f"resto:{restaurant_id}:menu" in reply.payload_of(CacheInvalidated).keys
