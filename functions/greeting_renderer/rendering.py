"""One greeting: the words and the voice that a restaurant has now, as audio in Redis."""

from __future__ import annotations

from domain.prompts import greeting_text
from domain.restaurant import Restaurant
from eventing.catalogue import GreetingRendered
from functions.greeting_renderer.speech import Speech, duration_ms
from stores import greetings, keys, restaurants
from stores.greetings import Greeting, Wanted
from stores.postgres import Postgres
from stores.redis import Redis
from stores.restaurants import Greeted


class Renderer:
    """What the events and the hourly tick share."""

    def __init__(self, speech: Speech, redis: Redis, postgres: Postgres) -> None:
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
