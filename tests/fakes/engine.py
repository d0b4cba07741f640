"""A Realtime-protocol (GA) server over a real WebSocket, whose every turn a test scripts.

    async with FakeEngine() as engine:              # engine.base_url is an OPENAI_BASE_URL
        session = await engine.session()            # the next client that connects
        await session.expect("session.update")
        await session.caller_says("Two Margheritas, please.")
        await session.reply(calls=[("add_item", {"item": "Margherita", "quantity": 2})])
        [output] = await session.tool_outputs(1)
        await session.expect("response.create")
        await session.reply("Two Margheritas.", audio_ms=400)

It keeps the rules that a handler can break: one response at a time, no truncation beyond an item's audio, no
output for a call that was not made. Breaking one answers ``error``, as OpenAI does, and is kept in ``errors``.
"""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.websocket_server import WebSocketServer

BYTES_PER_MS = 8
DELTA_MS = 200
WAIT_S = 10.0
VOICES = ("marin", "cedar", "alloy")

Call = tuple[str, dict[str, Any] | str]  # a tool and its arguments, as text to break JSON

_numbers = itertools.count(1)


def _new_id(kind: str) -> str:
    return f"{kind}_{next(_numbers):06d}"


class FakeSession:
    """One client's conversation. ``received`` has every client event but the audio, which is in ``heard``."""

    def __init__(self, socket: ServerConnection) -> None:
        self.path = socket.request.path if socket.request else ""
        self.authorization = socket.request.headers.get("Authorization", "") if socket.request else ""
        self.received: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.errors: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.voices = VOICES
        self.expires_in_s = 0.0  # told with the session when it is not 0
        self.transcription_models: tuple[str, ...] = ()  # the only ones that are taken, when there are any
        self._socket = socket
        self._seen = 0
        self._news = asyncio.Condition()
        self._audio_ms: dict[str, float] = {}
        self._open_calls: set[str] = set()
        self._response_id = ""

    # --- What the handler did -----------------------------------------------------------------------------

    async def expect(self, kind: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """The next client event of ``kind`` after the last one expected; those in between are passed over."""
        async with asyncio.timeout(timeout_s), self._news:
            while True:
                while self._seen < len(self.received):
                    event = self.received[self._seen]
                    self._seen += 1
                    if event["type"] == kind:
                        return event
                await self._news.wait()

    async def tool_outputs(self, count: int) -> list[dict[str, Any]]:
        """The next ``count`` tool results, decoded."""
        outputs: list[dict[str, Any]] = []
        while len(outputs) < count:
            item = (await self.expect("conversation.item.create"))["item"]
            if item["type"] == "function_call_output":
                outputs.append(json.loads(item["output"]))
        return outputs

    async def hears(self, byte_count: int) -> None:
        """Wait until so much audio has arrived."""
        async with asyncio.timeout(WAIT_S), self._news:
            while len(self.heard) < byte_count:
                await self._news.wait()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    # --- What the engine does -----------------------------------------------------------------------------

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, "event_id": _new_id("event"), **fields}))

    async def raw(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def speech_starts(self, cancel: bool = True) -> None:
        start_ms = len(self.heard) // BYTES_PER_MS
        await self.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=_new_id("item"))
        if cancel and self._response_id:
            await self._response_done("cancelled", [], reason="turn_detected")

    async def speech_stops(self, text: str | None) -> str:
        """``text`` None: the caption fails."""
        item_id = _new_id("item")
        end_ms = len(self.heard) // BYTES_PER_MS
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        await self.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        caption, place = "conversation.item.input_audio_transcription", {"item_id": item_id, "content_index": 0}
        if text is None:
            await self.send(f"{caption}.failed", **place, error={"type": "server_error", "code": "model_not_found"})
        else:
            usage = {"type": "duration", "seconds": 1.5}
            await self.send(f"{caption}.completed", **place, transcript=text, usage=usage)
        return item_id

    async def caller_says(self, text: str | None) -> None:
        """A whole turn of the caller, as server VAD and transcription report it."""
        await self.speech_starts()
        await self.speech_stops(text)

    async def reply(
        self, text: str = "", audio_ms: int = 0, calls: Sequence[Call] = (), delta_ms: int = DELTA_MS
    ) -> str:
        """A whole response: speech, tool calls, or both. Returns the spoken item's id."""
        await self.response_starts()
        item_id = await self.speaks(text, audio_ms, delta_ms=delta_ms) if text else ""
        await self.response_ends(calls)
        return item_id

    async def response_starts(self) -> str:
        self._response_id = _new_id("resp")
        await self.send("response.created", response={"id": self._response_id, "status": "in_progress", "output": []})
        return self._response_id

    async def speaks(self, text: str, audio_ms: int, item_id: str = "", delta_ms: int = DELTA_MS) -> str:
        """Speech of the response in progress, as fast as it can be sent."""
        item_id = item_id or _new_id("item")
        place = {"response_id": self._response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        await self.send("response.output_audio_transcript.delta", **place, delta=text)
        for sent in range(0, audio_ms, delta_ms):
            await self.audio_delta(item_id, min(delta_ms, audio_ms - sent))
        await self.send("response.output_audio.done", **place)
        await self.send("response.output_audio_transcript.done", **place, transcript=text)
        return item_id

    async def audio_delta(self, item_id: str, ms: int, response_id: str = "") -> None:
        """``ms`` of µ-law whose every byte is the same, different from the delta before."""
        self._audio_ms[item_id] = self._audio_ms.get(item_id, 0) + ms
        audio = bytes([len(self._audio_ms) % 100 + 1]) * (ms * BYTES_PER_MS)
        await self.send(
            "response.output_audio.delta",
            response_id=response_id or self._response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
            delta=base64.b64encode(audio).decode(),
        )

    async def response_ends(self, calls: Sequence[Call] = (), status: str = "completed") -> None:
        output = []
        for name, arguments in calls:
            call_id = _new_id("call")
            self._open_calls.add(call_id)
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            item = {"id": _new_id("item"), "type": "function_call", "status": "completed", "name": name}
            output.append(item | {"call_id": call_id, "arguments": text})
        await self._response_done(status, output)

    async def _response_done(self, status: str, output: list[dict[str, Any]], reason: str | None = None) -> None:
        response_id, self._response_id = self._response_id, ""
        details = {"type": status, "reason": reason} if reason else None
        usage = {
            "total_tokens": 150,
            "input_tokens": 100,
            "output_tokens": 50,
            "input_token_details": {
                "text_tokens": 60,
                "audio_tokens": 40,
                "cached_tokens": 20,
                "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 0},
            },
            "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
        }
        response = {"id": response_id, "status": status, "status_details": details, "output": output, "usage": usage}
        await self.send("response.done", response=response)

    async def drop(self) -> None:
        """The connection breaks without a close frame."""
        self._socket.transport.abort()
        await self.closed.wait()

    # --- The protocol's rules -----------------------------------------------------------------------------

    async def run(self) -> None:
        ends = {"expires_at": int(time.time() + self.expires_in_s)} if self.expires_in_s else {}
        await self.send("session.created", session={"type": "realtime", "object": "realtime.session"} | ends)
        try:
            async for message in self._socket:
                await self._take(json.loads(message))
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()

    async def _take(self, event: dict[str, Any]) -> None:
        async with self._news:
            if event["type"] == "input_audio_buffer.append":
                self.heard += base64.b64decode(event["audio"], validate=True)
            else:
                self.received.append(event)
            self._news.notify_all()
        match event["type"]:
            case "session.update":
                await self._update(event)
            case "response.create" if self._response_id:
                await self._error(event, "conversation_already_has_active_response")
            case "conversation.item.truncate":
                await self._truncate(event)
            case "conversation.item.create" if event["item"]["type"] == "function_call_output":
                if event["item"]["call_id"] not in self._open_calls:
                    await self._error(event, "invalid_tool_call_id")
                self._open_calls.discard(event["item"]["call_id"])

    async def _update(self, event: dict[str, Any]) -> None:
        audio = event["session"]["audio"]
        captions = (audio["input"].get("transcription") or {}).get("model", "")
        if audio.get("output", {}).get("voice", self.voices[0]) not in self.voices:
            await self._error(event, "invalid_value", "session.audio.output.voice")
        elif captions and self.transcription_models and captions not in self.transcription_models:
            await self._error(event, "invalid_value", "session.audio.input.transcription.model")
        else:
            await self.send("session.updated", session=event["session"])

    async def _truncate(self, event: dict[str, Any]) -> None:
        length = self._audio_ms.get(event["item_id"])
        if length is None:
            await self._error(event, "item_truncate_invalid_item_id")
        elif event["audio_end_ms"] > length:
            await self._error(event, "item_truncate_invalid_audio_end_ms")
        else:
            place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
            await self.send("conversation.item.truncated", **place)

    async def _error(self, event: dict[str, Any], code: str, param: str | None = None) -> None:
        self.errors.append({"code": code, "event": event})
        about = event.get("event_id")
        details = {"type": "invalid_request_error", "code": code, "message": code, "param": param, "event_id": about}
        await self.send("error", error=details)


class FakeEngine(WebSocketServer):
    """Listens on a free loopback port. ``refuse`` is the status that upgrades are refused with, 0 for none.

    ``refusals`` are the statuses for the next ones only.
    """

    longest_message = 16 << 20

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.refusals: list[int] = []
        self.expires_in_s = 0.0
        self.transcription_models: tuple[str, ...] = ()
        self.sessions: list[FakeSession] = []
        self._joined: asyncio.Queue[FakeSession] = asyncio.Queue()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def session(self, timeout_s: float = WAIT_S) -> FakeSession:
        """The next client that connects."""
        return await asyncio.wait_for(self._joined.get(), timeout_s)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self.refusals.pop(0) if self.refusals else self.refuse
        return connection.respond(status, "refused\n") if status else None

    async def _connected(self, socket: ServerConnection) -> None:
        session = FakeSession(socket)
        session.expires_in_s, session.transcription_models = self.expires_in_s, self.transcription_models
        self.sessions.append(session)
        await self._joined.put(session)
        await session.run()
