"""What is asked of a Realtime server, and what is given up for the call when it refuses."""

import os
from typing import Any

import pytest
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from functions.call_handler.engines.base import EngineComplains, Setup
from functions.call_handler.engines.realtime_session import Session
from functions.call_handler.settings import EngineSettings
from process.settings import SettingsError, load

pytestmark = pytest.mark.unit

SETUP = Setup("You answer the phone.", [], "fr", "cedar", "Margherita")
ALL = {
    "openai_reasoning_effort": "low",
    "openai_noise_reduction": "far_field",
    "openai_noise_reduction_strength": 0.5,
    "openai_context_tokens": 20_000,
    "vad_idle_timeout_ms": 8_000,
    "openai_transcription_model": "gpt-transcribe, gpt-4o-transcribe",
}


def session_with(**settings: Any) -> Session:
    known = EngineSettings(openai_api_key="k", **settings)
    return Session(SETUP, known.main_endpoint(), known)


def refused(param: str, message: str = "") -> EngineComplains:
    return EngineComplains("invalid_value", message, "setup", param)


def test_every_setting_reaches_the_server_in_the_protocols_own_shape() -> None:
    session = session_with(**ALL).as_object()

    known: Any = TypeAdapter(RealtimeClientEvent).validate_python({"type": "session.update", "session": session})
    assert known.session.reasoning.effort == "low"
    assert known.session.truncation.retention_ratio == 0.8
    assert known.session.truncation.token_limits.post_instructions == 20_000
    assert known.session.audio.input.noise_reduction.type == "far_field"
    assert known.session.audio.input.noise_reduction.strength == 0.5
    assert known.session.audio.input.turn_detection.idle_timeout_ms == 8_000
    assert known.session.audio.input.transcription.model == "gpt-transcribe"


def test_a_strength_that_is_the_servers_own_is_not_sent() -> None:
    session = session_with(openai_noise_reduction="near_field").as_object()

    assert session["audio"]["input"]["noise_reduction"] == {"type": "near_field"}


def test_what_is_not_set_is_not_sent() -> None:
    session = session_with(openai_truncation_retention=0.0, openai_voice="").as_object()

    assert "reasoning" not in session
    assert "truncation" not in session
    assert session["audio"]["input"]["noise_reduction"] is None
    assert "idle_timeout_ms" not in session["audio"]["input"]["turn_detection"]


@pytest.mark.parametrize(
    ("complaint", "part"),
    [
        (refused("session.audio.output.voice"), "voice"),
        (refused("session.reasoning.effort"), "reasoning"),
        (refused("", "Unsupported option: noise reduction strength"), "noise_reduction"),
        (refused("session.audio.input.turn_detection.idle_timeout_ms"), "idle_timeout_ms"),
        (refused("session.truncation"), "truncation"),
        (refused("session.audio.input.transcription.model"), "transcription"),
    ],
)
def test_just_what_the_server_refuses_is_left_out(complaint: EngineComplains, part: str) -> None:
    session = session_with(**ALL)

    assert session.give_up(complaint) == part

    without, whole = str(session.as_object()), str(session_with(**ALL).as_object())
    assert without != whole
    assert session.transcription_model == ("gpt-4o-transcribe" if part == "transcription" else "gpt-transcribe")


def test_captions_go_model_by_model_and_the_last_refusal_of_all_ends_it() -> None:
    session = session_with(openai_transcription_model="a,b", openai_truncation_retention=0.0)
    no_reason = refused("")

    given_up = [session.give_up(no_reason) for _ in range(5)]

    assert given_up == ["voice", "voice", "transcription", "transcription", None]
    assert session.as_object()["audio"]["input"]["transcription"] is None


def test_semantic_turns_become_turns_by_volume() -> None:
    session = session_with(turn_detection="semantic_vad")

    session.give_up(refused("session.audio.input.turn_detection.type"))

    assert session.as_object()["audio"]["input"]["turn_detection"]["type"] == "server_vad"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_REASONING_EFFORT", "extreme"),
        ("OPENAI_NOISE_REDUCTION", "loud"),
        ("OPENAI_TRUNCATION_RETENTION", "1.5"),
        ("VAD_IDLE_TIMEOUT_MS", "-1"),
        ("ENGINES", "{"),
        ("ENGINES", '[{"kind":"realtime","name":"main","url":"http://x","model":"m"}]'),
        ("ENGINES", '[{"kind":"realtime","name":"b","url":"http://x","model":"m","colour":"red"}]'),
        ("ENGINES", '[{"kind":"realtime","name":"b","url":"ftp://x","model":"m"}]'),
        ("ENGINES", '[{"kind":"realtime","name":"b","url":"http://x","model":"m","key":"NOT_SET_ANYWHERE"}]'),
        (
            "ENGINES",
            '[{"kind":"live","name":"b","url":"http://x","model":"m","backend":"m",'
            '"speaking":{"url":"http://x","model":"m","api":"google"}}]',
        ),
    ],
)
def test_a_wrong_setting_ends_the_process_with_a_line_that_names_it(name: str, value: str) -> None:
    assert "NOT_SET_ANYWHERE" not in os.environ

    with pytest.raises(SettingsError) as problem:
        load(EngineSettings, {"OPENAI_API_KEY": "k", name: value})

    [line] = problem.value.problems
    assert line.startswith((f"{name}: ", "NOT_SET_ANYWHERE: "))


def test_google_without_grpc_is_told_before_a_caller_finds_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.call_handler.settings._has_grpc", lambda: False)
    here = '{"url":"http://x","model":"m"}'
    ear = '{"url":"http://x","model":"m","api":"google"}'

    with pytest.raises(SettingsError, match="extra 'google'"):
        EngineSettings(
            openai_api_key="k",
            engines=f'[{{"kind":"cascade","name":"b","hearing":{ear},"thinking":{here},"speaking":{here}}}]',
        )
