"""What callers hear first: the greetings of all lines, in memory, so that a call never waits for Redis to say hello.

A restaurant's own greeting is rendered to µ-law by a function and lies in Redis; until it does, the built-in one
plays. Only its text and size are read at each refresh; the audio when they changed.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from domain.restaurant import Restaurant
from edge_bridge import prompts
from edge_bridge.media.audio import split
from process import logs
from stores import greetings, keys
from stores.errors import redis_away
from stores.redis import Redis

log = logs.get(__name__)

MAX_BYTES = 60 * 8000  # a minute: nobody listens longer to a greeting


@dataclass(frozen=True, slots=True)
class GreetingClip:
    """What the caller hears first, in 20 ms µ-law frames, and its text for the handler."""

    frames: tuple[bytes, ...]
    text: str


@functools.cache
def built_in(language: str, recorded: bool) -> GreetingClip:
    """The greeting of a restaurant whose own is not rendered yet. Who is ``recorded`` is told."""
    spoken = prompts.spoken_language(language)
    name = "greeting_recorded" if recorded else "greeting"
    texts = prompts.RECORDED_GREETING_TEXTS if recorded else prompts.GREETING_TEXTS
    return GreetingClip(tuple(split(prompts.prompt(spoken, name))), texts[spoken])


class Greetings:
    """``of`` never waits and always has something to say."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rendered: dict[str, tuple[tuple[bytes, int], GreetingClip]] = {}

    def of(self, restaurant: Restaurant) -> GreetingClip:
        known = self._rendered.get(restaurant.id)
        return built_in(restaurant.language, restaurant.record_calls) if known is None else known[1]

    async def refresh(self, restaurant_ids: Iterable[str]) -> None:
        """Read what changed. Keeps what is known while Redis is away, and where it has nothing better."""
        try:
            for restaurant_id in restaurant_ids:
                pipe = self._redis.pipeline(transaction=False)
                pipe.get(keys.restaurant_greeting_text(restaurant_id))
                pipe.strlen(keys.restaurant_greeting(restaurant_id))
                text, size = await pipe.execute()
                if not text or not size or size > MAX_BYTES:
                    continue
                known = self._rendered.get(restaurant_id)
                if known is not None and known[0] == (text, size):
                    continue
                loaded = await greetings.load(self._redis, restaurant_id)
                if loaded is not None:
                    clip = GreetingClip(tuple(split(loaded.audio)), loaded.text)
                    self._rendered[restaurant_id] = ((text, size), clip)
        except redis_away() as error:
            log.warning("greetings are not refreshed: Redis is away", why=type(error).__name__)
