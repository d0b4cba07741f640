import asyncio
import audioop
import contextlib
from typing import Protocol

import numpy as np
import pytest

from domain.greetings import greeting_text
from eventing.catalogue import GreetingChanged, GreetingRendered, RestaurantChanged
from stores import greetings, restaurants
from stores.redis import Redis
from tests.conftest import Pools
from tests.integration.functions_small.conftest import Running, SpeechService, StartFunction
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


class StartRenderer(Protocol):
    def __call__(self, **settings: str) -> contextlib.AbstractAsyncContextManager[Running]: ...


@pytest.fixture
def renderer(function: StartFunction, speech: SpeechService) -> StartRenderer:
    return lambda **settings: function(
        "greeting_renderer",
        **({"OPENAI_BASE_URL": speech.url, "OPENAI_API_KEY": "sk-test", "OPENAI_TTS_MODEL": "tts-1"} | settings),
    )


def changed(restaurant_id: str) -> GreetingChanged:
    return GreetingChanged(restaurant_id=restaurant_id, text="an older text", voice="v", language="fr")


async def test_the_restaurants_greeting_is_rendered_to_telephone_audio(
    renderer: StartRenderer, speech: SpeechService, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    async with renderer() as function:
        status, reply, _ = await function.send(changed(restaurant_id))

    async with postgres.app.tenant(restaurant_id) as connection:
        text = greeting_text(await restaurants.get(connection, restaurant_id))
    assert speech.requests == [
        {
            "input": text,
            "model": "tts-1",
            "voice": "siwis",
            "response_format": "pcm",
            "key": "Bearer sk-test",
        }
    ]
    assert "Bonjour, chez Léa." in text
    greeting = await greetings.load(redis, restaurant_id)
    assert greeting is not None
    assert (greeting.text, greeting.voice, len(greeting.audio)) == (text, "siwis", 8000)
    heard = np.frombuffer(audioop.ulaw2lin(greeting.audio, 2), dtype="<i2").astype(float)
    assert np.argmax(np.abs(np.fft.rfft(heard))) == 1000, "the tone's frequency in Hz, over one second"
    assert 8_000 < np.abs(heard[1000:7000]).max() < 11_000
    assert reply is not None
    rendered = reply.payload_of(GreetingRendered)
    assert (status, rendered.duration_ms, rendered.text, rendered.voice) == (200, 1000, text, "siwis")


async def test_only_a_change_of_what_is_heard_is_rendered(
    renderer: StartRenderer, speech: SpeechService, restaurant_id: str, postgres: Pools
) -> None:
    async with postgres.platform.platform() as connection:
        await connection.execute("update restaurant set voice = '', name = 'Chez Luc', greeting = ''")
    async with renderer(OPENAI_VOICE="alloy") as function:
        unheard = await function.send(RestaurantChanged(restaurant_id=restaurant_id, fields=("openings", "phone")))
        heard = await function.send(RestaurantChanged(restaurant_id=restaurant_id, fields=("phone", "name")))

    assert (unheard[0], heard[0]) == (204, 200)
    assert [request["voice"] for request in speech.requests] == ["alloy"]
    assert "Chez Luc" in speech.requests[0]["input"]


async def test_a_refusal_of_the_speech_service_is_told_and_the_old_greeting_stays(
    renderer: StartRenderer, speech: SpeechService, redis: Redis, restaurant_id: str
) -> None:
    old = greetings.Greeting("old", "siwis", b"\xff")
    await greetings.save(redis, restaurant_id, old)
    answers = {503: (503, "OPENAI_BASE_URL"), 429: (503, "OPENAI_BASE_URL"), 401: (503, "OPENAI_API_KEY")}
    answers[400] = (400, "greeting")
    async with renderer() as function:
        for speech.status, expected in answers.items():
            status, _, problem = await function.send(changed(restaurant_id))
            assert (status, problem["detail"].split(":")[0]) == expected
        assert await greetings.load(redis, restaurant_id) == old
        speech.status = 200
        assert (await function.send(changed(restaurant_id)))[0] == 200


async def test_a_speech_service_that_is_away_is_tried_again_later(
    renderer: StartRenderer, restaurant_id: str, unused_tcp_port: int
) -> None:
    async with renderer(OPENAI_BASE_URL=f"http://127.0.0.1:{unused_tcp_port}/v1") as function:
        async with asyncio.timeout(PATIENCE_S):
            status, _, problem = await function.send(changed(restaurant_id))

    assert (status, "the speech service is away" in problem["detail"]) == (503, True)


async def test_a_tick_keeps_and_renders_greetings_and_nothing_else_comes_in_there(
    renderer: StartRenderer, redis: Redis, postgres: Pools, restaurant_id: str
) -> None:
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into phone_line (restaurant_id, number, provider) values ($1, '+331', 'sip')", restaurant_id
        )
    async with renderer() as function:
        taken = await function.tick("due")
        refused, _, problem = await function.send(changed(restaurant_id), "due")

    assert taken == (204, {})
    assert await greetings.load(redis, restaurant_id) is not None
    assert (refused, problem["detail"]) == (
        400,
        "type: /due takes dev.knative.sources.ping, not com.alloresto.greeting.changed",
    )
