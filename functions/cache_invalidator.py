"""Which change makes which part of a restaurant's cache stale.

Events may come in any order, and twice. Each one deletes, whatever its time: what is built next is read from Postgres,
which holds the newest. To pass over an event that is older than another would be wrong: its transaction may have
ended after what is cached was read.
"""

from __future__ import annotations

from functools import partial

from domain.greetings import greeting_text
from eventing.catalogue import CacheInvalidated, FaqChanged, GreetingChanged, MenuChanged, RestaurantChanged
from eventing.cloudevents import BadEvent, Event
from eventing.consumers import outside_consumer
from eventing.serving import FunctionSettings, check_redis, run
from process.asgi import App
from stores import chains, greetings, live, restaurants
from stores.cache import Part, RestaurantCache
from stores.postgres import Postgres
from stores.redis import Redis, connect

NAME = "cache_invalidator"


def main() -> None:
    run(NAME, FunctionSettings, build)


def build(settings: FunctionSettings) -> App:
    postgres, redis = Postgres(settings.database_url), connect(settings.redis_url)
    kinds = (MenuChanged, RestaurantChanged, FaqChanged, GreetingChanged)
    app = outside_consumer(NAME, kinds, partial(invalidate, redis, postgres), postgres=postgres, redis=redis)
    app.health.add("redis", partial(check_redis, redis))
    return app


async def invalidate(redis: Redis, postgres: Postgres, event: Event) -> CacheInvalidated:
    """Delete what the event made stale; the next call builds it again. The reply names the keys that were there.

    Bridges have a restaurant in memory, its hours, limits and fallbacks: they are told, too.
    """
    change = event.payload()
    cache = RestaurantCache(redis, postgres)
    deleted = await cache.invalidate(change.restaurant_id, [_stale(event)])
    if isinstance(change, RestaurantChanged):  # its sisters tell of its hours and zones
        for sister in await _sisters(postgres, change.restaurant_id):
            deleted += await cache.invalidate(sister, ["chain"])
    if isinstance(change, GreetingChanged):
        # greeting_renderer works on the same event: what it has rendered by now says the new words, and stays.
        text = await _greeting(postgres, change.restaurant_id)
        deleted += await greetings.drop_unless(redis, change.restaurant_id, text)
    if isinstance(change, RestaurantChanged | GreetingChanged):
        await live.restaurant_changed(redis, change.restaurant_id)
    return CacheInvalidated(restaurant_id=change.restaurant_id, keys=tuple(deleted))


async def _sisters(postgres: Postgres, restaurant_id: str) -> tuple[str, ...]:
    async with postgres.tenant(restaurant_id) as conn:
        chain = await chains.of_restaurant(conn, restaurant_id)
    return tuple(house.id for house in chain.houses if house.id != restaurant_id) if chain is not None else ()


def _stale(event: Event) -> Part:
    match event.payload():
        case MenuChanged():
            return "menu"
        case FaqChanged():
            return "faq"
        case RestaurantChanged() | GreetingChanged():
            return "config"
        case _:
            raise BadEvent(f"type: {event.type} makes nothing stale")


async def _greeting(postgres: Postgres, restaurant_id: str) -> str:
    """What is said now: more than the event's text where calls are recorded, and the default where it has none."""
    async with postgres.tenant(restaurant_id) as connection:
        return greeting_text(await restaurants.get(connection, restaurant_id))
