"""Whisper behind Google's gRPC, as the ear of a cascade uses it: by its address alone."""

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI

pytest.importorskip("grpc", reason="needs the extra google")

from functions.call_handler.engines import google_hearing
from functions.call_handler.engines.base import CallerSaid, EngineGone, Setup
from functions.call_handler.engines.google_hearing import GoogleEar
from functions.call_handler.engines.speaking import to_ulaw
from functions.call_handler.settings import (
    CascadeEndpoint,
    EngineSettings,
    HearingPlace,
    SpeakingPlace,
    ThinkingPlace,
)
from tests.integration.speech.conftest import SpeechServer
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def heard_by(server: SpeechServer, key: str, audio: bytes) -> list[Any]:
    """What the ear tells, up to the caller's words or its end."""
    endpoint = CascadeEndpoint(
        name="parts",
        hearing=HearingPlace(url=server.grpc_url, key="OPENAI_API_KEY", model="whisper-base", api="google"),
        thinking=ThinkingPlace(url="http://127.0.0.1:9/v1", model="m"),
        speaking=SpeakingPlace(url="http://127.0.0.1:9/v1", model="m"),
    )
    events: list[Any] = []
    over = asyncio.Event()

    def on_event(event: Any) -> None:
        events.append(event)
        if isinstance(event, CallerSaid | EngineGone):
            over.set()

    ear = GoogleEar(endpoint, EngineSettings(openai_api_key=key), on_event)
    await ear.connect(PATIENCE_S)
    ear.configure(Setup("", [], "en", "", "pizza."))
    ear.hear(audio)
    await asyncio.wait_for(over.wait(), PATIENCE_S)
    ear.close()
    await asyncio.gather(*google_hearing._closing)
    return events


async def test_a_whole_sentence_is_heard_as_one_turn(speech_server: SpeechServer, client: AsyncOpenAI) -> None:
    said = await client.audio.speech.create(
        model="tts-1", voice="marin", input="I would like two pizzas, please.", response_format="pcm"
    )
    audio = to_ulaw(said.content[: len(said.content) // 6 * 6])

    events = await heard_by(speech_server, speech_server.key, audio)

    assert [type(event).__name__ for event in events] == ["CallerSpeaks", "CallerPauses", "CallerTurn", "CallerSaid"]
    assert "two pizzas" in events[-1].text.lower()
    assert (events[-1].usage.dollars, events[-1].usage.unpriced) == (0.0, 0)


async def test_a_wrong_key_is_refused(speech_server: SpeechServer) -> None:
    events = await heard_by(speech_server, "wrong", b"\xff" * 8000)

    assert events == [EngineGone("the ear refuses the session: UNAUTHENTICATED")]
