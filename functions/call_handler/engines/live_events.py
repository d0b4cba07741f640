"""Reads the Live protocol's server events. One flat struct reads every event, and another what a delegation streams."""

import msgspec

from functions.call_handler.engines.base import ToolCall
from functions.call_handler.engines.costs import Usage


class _Session(msgspec.Struct):
    expires_at: float | None = None


class _Spent(msgspec.Struct):
    seconds: float = 0.0


class _Failure(msgspec.Struct):
    code: str = ""
    message: str = ""
    param: str | None = None
    client_event_id: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    name: str = ""
    call_id: str = ""
    arguments: str = ""


class _Cached(msgspec.Struct):
    cached_tokens: int = 0


class _Tokens(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _Cached | None = None


class _Response(msgspec.Struct):
    id: str = ""
    usage: _Tokens | None = None


class Delegated(msgspec.Struct):
    """An event of the text model's, within a delegation."""

    type: str
    item: _Item | None = None
    response: _Response | None = None

    def call(self) -> ToolCall | None:
        """The tool call that is whole with this event."""
        item = self.item
        if self.type != "response.output_item.done" or item is None or item.type != "function_call" or not item.call_id:
            return None
        return ToolCall(item.call_id, item.name, item.arguments)

    def usage(self) -> Usage:
        tokens = (self.response and self.response.usage) or _Tokens()
        cached = tokens.input_tokens_details.cached_tokens if tokens.input_tokens_details else 0
        return Usage(text_in=max(0, tokens.input_tokens - cached), text_cached=cached, text_out=tokens.output_tokens)


class LiveEvent(msgspec.Struct):
    """``start_ms`` counts on the session's clock, which is the audio that it was sent."""

    type: str
    delta: str = ""
    start_ms: float | None = None
    reason: str = ""
    client_event_id: str | None = None
    session: _Session | None = None
    usage: _Spent | None = None
    error: _Failure | None = None
    event: Delegated | None = None


read_event = msgspec.json.Decoder(LiveEvent).decode
