"""Renders the greeting that a restaurant has now: events say when to look, the database says what to render.

So events that come late, twice or in the wrong order all end with the same audio.
"""

from __future__ import annotations

from functools import partial

from domain.prompts import greeting_text
from domain.restaurant import Restaurant
from eventing.catalogue import GreetingChanged, GreetingRendered, RestaurantChanged
from eventing.cloudevents import Event
from eventing.connections import check_redis
from eventing.consumers import Unprocessable, outside_consumer
from eventing.serving import FunctionSettings
from functions.greeting_renderer.speech import Speech, duration_ms
from process.asgi import App
from stores import greetings, keys, restaurants
from stores.errors import NotFoundError
from stores.greetings import Greeting
from stores.postgres import Postgres
from stores.redis import Redis, connect

NAME = "greeting_renderer"
# The fields of a restaurant that its greeting is made of; a change of any other is none of ours.
SPOKEN_FIELDS = frozenset({"greeting", "voice", "name", "language", "record_calls"})


class Settings(FunctionSettings, frozen=True, kw_only=True):
    """``openai_voice`` speaks for restaurants that have chosen none, here and in the call."""

    openai_api_key: str
    openai_base_url: str = "https://api.openai.com/v1"
    openai_tts_model: str = "gpt-4o-mini-tts"
    openai_voice: str = "marin"


def build(settings: Settings) -> App:
    postgres, redis = Postgres(settings.database_url), connect(settings.redis_url)
    speech = Speech(settings.openai_base_url, settings.openai_api_key, settings.openai_tts_model, settings.openai_voice)
    effect = partial(render, speech, redis, postgres)
    app = outside_consumer(NAME, (GreetingChanged, RestaurantChanged), effect, postgres=postgres, redis=redis)
    app.health.add("redis", partial(check_redis, redis))
    app.shutdown.append(speech.close)
    return app


async def render(speech: Speech, redis: Redis, postgres: Postgres, event: Event) -> GreetingRendered | None:
    """Render and keep the greeting; None when the event changed nothing that is heard in it."""
    change = event.payload()
    if isinstance(change, RestaurantChanged) and SPOKEN_FIELDS.isdisjoint(change.fields):
        return None
    restaurant = await _restaurant(postgres, change.restaurant_id)
    text, voice = greeting_text(restaurant), restaurant.voice or speech.voice
    audio = await speech.say(text, voice)
    await greetings.save(redis, restaurant.id, Greeting(text, audio))
    return GreetingRendered(
        restaurant_id=restaurant.id,
        text=text,
        voice=voice,
        language=restaurant.language,
        key=keys.restaurant_greeting(restaurant.id),
        duration_ms=duration_ms(audio),
    )


async def _restaurant(postgres: Postgres, restaurant_id: str) -> Restaurant:
    try:
        async with postgres.tenant(restaurant_id) as connection:
            return await restaurants.get(connection, restaurant_id)
    except NotFoundError:
        raise Unprocessable("restaurantId: there is no such restaurant") from None
