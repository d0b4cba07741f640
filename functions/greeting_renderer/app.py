"""Renders the greeting that a restaurant has now: events say when to look, the database says what to render.

So events that come late, twice or in the wrong order all end with the same audio. An hourly tick makes up for
events that were lost, for a lost Redis and for the day that a greeting lives there (``due``).
"""

from __future__ import annotations

from functools import partial

from eventing.catalogue import GreetingChanged, GreetingRendered, RestaurantChanged
from eventing.cloudevents import Event
from eventing.consumers import outside_consumer
from eventing.serving import FunctionSettings, check_redis
from eventing.ticks import on_tick
from functions.greeting_renderer.realtime import RealtimeSpeech
from functions.greeting_renderer.rendering import Renderer, keep_greetings
from functions.greeting_renderer.speech import Speech
from process.asgi import App
from stores.postgres import Postgres
from stores.redis import connect

NAME = "greeting_renderer"
# The fields of a restaurant that its greeting is made of; a change of any other is not heard in it.
SPOKEN_FIELDS = frozenset({"greeting", "voice", "name", "language", "record_calls"})


class RendererSettings(FunctionSettings, frozen=True, kw_only=True):
    """``openai_voice`` speaks for restaurants that have chosen none, here and in the call.

    A model whose name begins with ``gpt-realtime`` is asked over the Realtime protocol, any other over
    ``/audio/speech``.
    """

    openai_api_key: str
    openai_base_url: str = "https://api.openai.com/v1"
    openai_tts_model: str = "gpt-realtime-2.1"
    openai_voice: str = "marin"


def build(settings: RendererSettings) -> App:
    postgres, redis = Postgres(settings.database_url), connect(settings.redis_url)
    is_realtime = settings.openai_tts_model.startswith("gpt-realtime")
    kind = RealtimeSpeech if is_realtime else Speech
    speech = kind(settings.openai_base_url, settings.openai_api_key, settings.openai_tts_model, settings.openai_voice)
    renderer = Renderer(speech, redis, postgres)
    kinds = (GreetingChanged, RestaurantChanged)
    app = outside_consumer(NAME, kinds, partial(render_change, renderer), postgres=postgres, redis=redis)
    app.health.add("redis", partial(check_redis, redis))
    on_tick(app, "/due", partial(keep_greetings, renderer))
    app.shutdown.append(speech.close)
    return app


async def render_change(renderer: Renderer, event: Event) -> GreetingRendered | None:
    """Render the greeting; None when the event changed nothing that is heard in it."""
    change = event.payload()
    if isinstance(change, RestaurantChanged) and SPOKEN_FIELDS.isdisjoint(change.fields):
        return None
    return await renderer.render(change.restaurant_id)
