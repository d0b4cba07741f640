"""The greetings of all lines, in memory: a call never waits for Redis to say hello.

A restaurant's own greeting is rendered to µ-law by a function and lies in Redis; until it does, the built-in one
plays. Only its text and size are read at each refresh; the audio when they changed.
"""

from collections.abc import Iterable

from domain.restaurant import Restaurant
from edge_bridge import sounds
from edge_bridge.directory import GreetingClip
from edge_bridge.frames import split
from process import logs
from stores import greetings, keys
from stores.errors import redis_away
from stores.redis import Redis

log = logs.get(__name__)

MAX_BYTES = 60 * 8000  # a minute: nobody listens longer to a greeting


class Greetings:
    """``of`` never waits and always has something to say."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rendered: dict[str, tuple[tuple[bytes, int], GreetingClip]] = {}

    def of(self, restaurant: Restaurant) -> GreetingClip:
        known = self._rendered.get(restaurant.id)
        return sounds.greeting(restaurant.language) if known is None else known[1]

    async def refresh(self, restaurant_ids: Iterable[str]) -> bool:
        """Read what changed; True when something did. Keeps what is known while Redis is away."""
        changed = False
        try:
            for restaurant_id in restaurant_ids:
                changed = await self._refresh_one(restaurant_id) or changed
        except redis_away() as error:
            log.warning("greetings are not refreshed: Redis is away", why=type(error).__name__)
        return changed

    async def _refresh_one(self, restaurant_id: str) -> bool:
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(keys.restaurant_greeting_text(restaurant_id))
        pipe.strlen(keys.restaurant_greeting(restaurant_id))
        text, size = await pipe.execute()
        if not text or not size or size > MAX_BYTES:
            return False  # nothing better than what is known
        known = self._rendered.get(restaurant_id)
        if known is not None and known[0] == (text, size):
            return False
        loaded = await greetings.load(self._redis, restaurant_id)
        if loaded is None:
            return False
        self._rendered[restaurant_id] = ((text, size), GreetingClip(tuple(split(loaded.audio)), loaded.text))
        return True
