"""Reads the Realtime protocol's server events: bytes in, the engine-independent event out.

One flat struct reads every event; fields that are not used are skipped without being built (1 µs an event).
"""

from base64 import b64decode

import msgspec

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    CaptionFailed,
    EngineComplains,
    EngineEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    StillReplying,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage


class _Cached(msgspec.Struct):
    text_tokens: int | None = None
    audio_tokens: int | None = None


class _TokenDetails(msgspec.Struct):
    text_tokens: int | None = None
    audio_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: _Cached | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: _TokenDetails | None = None
    output_token_details: _TokenDetails | None = None
    seconds: float | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    status: str | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None


class _Failure(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    event_id: str | None = None
    param: str | None = None


class _StatusDetails(msgspec.Struct):
    reason: str | None = None
    error: _Failure | None = None


class _Response(msgspec.Struct):
    id: str = ""
    status: str = ""
    status_details: _StatusDetails | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None


class _Session(msgspec.Struct):
    expires_at: float | None = None


class SessionTold(msgspec.Struct, frozen=True):
    """When the server ends the session: in seconds since 1970, 0 where it does not say."""

    expires_at: float


class SilentTurn(msgspec.Struct, frozen=True):
    """The engine took a silence for a turn, to reply to it: what is committed as ``item_id`` holds no words."""

    item_id: str


class _ServerEvent(msgspec.Struct):
    type: str
    item_id: str = ""
    response_id: str = ""
    content_index: int = 0
    audio_start_ms: float | None = None
    delta: str = ""
    transcript: str | None = None
    usage: _Usage | None = None
    response: _Response | None = None
    error: _Failure | None = None
    session: _Session | None = None


_decode = msgspec.json.Decoder(_ServerEvent).decode


def read_event(message: bytes, heard_ms: float) -> EngineEvent | SessionTold | SilentTurn | None:
    """The event in the engine-independent form; None for those that a call does not need.

    ``heard_ms`` of audio were sent so far. Raises ValueError (msgspec's errors are) for what is no such event.
    """
    event = _decode(message)
    match event.type:
        case "response.output_audio.delta":
            return ReplyAudio(event.response_id, event.item_id, event.content_index, b64decode(event.delta))
        case "response.output_audio_transcript.delta":
            return ReplyText(event.response_id, event.item_id, event.delta)
        case "response.output_audio_transcript.done":
            return ReplyText(event.response_id, event.item_id, event.transcript or "", whole=True)
        case "input_audio_buffer.speech_started":
            started_ms = heard_ms if event.audio_start_ms is None else event.audio_start_ms
            return CallerSpeaks(max(0.0, heard_ms - started_ms))
        case "input_audio_buffer.speech_stopped":
            return CallerPauses()
        case "input_audio_buffer.committed":
            return CallerTurn(event.item_id)
        case "conversation.item.input_audio_transcription.completed":
            return CallerSaid(event.item_id, (event.transcript or "").strip(), _transcription_usage(event.usage))
        case "conversation.item.input_audio_transcription.failed":
            return CaptionFailed(event.item_id, (event.error and event.error.code) or "")
        case "input_audio_buffer.timeout_triggered":
            return SilentTurn(event.item_id)
        case "session.created" | "session.updated":
            expires_at = event.session.expires_at if event.session else None
            return SessionTold(expires_at or 0.0)
        case "response.created":
            return ReplyStarts(event.response.id if event.response else "")
        case "response.output_audio.done":
            return ReplyAudioEnds(event.response_id)
        case "response.done" if event.response is not None:
            return _reply_end(event.response)
        case "error":
            failure = event.error or _Failure()
            if failure.code == "conversation_already_has_active_response":
                return StillReplying()
            return EngineComplains(
                failure.code or "", failure.message or "", failure.event_id or "", failure.param or ""
            )
        case _:
            return None


def _reply_end(response: _Response) -> ReplyEnds:
    details = response.status_details or _StatusDetails()
    why = details.reason or (details.error.message or details.error.code or "" if details.error else "")
    calls = tuple(
        ToolCall(item.call_id, item.name or "", item.arguments or "")
        for item in response.output or ()
        if item.type == "function_call" and item.call_id and item.status != "incomplete"
    )
    status = response.status
    if status not in ("completed", "cancelled", "failed", "incomplete"):
        raise ValueError("response.status")
    return ReplyEnds(response.id, status, why, calls, _response_usage(response.usage))  # type: ignore[arg-type]


def _response_usage(usage: _Usage | None) -> Usage:
    heard = (usage and usage.input_token_details) or _TokenDetails()
    spoken = (usage and usage.output_token_details) or _TokenDetails()
    cached = heard.cached_tokens_details or _Cached(text_tokens=heard.cached_tokens)
    text_cached, audio_cached = cached.text_tokens or 0, cached.audio_tokens or 0
    return Usage(
        text_in=max(0, (heard.text_tokens or 0) - text_cached),
        text_cached=text_cached,
        text_out=spoken.text_tokens or 0,
        audio_in=max(0, (heard.audio_tokens or 0) - audio_cached),
        audio_cached=audio_cached,
        audio_out=spoken.audio_tokens or 0,
    )


def _transcription_usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    return Usage(
        transcribed_s=usage.seconds or 0.0,
        transcription_in=usage.input_tokens or 0,
        transcription_out=usage.output_tokens or 0,
    )
