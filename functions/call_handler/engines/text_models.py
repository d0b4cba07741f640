"""Text models behind one interface: OpenAI's chat completions, which most servers of one's own speak, and Claude's
Messages. Both by HTTP and server-sent events, with no package of theirs: those cost a third of a second to import.

A stream that ends without saying so, says nothing for FIRST_WITHIN_S, or stops for STALL_S is a failure like any other.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from functions.call_handler.engines.base import Setup, Speaker, ToolCall
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.lean_http import Answer, LeanHttp

FIRST_WITHIN_S = 4.0
STALL_S = 4.0
RETRY_AFTER_MOST_S = 0.5  # a caller waits
LINE_MAX_BYTES = 1 << 20
ANSWER_TOKENS = 1024
ANTHROPIC_VERSION = "2023-06-01"
FOR_GOOD = frozenset({400, 401, 403, 404, 422})


class ModelDownError(Exception):
    """The model did not answer, or not to its end; ``for_good``: asking again would be no use."""

    def __init__(self, reason: str, for_good: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_good = for_good


class Entry(msgspec.Struct):
    """One thing that was said or done. ``calls`` are the assistant's, ``call_id`` is what a tool's output answers."""

    who: Speaker | Literal["system", "tool"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    item_id: str = ""


Piece = str | ToolCall | Usage


class TextModel(Protocol):
    def answer(self, setup: Setup, entries: Sequence[Entry]) -> AsyncIterator[Piece]:
        """Text as it comes, then the tool calls, then what it cost. Raises ModelDownError."""


class Server(msgspec.Struct, frozen=True):
    """Where a model is: ``url`` without the path, the key, and the model's name."""

    url: str
    key: str
    model: str
    effort: str = ""

    def bearer(self) -> dict[str, str]:
        """The header that has the key, none where the server wants none."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class ChatModel:
    """``POST /chat/completions``."""

    def __init__(self, http: LeanHttp, server: Server) -> None:
        self._http = http
        self._server = server

    async def answer(self, setup: Setup, entries: Sequence[Entry]) -> AsyncIterator[Piece]:
        body: dict[str, Any] = {
            "model": self._server.model,
            "messages": [{"role": "system", "content": setup.instructions}, *_chat_messages(entries)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._server.effort:
            body["reasoning_effort"] = self._server.effort
        if setup.tools:
            body["tools"] = [{"type": "function", "function": _without(tool, "type")} for tool in setup.tools]
        calls: dict[int, list[str]] = {}  # id, name and arguments as far as they have come
        usage, is_whole = Usage(), False
        async for event in _events(self._http, f"{self._server.url}/chat/completions", self._server.bearer(), body):
            _raise_for(event)
            usage = _chat_usage(event.get("usage")) or usage
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or {}
                if delta.get("content"):
                    yield delta["content"]
                for part in delta.get("tool_calls") or ():
                    call = calls.setdefault(part.get("index", len(calls)), ["", "", ""])
                    function = part.get("function") or {}
                    call[0] += part.get("id") or ""
                    call[1] += function.get("name") or ""
                    call[2] += function.get("arguments") or ""
                is_whole = is_whole or bool(choice.get("finish_reason"))
        if not is_whole:
            raise ModelDownError("the text model broke off")
        for call_id, name, arguments in calls.values():
            yield ToolCall(call_id, name, arguments)
        yield usage


class MessagesModel:
    """``POST /v1/messages`` of Claude; the instructions and tools are cached there from turn to turn."""

    def __init__(self, http: LeanHttp, server: Server) -> None:
        self._http = http
        self._server = server

    async def answer(self, setup: Setup, entries: Sequence[Entry]) -> AsyncIterator[Piece]:
        body: dict[str, Any] = {
            "model": self._server.model,
            "max_tokens": ANSWER_TOKENS,
            "system": [{"type": "text", "text": setup.instructions, "cache_control": {"type": "ephemeral"}}],
            "messages": _claude_messages(entries),
            "stream": True,
        }
        if self._server.effort:
            body["output_config"] = {"effort": self._server.effort}
        if setup.tools:
            body["tools"] = [
                {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
                for tool in setup.tools
            ]
        headers = {"x-api-key": self._server.key, "anthropic-version": ANTHROPIC_VERSION}
        calls: dict[int, ToolCall] = {}
        usage, is_whole = Usage(), False
        async for event in _events(self._http, f"{self._server.url}/v1/messages", headers, body):
            _raise_for(event)
            match event.get("type"):
                case "message_start":
                    usage.add(_claude_usage((event.get("message") or {}).get("usage") or {}))
                    usage.text_out = 0  # told again, in full, with each message_delta
                case "content_block_start" if event["content_block"].get("type") == "tool_use":
                    block = event["content_block"]
                    calls[event["index"]] = ToolCall(block["id"], block["name"], "")
                case "content_block_delta":
                    delta = event["delta"]
                    if delta.get("type") == "text_delta":
                        yield delta["text"]
                    elif delta.get("type") == "input_json_delta" and event["index"] in calls:
                        call = calls[event["index"]]
                        calls[event["index"]] = ToolCall(
                            call.call_id, call.name, call.arguments + delta["partial_json"]
                        )
                case "message_delta":
                    usage.text_out = int((event.get("usage") or {}).get("output_tokens") or 0)
                case "message_stop":
                    is_whole = True
        if not is_whole:
            raise ModelDownError("the text model broke off")
        for call in calls.values():
            yield call
        yield usage


def _chat_messages(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for entry in _answered(entries):
        if entry.who == "tool":
            messages.append({"role": "tool", "tool_call_id": entry.call_id, "content": entry.text})
            continue
        role = {"caller": "user", "assistant": "assistant", "system": "system"}[entry.who]
        message: dict[str, Any] = {"role": role, "content": entry.text or None}
        if entry.calls:
            message["tool_calls"] = [
                {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in entry.calls
            ]
        messages.append(message)
    return messages


def _claude_messages(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Roles take turns there, the first is the user's, and the operator's words in between are part of theirs."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "(The caller is there.)"}]}]
    for entry in _answered(entries):
        blocks: list[dict[str, Any]] = []
        if entry.who == "tool":
            blocks.append({"type": "tool_result", "tool_use_id": entry.call_id, "content": entry.text})
        elif entry.text:
            text = f"(From the restaurant: {entry.text})" if entry.who == "system" else entry.text
            blocks.append({"type": "text", "text": text})
        blocks += [
            {"type": "tool_use", "id": call.call_id, "name": call.name, "input": _object(call.arguments)}
            for call in entry.calls
        ]
        role = "assistant" if entry.who == "assistant" else "user"
        if not blocks:
            continue
        if messages[-1]["role"] == role:
            messages[-1]["content"].extend(blocks)
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _answered(entries: Sequence[Entry]) -> list[Entry]:
    """Each call directly followed by its output: both services refuse a call that nobody answered."""
    outputs = {entry.call_id: entry for entry in entries if entry.who == "tool"}
    ordered: list[Entry] = []
    for entry in entries:
        if entry.who == "tool":
            continue
        ordered.append(entry)
        missing = Entry("tool", '{"ok":false}')
        for call in entry.calls:
            output = outputs.get(call.call_id, missing)
            ordered.append(Entry("tool", output.text, call_id=call.call_id))
    return ordered


def _object(arguments: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _without(tool: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in tool.items() if key != name}


def _chat_usage(told: Mapping[str, Any] | None) -> Usage | None:
    if not told:
        return None
    cached = int((told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    return Usage(
        text_in=max(0, int(told.get("prompt_tokens") or 0) - cached),
        text_cached=cached,
        text_out=int(told.get("completion_tokens") or 0),
    )


def _claude_usage(told: Mapping[str, Any]) -> Usage:
    written = int(told.get("cache_creation_input_tokens") or 0)
    return Usage(
        text_in=int(told.get("input_tokens") or 0) + written,
        text_cached=int(told.get("cache_read_input_tokens") or 0),
    )


def _raise_for(event: Mapping[str, Any]) -> None:
    problem = event.get("error")
    if problem:
        kind = problem.get("type") if isinstance(problem, dict) else ""
        raise ModelDownError(f"the text model failed ({kind or 'error'})")


async def _events(
    http: LeanHttp, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    """The server-sent events of one answer, each a JSON object. Asked once more where the server is busy."""
    for is_last in (False, True):
        try:
            async with asyncio.timeout(FIRST_WITHIN_S):
                answer = await http.post(url, headers, msgspec.json.encode(body))
        except OSError as error:
            if is_last:
                raise ModelDownError(f"the text model is away ({type(error).__name__})") from None
            continue
        async with answer:
            if answer.status == 200:
                async for event in _lines(answer):
                    yield event
                return
            if answer.status in FOR_GOOD or is_last:
                raise ModelDownError(f"the text model answered {answer.status}", answer.status in FOR_GOOD)
            await asyncio.sleep(_pause_s(answer.headers.get("retry-after", "")))


def _pause_s(retry_after: str) -> float:
    try:
        return min(max(float(retry_after), 0.0), RETRY_AFTER_MOST_S)
    except ValueError:
        return RETRY_AFTER_MOST_S / 2


async def _lines(answer: Answer) -> AsyncIterator[dict[str, Any]]:
    buffer, within_s = b"", FIRST_WITHIN_S
    while True:
        try:
            async with asyncio.timeout(within_s):
                chunk = await answer.read()
        except TimeoutError:
            raise ModelDownError(f"the text model said nothing for {within_s:g} s") from None
        except OSError as error:
            raise ModelDownError(f"the text model broke off ({type(error).__name__})") from None
        if not chunk:
            return
        within_s = STALL_S
        *lines, buffer = (buffer + chunk).split(b"\n")
        if len(buffer) > LINE_MAX_BYTES:
            raise ModelDownError("the text model sent a line without end")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if not line.startswith(b"data:") or data == b"[DONE]":
                continue
            try:
                event = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise ModelDownError("the text model sent what is no JSON") from None
            if isinstance(event, dict):
                yield event
