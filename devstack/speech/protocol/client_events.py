"""What a client may send, as a tagged union. ``append`` is the hot path: one msgspec decode, base64 included."""

from __future__ import annotations

from typing import Any

import msgspec

from devstack.speech.protocol.errors import ProtocolError, from_validation

MAX_AUDIO_BYTES = 15 << 20
# Base64 takes a third more, and the JSON around it a little.
MAX_MESSAGE_BYTES = MAX_AUDIO_BYTES * 4 // 3 + (64 << 10)


class ClientEvent(msgspec.Struct, tag_field="type", kw_only=True):
    event_id: str | None = None


class SessionUpdate(ClientEvent, tag="session.update"):
    session: dict[str, Any]


class AudioAppend(ClientEvent, tag="input_audio_buffer.append"):
    audio: bytes


class AudioCommit(ClientEvent, tag="input_audio_buffer.commit"):
    pass


class AudioClear(ClientEvent, tag="input_audio_buffer.clear"):
    pass


class OutputClear(ClientEvent, tag="output_audio_buffer.clear"):
    pass


class ItemCreate(ClientEvent, tag="conversation.item.create"):
    item: dict[str, Any]
    previous_item_id: str | None = None


class ItemRetrieve(ClientEvent, tag="conversation.item.retrieve"):
    item_id: str


class ItemDelete(ClientEvent, tag="conversation.item.delete"):
    item_id: str


class ItemTruncate(ClientEvent, tag="conversation.item.truncate"):
    item_id: str
    content_index: int
    audio_end_ms: int


class ResponseCreate(ClientEvent, tag="response.create"):
    response: dict[str, Any] | None = None


class ResponseCancel(ClientEvent, tag="response.cancel"):
    response_id: str | None = None


AnyClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)

_decoder: msgspec.json.Decoder[AnyClientEvent] = msgspec.json.Decoder(AnyClientEvent)


class UnreadableEvent(Exception):  # noqa: N818 - the client's fault, not an error of ours
    """A client's message is no event: why, and its own id when it had one."""

    def __init__(self, error: ProtocolError, event_id: str | None) -> None:
        super().__init__(error.message)
        self.error, self.event_id = error, event_id


def decode(message: str | bytes) -> AnyClientEvent:
    """Raises UnreadableEvent."""
    try:
        return _decoder.decode(message)
    except msgspec.ValidationError as error:
        problem = from_validation(error, "")
        if problem.param == "type" and problem.code == "invalid_value":
            known = ", ".join(f"'{kind.__struct_config__.tag}'" for kind in ClientEvent.__subclasses__())
            text = f"Invalid value for 'type'. Supported values are: {known}."
            problem = ProtocolError(text, code="invalid_value", param="type")
        # The error event echoes the client's own id, also of an event whose other fields are wrong.
        generic = msgspec.json.decode(message)
        event_id = generic.get("event_id") if isinstance(generic, dict) else None
        raise UnreadableEvent(problem, event_id if isinstance(event_id, str) else None) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = ProtocolError(f"The message is not valid JSON: {error}.", code="invalid_json")
        raise UnreadableEvent(problem, None) from error
