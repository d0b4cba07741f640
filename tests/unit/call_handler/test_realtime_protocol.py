"""The Realtime protocol, both ways, held against the types of the ``openai`` package."""

import base64
import json
from typing import Any

import pytest
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import TypeAdapter

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineComplains,
    Line,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Setup,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.engines.realtime_connection import RealtimeConnection, realtime_url
from functions.call_handler.engines.realtime_events import read_event
from functions.call_handler.settings import EngineSettings

pytestmark = pytest.mark.unit

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SETUP = Setup(
    instructions="You answer the phone.",
    tools=[{"type": "function", "name": "read_cart", "description": "", "parameters": {"type": "object"}}],
    language="fr",
    voice="cedar",
    vocabulary="Margherita, Regina",
)


class Wire:
    """Stands where the socket is, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, message: bytes) -> bool:
        self.sent.append(json.loads(message))
        return True

    def close(self) -> None: ...


def engine_on_a_wire(**settings: Any) -> tuple[RealtimeEngine, list[dict[str, Any]]]:
    known = EngineSettings(openai_api_key="k", **settings)
    engine, wire = RealtimeEngine(known.main_endpoint(), known), Wire()
    engine._connection._socket = wire  # type: ignore[assignment]
    return engine, wire.sent


def test_every_message_sent_is_one_that_the_openai_package_knows() -> None:
    engine, sent = engine_on_a_wire()

    engine.configure(SETUP)
    engine.remember(Line("assistant", "Bonsoir !"))
    engine.remember(Line("caller", "Bonsoir."))
    engine.remember(Line("system", "Continue."))
    engine.hear(b"\xff" * 160)
    engine.answer_tool("call_1", "{}")
    engine.speak()
    engine.speak("Vous êtes toujours là ?")
    engine.truncate("item_1", 0, 1200)

    for message in sent:
        known = CLIENT_EVENT.validate_python(message)
        assert known.type == message["type"]
        assert json.loads(known.model_dump_json(exclude_unset=True)) == message
    assert base64.b64decode(sent[4]["audio"]) == b"\xff" * 160


def test_turn_taking_is_as_the_settings_say() -> None:
    by_volume, sent_by_volume = engine_on_a_wire(vad_silence_ms=400)
    by_meaning, sent_by_meaning = engine_on_a_wire(turn_detection="semantic_vad", vad_eagerness="high")

    by_volume.configure(SETUP)
    by_meaning.configure(SETUP)

    heard = [sent[0]["session"]["audio"]["input"] for sent in (sent_by_volume, sent_by_meaning)]
    assert heard[0]["turn_detection"]["type"] == "server_vad"
    assert heard[0]["turn_detection"]["silence_duration_ms"] == 400
    assert heard[1]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }
    assert heard[0]["transcription"]["language"] == "fr"
    assert heard[0]["transcription"]["prompt"] == "Margherita, Regina"


RESPONSE = {
    "id": "resp_1",
    "object": "realtime.response",
    "status": "completed",
    "status_details": None,
    "output": [
        {"id": "item_1", "type": "message", "role": "assistant", "status": "completed", "content": []},
        {
            "id": "item_2",
            "type": "function_call",
            "status": "completed",
            "name": "add_item",
            "call_id": "call_1",
            "arguments": '{"item": "Regina"}',
        },
    ],
    "usage": {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {
            "text_tokens": 12,
            "audio_tokens": 8,
            "cached_tokens": 5,
            "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 1},
        },
        "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
    },
}
PLACE = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
SERVER_EVENTS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "input_audio_buffer.speech_started", "audio_start_ms": 900, "item_id": "i"}, CallerSpeaks(100.0)),
    ({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 950, "item_id": "i"}, CallerPauses()),
    ({"type": "input_audio_buffer.committed", "item_id": "i", "previous_item_id": None}, CallerTurn("i")),
    (
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "content_index": 0,
            "transcript": " Une Regina.\n",
            "usage": {"type": "duration", "seconds": 2.5},
        },
        CallerSaid("i", "Une Regina.", Usage(transcribed_s=2.5)),
    ),
    ({"type": "response.created", "response": RESPONSE | {"status": "in_progress"}}, ReplyStarts("resp_1")),
    (
        {"type": "response.output_audio.delta", "delta": base64.b64encode(b"abc").decode(), **PLACE},
        ReplyAudio("resp_1", "item_1", 0, b"abc"),
    ),
    ({"type": "response.output_audio_transcript.delta", "delta": "Une", **PLACE}, ReplyText("resp_1", "item_1", "Une")),
    (
        {"type": "response.output_audio_transcript.done", "transcript": "Une Regina.", **PLACE},
        ReplyText("resp_1", "item_1", "Une Regina.", whole=True),
    ),
    ({"type": "response.output_audio.done", **PLACE}, ReplyAudioEnds("resp_1")),
    (
        {"type": "response.done", "response": RESPONSE},
        ReplyEnds(
            "resp_1",
            "completed",
            "",
            (ToolCall("call_1", "add_item", '{"item": "Regina"}'),),
            Usage(text_in=8, text_cached=4, text_out=3, audio_in=7, audio_cached=1, audio_out=7),
        ),
    ),
    (
        {
            "type": "response.done",
            "response": {
                "id": "resp_2",
                "status": "failed",
                "status_details": {"type": "failed", "error": {"code": "insufficient_quota", "type": "x"}},
                "output": [],
                "usage": None,
            },
        },
        ReplyEnds("resp_2", "failed", "insufficient_quota", (), Usage()),
    ),
    (
        {"type": "error", "error": {"type": "x", "code": "bad", "message": "No.", "event_id": "setup", "param": None}},
        EngineComplains("bad", "No.", "setup"),
    ),
    ({"type": "rate_limits.updated", "rate_limits": []}, None),
]


@pytest.mark.parametrize(("message", "expected"), SERVER_EVENTS, ids=[event["type"] for event, _ in SERVER_EVENTS])
def test_every_event_of_a_spoken_turn_is_read(message: dict[str, Any], expected: Any) -> None:
    message = message | {"event_id": "event_1"}
    SERVER_EVENT.validate_python(message)

    assert read_event(json.dumps(message).encode(), heard_ms=1000.0) == expected


@pytest.mark.parametrize(
    "message",
    [b"", b"[]", b"{}", b'{"type":5}', b'{"type":"response.done","response":{"status":"odd"}}', b"\xff\xfe"],
)
def test_what_is_no_event_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        read_event(message, heard_ms=0.0)


@pytest.mark.parametrize("message", [b"{", b"\xff\xfe", b'{"type":"x","odd":' + b"[" * 100_000])
def test_garbage_is_a_line_in_the_log_and_nothing_else(message: bytes, caplog: pytest.LogCaptureFixture) -> None:
    told: list[object] = []
    connection = RealtimeConnection(60.0, told.append, lambda code, reason: told.append(code))

    connection._on_text(message)

    assert told == []
    assert [record.getMessage() for record in caplog.records] == ["engine message not understood"]


def test_the_address_follows_the_base_url() -> None:
    assert realtime_url("https://api.openai.com/v1", model="gpt-realtime-2.1") == (
        "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    )
    assert realtime_url("http://127.0.0.1:9000/v1/", model="a b") == "ws://127.0.0.1:9000/v1/realtime?model=a%20b"
