from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError

from functions.greeting_renderer.realtime import RealtimeSpeech
from tests.integration.speech.conftest import SpeechServer

pytestmark = pytest.mark.integration


async def test_speech_comes_as_24_khz_pcm(client: AsyncOpenAI) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="marin", input="One moment, please. I'm looking.", response_format="pcm"
    ) as response:
        samples = np.frombuffer(await response.read(), "<i2")
    assert 1.0 < len(samples) / 24000 < 5
    assert np.abs(samples).max() > 1000


async def test_french_speech_comes_as_wav(client: AsyncOpenAI) -> None:
    made = await client.audio.speech.create(model="tts-1", voice="marin", input="Bonjour.", response_format="wav")
    with wave.open(io.BytesIO(made.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert file.getnframes() > 8000


async def test_a_format_that_cannot_be_made_is_refused_with_those_that_can(client: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError, match="'pcm'") as refused:
        await client.audio.speech.create(model="tts-1", voice="marin", input="Hello.", response_format="mp3")
    assert refused.value.param == "response_format"


async def test_a_wrong_key_gets_no_speech(speech_server: SpeechServer) -> None:
    async with AsyncOpenAI(api_key="wrong", base_url=speech_server.base_url, max_retries=0) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.audio.speech.create(model="tts-1", voice="marin", input="Hello.", response_format="pcm")


async def test_the_local_server_says_a_greeting_over_the_realtime_protocol_too(speech_server: SpeechServer) -> None:
    text = "Bonjour, ici Léa. Bonsoir !"
    greeter = RealtimeSpeech(speech_server.base_url, speech_server.key, "gpt-realtime-2.1", "marin")

    audio = await greeter.say(text, "marin")

    assert 0.7 < len(audio) / 8000 < 5.0
