"""Servers of the public APIs that a cascade uses besides its ear: chat completions, Claude's Messages, speech.

    async with FakeModels() as models:           # models.url ends with /v1
        models.answers = [Answer("Sure. Which size?", calls=[("add_item", {...})]), Answer(status=429)]

What is streamed is made by the ``openai`` package's own types, or is as Claude's documentation has it.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

TONE_MS_A_CHARACTER = 5
PCM_BYTES_PER_MS = 48

_numbers = itertools.count(1)


@dataclass
class Answer:
    """``cut``: the connection breaks in the middle; ``stops``: it ends there in good order;
    ``after_first``: what has to be set before the second piece comes.

    ``text`` may be made of what was asked.
    """

    text: str | Callable[[dict[str, Any]], str] = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    cut: bool = False
    stops: bool = False
    after_first: asyncio.Event | None = None

    def pieces(self) -> list[str]:
        assert isinstance(self.text, str)
        return [word + " " for word in self.text.split()]


class FakeModels:
    """``requests`` are the bodies of what was asked of the text model, ``spoken`` the sentences."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.spoken: list[str] = []
        self.speech_status = 200
        self._asked = asyncio.Condition()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/audio/speech", self._speech)
        self._runner = web.AppRunner(app)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def asked(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until the text model was asked so often."""
        async with asyncio.timeout(timeout_s), self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= count)

    async def __aenter__(self) -> "FakeModels":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _next(self, request: web.Request) -> Answer:
        async with self._asked:
            self.requests.append(await request.json())
            self.headers.append(dict(request.headers))
            self._asked.notify_all()
        answer = self.answers.pop(0) if self.answers else Answer("Anything else?")
        if not isinstance(answer.text, str):
            answer.text = answer.text(self.requests[-1])
        return answer

    async def _stream(
        self, request: web.Request, answer: Answer, head: list[str], tail: list[str]
    ) -> web.StreamResponse:
        if answer.status != 200:
            return web.json_response({"error": {"type": "x"}}, status=answer.status, headers={"retry-after": "0"})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, line in enumerate(head):
            await response.write(line.encode())
            if number == 0 and answer.after_first is not None:
                await answer.after_first.wait()
        if answer.cut:
            assert request.transport is not None
            request.transport.abort()
        if answer.cut or answer.stops:
            return response
        for line in tail:
            await response.write(line.encode())
        return response

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        answer = await self._next(request)

        def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return _line(chunk_of([choice]))

        def chunk_of(choices: list[Any], usage: CompletionUsage | None = None) -> str:
            return ChatCompletionChunk.model_validate(
                {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices}
                | ({"usage": usage} if usage else {})
            ).model_dump_json()

        calls = []
        for index, (name, arguments) in enumerate(answer.calls):
            text, call_id = json.dumps(arguments), f"call_{next(_numbers)}"
            function = {"name": name, "arguments": text[:5]}
            calls.append(
                chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})
            )
            calls.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": text[5:]}}]}))
        usage = CompletionUsage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100)
        tail = [*calls, chunk({}, "tool_calls" if calls else "stop"), _line(chunk_of([], usage)), "data: [DONE]\n\n"]
        return await self._stream(request, answer, [chunk({"content": piece}) for piece in answer.pieces()], tail)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        answer = await self._next(request)

        def event(kind: str, **fields: Any) -> str:
            return f"event: {kind}\n" + _line(json.dumps({"type": kind} | fields))

        usage = {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 1}
        head = [event("message_start", message={"id": "m", "usage": usage}), event("ping")]
        head.append(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
        head += [
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            for piece in answer.pieces()
        ]
        tail = [event("content_block_stop", index=0)]
        for index, (name, arguments) in enumerate(answer.calls, 1):
            block = {"type": "tool_use", "id": f"toolu_{next(_numbers)}", "name": name, "input": {}}
            tail.append(event("content_block_start", index=index, content_block=block))
            text = json.dumps(arguments)
            parts = [{"type": "input_json_delta", "partial_json": part} for part in (text[:5], text[5:])]
            tail += [event("content_block_delta", index=index, delta=delta) for delta in parts]
            tail.append(event("content_block_stop", index=index))
        tail.append(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 100}))
        return await self._stream(request, answer, head, [*tail, event("message_stop")])

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.speech_status != 200:
            return web.json_response({}, status=self.speech_status)
        self.spoken.append(body["input"])
        audio = b"\x10\x10" * (len(body["input"]) * TONE_MS_A_CHARACTER * PCM_BYTES_PER_MS // 2)
        return web.Response(body=audio, content_type="audio/pcm")


def _line(data: str) -> str:
    return f"data: {data}\n\n"
