"""Greetings as audio in Redis: rendered when they change, and looked after by an hourly tick.

The tick keeps those that are still wanted, and renders those that are missing or say something else. A greeting
lives for a day in Redis. Without the tick it would be gone a day after its last change, and after a loss of Redis
all would be. Looking at a thousand restaurants is two queries and two round trips to Redis; rendering is a call to
a paid service, so a tick renders MOST_RENDERED at most, the missing ones first, and leaves the rest to the next.
Until then a bridge plays what it had, or the built-in greeting.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field

from domain.greetings import greeting_text
from domain.restaurant import Restaurant
from eventing import outbox
from eventing.catalogue import GreetingRendered
from eventing.refusals import TryAgain, Unprocessable
from eventing.serving import TRANSIENT
from functions.greeting_renderer.realtime import RealtimeSpeech
from functions.greeting_renderer.speech import Speech, duration_ms
from process import logs
from stores import greetings, keys, restaurants
from stores.errors import NotFoundError
from stores.greetings import Greeting, Wanted
from stores.postgres import NO_RESTAURANT, Postgres
from stores.redis import Redis, RedisError
from stores.restaurants import Greeted

PAGE = 500
MOST_RENDERED = 40  # what fits: resampling a greeting of 5 s costs 0.4 s of one CPU
AT_A_TIME = 4
RENDER_WITHIN_S = 18.0  # of the 30 s that Knative gives the request, and the wait for a pod is part of them
MOST_FAILURES = 3  # then the speech service is left alone until the next tick
SOURCE = "/functions/greeting_renderer"

log = logs.get(__name__)


class Renderer:
    """What the events and the hourly tick share."""

    def __init__(self, speech: Speech | RealtimeSpeech, redis: Redis, postgres: Postgres) -> None:
        self.redis = redis
        self.postgres = postgres
        self._speech = speech

    def wanted(self, restaurant: Restaurant | Greeted) -> Wanted:
        return Wanted(restaurant.id, greeting_text(restaurant), restaurant.voice or self._speech.voice)

    async def render(self, restaurant_id: str) -> GreetingRendered:
        """Say it and keep it. A change meanwhile has an event of its own, and the next tick would see it, too.

        Raises NotFoundError, what ``Speech.say`` raises, and what Postgres and Redis do.
        """
        async with self.postgres.tenant(restaurant_id) as connection:
            restaurant = await restaurants.get(connection, restaurant_id)
        wanted = self.wanted(restaurant)
        audio = await self._speech.say(wanted.text, wanted.voice)
        await greetings.save(self.redis, restaurant_id, Greeting(wanted.text, wanted.voice, audio))
        return GreetingRendered(
            restaurant_id=restaurant_id,
            text=wanted.text,
            voice=wanted.voice,
            language=restaurant.language,
            key=keys.restaurant_greeting(restaurant_id),
            duration_ms=duration_ms(audio),
        )


@dataclass
class Tally:
    """What one tick did. ``failure`` is why something had to be left to the next, the last reason."""

    kept: int = 0
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    rendered: int = 0
    refused: int = 0
    failures: int = 0
    failure: str = ""

    def queue(self) -> deque[str]:
        """Whose turn it is. By chance among equals: one that fails each time does not keep another waiting for ever."""
        random.shuffle(self.missing)
        random.shuffle(self.differing)
        return deque([*self.missing, *self.differing][:MOST_RENDERED])

    @property
    def left(self) -> int:
        return len(self.missing) + len(self.differing) - self.rendered - self.refused


async def keep_greetings(renderer: Renderer) -> None:
    """Raises TryAgain when nothing at all could be done, and what Postgres and Redis do when they are away."""
    tally = await _look(renderer)
    queue = tally.queue()
    try:
        async with asyncio.timeout(RENDER_WITHIN_S), asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(_work(renderer, queue, tally))
    except TimeoutError:
        tally.failure = (
            f"OPENAI_BASE_URL: the speech service needs more than {RENDER_WITHIN_S:g} s for this tick's share"
        )
    log.info("greetings looked at", kept=tally.kept, rendered=tally.rendered, refused=tally.refused, left=tally.left)
    if tally.failure:
        log.warning("greetings not rendered", failures=tally.failures, reason=tally.failure)
        if not tally.kept and not tally.rendered:
            raise TryAgain(tally.failure)


async def _look(renderer: Renderer) -> Tally:
    """Keep what is as wanted; what is not is in the tally."""
    tally = Tally()
    last_id = NO_RESTAURANT
    while True:
        async with renderer.postgres.tenant(NO_RESTAURANT) as connection:
            page = await restaurants.greeted(connection, after_id=last_id, limit=PAGE)
        if not page:
            return tally
        states = await greetings.keep(renderer.redis, [renderer.wanted(restaurant) for restaurant in page])
        for restaurant, state in zip(page, states, strict=True):
            match state:
                case "kept":
                    tally.kept += 1
                case "missing":
                    tally.missing.append(restaurant.id)
                case "differs":
                    tally.differing.append(restaurant.id)
        last_id = page[-1].id


async def _work(renderer: Renderer, queue: deque[str], tally: Tally) -> None:
    while queue and tally.failures < MOST_FAILURES:
        restaurant_id = queue.popleft()
        try:
            await _render(renderer, restaurant_id)
            tally.rendered += 1
        except (Unprocessable, NotFoundError) as error:
            tally.refused += 1
            log.warning("greeting can't be rendered", restaurant_id=restaurant_id, reason=str(error))
        except TryAgain as error:
            tally.failures += 1
            tally.failure = error.reason
        except (RedisError, *TRANSIENT) as error:
            tally.failures = MOST_FAILURES
            tally.failure = f"Postgres or Redis is away ({type(error).__name__})"


async def _render(renderer: Renderer, restaurant_id: str) -> None:
    rendered = await renderer.render(restaurant_id)
    async with renderer.postgres.tenant(restaurant_id) as connection:
        await outbox.emit(connection, rendered, source=SOURCE, subject=f"greeting/{restaurant_id}")
