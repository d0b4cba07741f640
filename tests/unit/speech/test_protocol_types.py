from __future__ import annotations

from typing import Any

import msgspec
import pytest

from devstack.speech.protocol import client_events, session_config
from devstack.speech.protocol.errors import ProtocolError
from devstack.speech.protocol.items import Content, Heard, Message, RealtimeConversation, parse_item
from devstack.speech.protocol.session_config import SessionConfig

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "colour": "red"}, "unknown_parameter", "session.colour"),
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
        ({"type": "realtime", "tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 7}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/mp3"}}}},
            "invalid_value",
            "session.audio.output.format.type",
        ),
    ],
)
def test_a_wrong_session_update_is_refused_with_the_field(update: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        session_config.updated(SessionConfig(), update)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_an_update_changes_only_what_it_names() -> None:
    first = {"type": "realtime", "audio": {"input": {"turn_detection": None}, "output": {"voice": "joe"}}}
    config = session_config.updated(SessionConfig(), first)
    config = session_config.updated(config, {"type": "realtime", "audio": {"output": {"speed": 1.2}}})
    assert config.turn_detection is None
    assert (config.audio.output.voice, config.audio.output.speed) == ("joe", 1.2)


def test_an_eager_semantic_vad_waits_less() -> None:
    def silence(eagerness: str) -> int:
        turn_detection = {"type": "semantic_vad", "eagerness": eagerness}
        update = {"type": "realtime", "audio": {"input": {"turn_detection": turn_detection}}}
        detection = session_config.updated(SessionConfig(), update).turn_detection
        assert detection is not None
        return detection.silence_duration_ms

    assert silence("high") < silence("auto") == silence("medium") < silence("low")


@pytest.mark.parametrize(
    ("message", "code", "event_id"),
    [
        ("{", "invalid_json", None),
        ('{"event_id":"e1","type":"bogus"}', "invalid_value", "e1"),
        ('{"event_id":"e2"}', "missing_required_parameter", "e2"),
        ('{"event_id":"e3","type":"conversation.item.delete"}', "missing_required_parameter", "e3"),
        ('{"event_id":"e4","type":"input_audio_buffer.append","audio":"*"}', "invalid_value", "e4"),
    ],
)
def test_an_unreadable_event_is_refused_with_its_own_id(message: str, code: str, event_id: str | None) -> None:
    with pytest.raises(client_events.UnreadableEvent) as refused:
        client_events.decode(message)
    assert (refused.value.error.code, refused.value.event_id) == (code, event_id)


def test_content_must_fit_the_role() -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_item({"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]})
    assert refused.value.param == "item.content[0].type"


def test_items_are_inserted_where_the_client_wants_them() -> None:
    conversation = RealtimeConversation()
    for item_id in ("a", "b"):
        conversation.insert(Message(id=item_id, role="user", content=[]))
    assert conversation.insert(Message(id="first", role="user", content=[]), "root") is None
    assert conversation.insert(Message(id="between", role="user", content=[]), "a") == "a"
    assert [item.id for item in conversation] == ["first", "a", "between", "b"]
    with pytest.raises(ProtocolError, match="already exists"):
        conversation.insert(Message(id="a", role="user", content=[]))


def test_truncation_keeps_the_clauses_that_were_heard() -> None:
    conversation = RealtimeConversation()
    item = Message(id="a", role="assistant", content=[Content(type="output_audio", transcript="One. Two. Three.")])
    conversation.insert(item)
    conversation.heard["a"] = Heard([("One.", 500), ("Two.", 1000), ("Three.", 1500)])
    with pytest.raises(ProtocolError, match="already shorter"):
        conversation.truncate("a", 0, 1501)
    conversation.truncate("a", 0, 700)
    assert item.text == "One. Two."


def test_a_callers_audio_says_that_its_words_are_not_known_yet() -> None:
    """A stock JavaScript client refuses a part whose transcript is neither text nor null."""
    unknown = msgspec.to_builtins(Content(type="input_audio"))
    from_a_client = parse_item({"type": "message", "role": "user", "content": [{"type": "input_audio"}]})
    written = msgspec.to_builtins(Content(type="input_text", text="Hello"))

    assert unknown == {"type": "input_audio", "transcript": None}
    assert msgspec.to_builtins(from_a_client)["content"] == [{"type": "input_audio", "transcript": None}]
    assert written == {"type": "input_text", "text": "Hello"}
