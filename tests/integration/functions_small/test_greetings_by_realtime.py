"""Greetings in the conversation's own voice, by a server of the Realtime protocol."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from eventing.refusals import TryAgain, Unprocessable
from functions.greeting_renderer.realtime import TRIES, RealtimeSpeech
from tests.fakes.engine import FakeEngine
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

TEXT = "Bonjour, chez Léa. Je suis une intelligence artificielle."


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as fake:
        yield fake


def speech_of(engine: FakeEngine) -> RealtimeSpeech:
    return RealtimeSpeech(engine.base_url, "sk-test", "gpt-realtime-2.1", "marin")


async def test_the_model_says_the_greeting_in_the_restaurants_voice(engine: FakeEngine) -> None:
    saying = asyncio.create_task(speech_of(engine).say(TEXT, "cedar"))
    session = await engine.session()
    update = await session.expect("session.update")
    wanted = await session.expect("response.create")
    await session.reply(TEXT.replace("Bonjour, ", "Bonjour "), audio_ms=600)

    audio = await asyncio.wait_for(saying, PATIENCE_S)

    assert update["session"]["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "cedar"}
    assert TEXT in wanted["response"]["instructions"]
    assert len(audio) == 600 * 8
    assert session.authorization == "Bearer sk-test"


async def test_what_is_not_word_for_word_is_said_again_and_never_kept(engine: FakeEngine) -> None:
    saying = asyncio.create_task(speech_of(engine).say(TEXT, "cedar"))
    session = await engine.session()
    for _ in range(TRIES):
        await session.expect("response.create")
        await session.reply("Bonjour ! Chez Léa, que désirez-vous ?", audio_ms=600)

    with pytest.raises(TryAgain, match="word for word"):
        await asyncio.wait_for(saying, PATIENCE_S)


async def test_a_voice_that_the_model_has_not_is_refused_for_good(engine: FakeEngine) -> None:
    with pytest.raises(Unprocessable, match="voice"):
        await asyncio.wait_for(speech_of(engine).say(TEXT, "siwis"), PATIENCE_S)


@pytest.mark.parametrize(("status", "named"), [(401, "OPENAI_API_KEY"), (404, "OPENAI_TTS_MODEL"), (503, "refuses")])
async def test_a_refused_connection_names_what_to_look_at(engine: FakeEngine, status: int, named: str) -> None:
    engine.refuse = status

    with pytest.raises(TryAgain, match=named):
        await asyncio.wait_for(speech_of(engine).say(TEXT, "cedar"), PATIENCE_S)


async def test_a_connection_that_breaks_is_tried_again_later(engine: FakeEngine) -> None:
    saying = asyncio.create_task(speech_of(engine).say(TEXT, "cedar"))
    session = await engine.session()
    await session.expect("response.create")

    await session.drop()

    with pytest.raises(TryAgain, match="closed"):
        await asyncio.wait_for(saying, PATIENCE_S)
