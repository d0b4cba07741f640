"""Which change makes which part of a restaurant's cache stale."""

from __future__ import annotations

from functools import partial

from eventing.catalogue import CacheInvalidated, FaqChanged, GreetingChanged, MenuChanged, RestaurantChanged
from eventing.cloudevents import BadEvent, Event
from eventing.connections import check_redis
from eventing.consumers import outside_consumer
from eventing.serving import FunctionSettings
from process.asgi import App
from stores import greetings
from stores.cache import Part, RestaurantCache
from stores.postgres import Postgres
from stores.redis import Redis, connect

NAME = "cache_invalidator"


def build(settings: FunctionSettings) -> App:
    postgres, redis = Postgres(settings.database_url), connect(settings.redis_url)
    kinds = (MenuChanged, RestaurantChanged, FaqChanged, GreetingChanged)
    app = outside_consumer(NAME, kinds, partial(invalidate, redis, postgres), postgres=postgres, redis=redis)
    app.health.add("redis", partial(check_redis, redis))
    return app


async def invalidate(redis: Redis, postgres: Postgres, event: Event) -> CacheInvalidated:
    """Delete what the event made stale; the next call builds it again. The reply names the keys that were there."""
    parts = await _stale(redis, event)
    restaurant_id = event.payload().restaurant_id
    deleted = await RestaurantCache(redis, postgres).invalidate(restaurant_id, parts)
    return CacheInvalidated(restaurant_id=restaurant_id, keys=tuple(deleted))


async def _stale(redis: Redis, event: Event) -> list[Part]:
    match event.payload():
        case MenuChanged():
            return ["menu"]
        case FaqChanged():
            return ["faq"]
        case RestaurantChanged():
            return ["config"]
        case GreetingChanged() as changed:
            # greeting_renderer works on the same event. What it has rendered by now must stay.
            rendered = await greetings.load(redis, changed.restaurant_id)
            return ["config"] if rendered is not None and rendered.text == changed.text else ["config", "greeting"]
        case _:
            raise BadEvent(f"type: {event.type} makes nothing stale")
