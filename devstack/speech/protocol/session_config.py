"""A session's configuration: typed, with defaults, changed by ``session.update`` and by ``response.create``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from devstack.speech.audio_format import FORMATS, AudioFormat
from devstack.speech.protocol.errors import ProtocolError, from_validation

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=60_000)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Speed = Annotated[float, msgspec.Meta(ge=0.25, le=1.5)]
Modalities = Annotated[list[Literal["audio", "text"]], msgspec.Meta(min_length=1, max_length=1)]
TokenLimit = Annotated[int, msgspec.Meta(ge=1, le=4096)] | Literal["inf"]

# Silence that ends a turn, by how eager the client wants the reply. A real semantic VAD listens to the words.
EAGERNESS_SILENCE_MS = {"low": 1000, "medium": 700, "auto": 700, "high": 400}


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Pcm(_Strict, tag_field="type", tag="audio/pcm"):
    rate: Literal[24000] = 24000


class Pcmu(_Strict, tag_field="type", tag="audio/pcmu", omit_defaults=True):
    rate: Literal[8000] | None = None


class Pcma(_Strict, tag_field="type", tag="audio/pcma", omit_defaults=True):
    rate: Literal[8000] | None = None


class ServerVad(_Strict, tag_field="type", tag="server_vad"):
    threshold: Share = 0.5
    prefix_padding_ms: Milliseconds = 300
    silence_duration_ms: Annotated[int, msgspec.Meta(ge=100, le=10_000)] = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: Annotated[int, msgspec.Meta(ge=1_000, le=60_000)] | None = None


class SemanticVad(_Strict, tag_field="type", tag="semantic_vad"):
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    def as_server_vad(self) -> ServerVad:
        return ServerVad(
            silence_duration_ms=EAGERNESS_SILENCE_MS[self.eagerness],
            create_response=self.create_response,
            interrupt_response=self.interrupt_response,
        )


class NoiseReduction(_Strict):
    type: Literal["near_field", "far_field"]
    strength: float | None = None


class Transcription(_Strict):
    model: str = "whisper-base"
    language: str | None = None
    prompt: str = ""
    keywords: list[str] | None = None
    delay: str | None = None


class AudioInput(_Strict):
    format: Pcm | Pcmu | Pcma = msgspec.field(default_factory=Pcm)
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: ServerVad | SemanticVad | None = msgspec.field(default_factory=ServerVad)


class AudioOutput(_Strict):
    format: Pcm | Pcmu | Pcma = msgspec.field(default_factory=Pcm)
    voice: str = "marin"
    speed: Speed = 1.0


class Audio(_Strict):
    input: AudioInput = msgspec.field(default_factory=AudioInput)
    output: AudioOutput = msgspec.field(default_factory=AudioOutput)


class SessionTool(_Strict):
    type: Literal["function"]
    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class NamedTool(_Strict):
    type: Literal["function"]
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class SessionConfig(_Strict):
    """A session of type ``transcription`` hears and writes down, and makes no responses.

    ``truncation``, ``tracing``, ``include``, ``prompt`` and ``reasoning`` are accepted and echoed, no more."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = "local"
    output_modalities: Modalities = msgspec.field(default_factory=lambda: ["audio"])
    instructions: str = ""
    tools: Annotated[list[SessionTool], msgspec.Meta(max_length=128)] = msgspec.field(default_factory=list)
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: TokenLimit = "inf"
    truncation: Any = "auto"
    tracing: Any = None
    include: list[str] | None = None
    prompt: Any = None
    reasoning: Any = None
    audio: Audio = msgspec.field(default_factory=Audio)

    @property
    def turn_detection(self) -> ServerVad | None:
        detection = self.audio.input.turn_detection
        return detection.as_server_vad() if isinstance(detection, SemanticVad) else detection

    @property
    def input_format(self) -> AudioFormat:
        return wire_format(self.audio.input.format)

    @property
    def output_format(self) -> AudioFormat:
        return wire_format(self.audio.output.format)


class ResponseOptions(_Strict):
    """``response.create``'s own settings. ``input`` replaces the conversation as context."""

    conversation: Literal["auto", "none"] = "auto"
    metadata: dict[str, str] | None = None
    input: list[dict[str, Any]] | None = None
    instructions: str | None = None


_OVERRIDES = ("output_modalities", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "audio")
_IGNORED = ("prompt", "reasoning")


def wire_format(declared: Pcm | Pcmu | Pcma) -> AudioFormat:
    return FORMATS[str(declared.__struct_config__.tag)]


def updated(config: SessionConfig, update: dict[str, Any]) -> SessionConfig:
    """``config`` with ``session.update``'s fields. Raises ProtocolError naming the first field that is wrong."""
    if "type" not in update:
        message = "Missing required parameter: 'session.type'."
        raise ProtocolError(message, code="missing_required_parameter", param="session.type")
    return _merged(config, update, "session")


def for_response(config: SessionConfig, response: dict[str, Any] | None) -> tuple[SessionConfig, ResponseOptions]:
    """The configuration of one response and its own options. Raises ProtocolError."""
    given = dict(response or {})
    overrides = {name: given.pop(name) for name in _OVERRIDES if name in given}
    for name in _IGNORED:
        given.pop(name, None)
    try:
        options = msgspec.convert(given, ResponseOptions)
    except msgspec.ValidationError as error:
        raise from_validation(error, "response") from error
    return _merged(config, overrides, "response"), options


def _merged(config: SessionConfig, update: dict[str, Any], root: str) -> SessionConfig:
    merged = msgspec.to_builtins(config) | {name: value for name, value in update.items() if name != "audio"}
    if "audio" in update:
        merged["audio"] = _merged_audio(merged["audio"], update["audio"])
    for ours in ("id", "object", "expires_at"):  # a client may send back what session.created told it
        merged.pop(ours, None)
    try:
        return msgspec.convert(merged, SessionConfig)
    except msgspec.ValidationError as error:
        raise from_validation(error, root) from error


def _merged_audio(current: dict[str, Any], update: Any) -> Any:
    """Sides are merged field by field; a format or a turn detection is replaced as a whole."""
    if not isinstance(update, dict):
        return update
    merged = dict(current)
    for side, fields in update.items():
        both = isinstance(fields, dict) and isinstance(current.get(side), dict)
        merged[side] = current[side] | fields if both else fields
    return merged
