"""Conformance: the typed client of the ``openai`` package is the peer, and its models must accept every event."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.exceptions import InvalidStatus

from functions.call_handler.engines.base import CallerSaid, EngineGone, Setup
from functions.call_handler.engines.hearing import RealtimeEar
from functions.call_handler.engines.speaking import to_ulaw
from functions.call_handler.settings import CascadeEndpoint, EngineSettings, HearingPlace, SpeakingPlace, ThinkingPlace
from tests.integration.speech.conftest import SpeechServer
from tests.integration.speech.talking import SILENCE, caller_audio, respond, speak, types, until, update
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

ADD_ITEM = {
    "type": "function",
    "name": "add_item",
    "parameters": {
        "type": "object",
        "properties": {"item": {"type": "string", "enum": ["Margherita", "Tiramisu", "Garlic bread"]}},
    },
}
TIRAMISU = "I'd like a tiramisu, please."
LONG = (
    "Say: Hello and welcome to the harbour. Today we have a margherita, a pepperoni, a calzone and a lasagne. "
    "We also have garlic bread, chicken wings, and several desserts. What would you like?"
)


def valid(events: list[Any]) -> bool:
    """Strictly by the package's own models: the client builds events without checking them."""
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    for event in events:
        adapter.validate_python(event.model_dump(exclude_unset=True), strict=False)
    return True


async def answer_tools(connection: AsyncRealtimeConnection, done: Any, say: str) -> None:
    for call in (item for item in done.response.output if item.type == "function_call"):
        output = json.dumps({"ok": True, "say": say})
        item: Any = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        await connection.conversation.item.create(item=item)
    await connection.response.create()


async def test_a_spoken_turn_with_a_tool_has_every_event_in_its_order(realtime: AsyncRealtimeConnection) -> None:
    assert (await update(realtime, tools=[ADD_ITEM], prompt="Margherita, Tiramisu.")).session.tools[
        0
    ].name == "add_item"
    await speak(realtime, caller_audio(TIRAMISU, "af_heart"))
    heard = await until(realtime, "response.done")
    transcription = "conversation.item.input_audio_transcription"
    assert types(heard, without=("response.created",)) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        f"{transcription}.delta",
        f"{transcription}.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert json.loads(heard[-1].response.output[0].arguments)["item"] == "Tiramisu"
    await answer_tools(realtime, heard[-1], "I've added a tiramisu.")
    spoken = await until(realtime, "response.done")
    kinds = types(spoken, without=("conversation.item.added", "conversation.item.done", "rate_limits.updated"))
    assert kinds[:3] == ["response.created", "response.output_item.added", "response.content_part.added"]
    assert kinds[3:5] == ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    assert kinds[-5:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert valid(heard + spoken)
    usage = spoken[-1].response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert min(usage.output_token_details.audio_tokens, usage.input_token_details.audio_tokens) > 0
    assert usage.input_token_details.cached_tokens > 0


async def test_a_caller_who_interrupts_cancels_the_response_and_truncates_it(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime)
    interruption = caller_audio("Sorry, wait a moment.", "am_michael")
    slow_voice = {"output": {"voice": "af_heart"}}
    await respond(realtime, instructions=LONG, audio=slow_voice)
    started = await until(realtime, "response.output_audio.delta")
    item_id = started[-1].item_id
    await speak(realtime, interruption)
    events = await until(realtime, "response.done")
    assert "input_audio_buffer.speech_started" in types(events)
    done = events[-1].response
    assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
    assert done.output[0].status == "incomplete"
    await realtime.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=300)
    truncated = (await until(realtime, "conversation.item.truncated"))[-1]
    assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 300)
    await realtime.conversation.item.retrieve(item_id=item_id)
    item = (await until(realtime, "conversation.item.retrieved"))[-1].item
    assert "dessert" not in item.content[0].transcript
    await realtime.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=60_000)
    assert "already shorter" in (await until(realtime, "error"))[-1].error.message


async def test_a_client_can_cancel_a_response(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime)
    slow_voice = {"output": {"voice": "am_michael"}}
    await respond(realtime, instructions=LONG, audio=slow_voice)
    await until(realtime, "response.output_audio.delta")
    await realtime.response.cancel()
    done = (await until(realtime, "response.done"))[-1].response
    assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
    await realtime.response.cancel(event_id="again")
    error = (await until(realtime, "error"))[-1].error
    assert (error.code, error.event_id) == ("response_cancel_not_active", "again")


async def test_errors_keep_the_socket_open_and_name_the_event(realtime: AsyncRealtimeConnection) -> None:
    sent: list[tuple[Any, str, str | None]] = [
        ({"type": "bogus.event"}, "invalid_value", "type"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        (
            {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"speed": 9}}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
        ({"type": "input_audio_buffer.append", "audio": "!"}, "invalid_value", "audio"),
        ({"type": "conversation.item.delete", "item_id": "no"}, "item_delete_invalid_item_id", "item_id"),
        (
            {"type": "conversation.item.create", "item": {"type": "message", "role": "king"}},
            "invalid_value",
            "item.role",
        ),
        ({"type": "response.create", "response": {"conversation": "maybe"}}, "invalid_value", "response.conversation"),
    ]
    for number, (event, code, param) in enumerate(sent):
        event["event_id"] = f"e{number}"
        await realtime.send(event)
        error = (await until(realtime, "error"))[-1].error
        assert (error.event_id, error.code, error.type) == (f"e{number}", code, "invalid_request_error")
        assert param is None or error.param == param
    assert (await update(realtime)).type == "session.updated"


async def test_a_second_response_while_one_is_active_is_refused(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime)
    await respond(realtime, instructions=LONG)
    await realtime.response.create(event_id="second")
    error = (await until(realtime, "error"))[-1].error
    assert (error.code, error.event_id) == ("conversation_already_has_active_response", "second")


async def test_a_text_item_is_answered_in_text_when_text_is_asked_for(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, tools=[ADD_ITEM])
    await realtime.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What was that?"}]}
    )
    await realtime.response.create(response={"output_modalities": ["text"]})
    events = await until(realtime, "response.done")
    assert {"response.output_text.delta", "response.output_text.done"} <= set(types(events))
    assert events[-1].response.output[0].content[0].text
    assert valid(events)


async def test_a_response_outside_the_conversation_leaves_no_trace_in_it(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, tools=[ADD_ITEM])
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A tiramisu, please."}]}
    await respond(realtime, conversation="none", metadata={"purpose": "probe"}, input=[item])
    events = await until(realtime, "response.done")
    assert "conversation.item.added" not in types(events)
    response = events[-1].response
    assert (response.conversation_id, response.metadata) == (None, {"purpose": "probe"})
    assert response.output[0].name == "add_item"
    await realtime.conversation.item.retrieve(item_id=response.output[0].id)
    assert (await until(realtime, "error"))[-1].error.code == "item_retrieve_invalid_item_id"


async def test_two_items_in_a_sentence_are_two_calls_in_one_response(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, tools=[ADD_ITEM], prompt="Margherita, Tiramisu, Garlic bread.")
    await speak(realtime, caller_audio("A garlic bread and a tiramisu, please.", "af_heart"))
    done = (await until(realtime, "response.done"))[-1].response
    assert [json.loads(call.arguments)["item"] for call in done.output] == ["Garlic bread", "Tiramisu"]
    assert len({call.call_id for call in done.output}) == 2


async def test_tool_choice_none_speaks_instead_of_calling(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, tools=[ADD_ITEM])
    await realtime.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A tiramisu, please."}]}
    )
    await realtime.response.create(response={"tool_choice": "none"})
    assert [item.type for item in (await until(realtime, "response.done"))[-1].response.output] == ["message"]


async def test_without_turn_detection_the_client_commits_and_asks(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, tools=[ADD_ITEM], turn_detection=None, prompt="Tiramisu.")
    await speak(realtime, caller_audio(TIRAMISU, "af_heart"))
    await realtime.input_audio_buffer.commit()
    await realtime.response.create()
    events = await until(realtime, "response.done")
    assert "input_audio_buffer.speech_started" not in types(events)
    assert events[-1].response.output[0].name == "add_item"


async def test_a_cleared_buffer_is_empty(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, turn_detection=None)
    await speak(realtime, SILENCE * 8000)
    await realtime.input_audio_buffer.clear()
    await until(realtime, "input_audio_buffer.cleared")
    await realtime.input_audio_buffer.commit()
    assert (await until(realtime, "error"))[-1].error.code == "input_audio_buffer_commit_empty"


async def test_speech_goes_on_while_the_last_sentence_is_being_transcribed(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, prompt="Margherita, Tiramisu.")
    first, second = (caller_audio(text, "af_heart") for text in (TIRAMISU, "A garlic bread and a tiramisu, please."))
    await speak(realtime, first + second)
    kinds: list[Any] = []
    while sum(event.type.endswith("transcription.completed") for event in kinds) < 2:
        kinds += await until(realtime, "conversation.item.input_audio_transcription.completed")
    committed = [event.item_id for event in kinds if event.type == "input_audio_buffer.committed"]
    transcripts = [event for event in kinds if event.type.endswith("transcription.completed")]
    assert [event.item_id for event in transcripts] == committed
    order = [event.type for event in kinds]
    assert order.index("conversation.item.input_audio_transcription.completed") > order.index(
        "input_audio_buffer.committed"
    )
    assert "garlic" in transcripts[1].transcript.lower()


async def test_a_silent_caller_ends_an_empty_turn_after_the_idle_timeout(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime, turn_detection={"type": "server_vad", "idle_timeout_ms": 1000})
    await respond(realtime, instructions="Say: Yes?")
    events = await until(realtime, "input_audio_buffer.timeout_triggered")
    assert valid(events[-1:])
    said = (await until(realtime, "response.done"))[-1].response.output[0].content[0].transcript
    assert "still there" in said


@pytest.mark.parametrize("audio_format", ["audio/pcmu", "audio/pcma", "audio/pcm"])
async def test_every_audio_format_comes_out_at_its_own_rate(
    realtime: AsyncRealtimeConnection, audio_format: str
) -> None:
    output = {"format": {"type": audio_format}}
    wanted: Any = {"type": "realtime", "audio": {"output": output}}
    await realtime.session.update(session=wanted)
    await respond(realtime, instructions="Say: One moment, please.")
    events = await until(realtime, "response.done")
    size = sum(len(base64.b64decode(event.delta)) for event in events if event.type == "response.output_audio.delta")
    seconds = size / (48000 if audio_format == "audio/pcm" else 8000)
    assert 0.7 < seconds < 3


async def test_the_voice_is_locked_once_it_has_spoken(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime)
    await respond(realtime, instructions="Say: Yes?")
    await until(realtime, "response.done")
    await realtime.session.update(session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    assert (await until(realtime, "error"))[-1].error.code == "cannot_update_voice"


async def test_an_answer_that_is_too_long_ends_as_incomplete(realtime: AsyncRealtimeConnection) -> None:
    await update(realtime)
    await respond(realtime, instructions=LONG, max_output_tokens=80)
    done = (await until(realtime, "response.done"))[-1].response
    assert (done.status, done.status_details.reason) == ("incomplete", "max_output_tokens")


async def test_a_wrong_key_is_a_401_before_the_upgrade(speech_server: SpeechServer) -> None:
    async with AsyncOpenAI(api_key="wrong", base_url=speech_server.base_url) as stranger:
        with pytest.raises(InvalidStatus) as refused:
            async with asyncio.timeout(PATIENCE_S), stranger.realtime.connect(model="gpt-realtime"):
                pass
    assert refused.value.response.status_code == 401


async def test_a_transcription_session_hears_and_writes_down_and_never_answers(
    speech_server: SpeechServer, client: AsyncOpenAI
) -> None:
    """As the ear of a cascade uses it."""
    said = await client.audio.speech.create(
        model="tts-1", voice="marin", input="I would like two pizzas, please.", response_format="pcm"
    )
    endpoint = CascadeEndpoint(
        name="parts",
        hearing=HearingPlace(url=speech_server.base_url, key="OPENAI_API_KEY", model="whisper-base"),
        thinking=ThinkingPlace(url="http://127.0.0.1:9/v1", model="m"),
        speaking=SpeakingPlace(url="http://127.0.0.1:9/v1", model="m"),
    )
    events: list[Any] = []
    heard = asyncio.Event()

    def on_event(event: Any) -> None:
        events.append(event)
        if isinstance(event, CallerSaid | EngineGone):
            heard.set()

    ear = RealtimeEar(endpoint, EngineSettings(openai_api_key=speech_server.key), on_event)
    await ear.connect(5.0)
    ear.configure(Setup("", [], "en", "", "pizza"))
    audio = to_ulaw(said.content[: len(said.content) // 6 * 6]) + b"\xff" * 8000
    for at in range(0, len(audio), 160):
        ear.hear(audio[at : at + 160])
    await asyncio.wait_for(heard.wait(), 30)
    ear.close()

    kinds = [type(event).__name__ for event in events]
    assert kinds[0] == "CallerSpeaks"
    assert "two pizzas" in events[-1].text.lower()
    assert not {"ReplyStarts", "EngineComplains", "EngineGone"} & set(kinds)
