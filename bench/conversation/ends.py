"""Both ends of a call handler's two sockets, in one process and so on one clock: a bridge and an engine that do no more
than note when what they sent comes out on the other side.

Audio has no marks in it: what has come is known by the count of its bytes.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from eventing.catalogue import CallIncoming
from protocols.media import BridgeStream, Clear, CustomParameters, Mark, Media, decode_from_handler

FRAME = b"\xff" * 160  # 20 ms of silence
DELTA = b"\x7e\xfe" * 80 * 3  # 60 ms of a tone too soft to be heard
DELTAS = 4
GREETING = "Hello, an AI assistant speaks."
WITHIN_S = 10.0
_WORDS = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class Passing:
    """How long bytes take from one end to the other, in milliseconds."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self._sent: list[tuple[int, float]] = []  # up to which byte, and when
        self._total = self._arrived = 0

    def sent(self, count: int) -> None:
        self._total += count
        self._sent.append((self._total, time.perf_counter()))

    def arrived(self, count: int) -> None:
        now = time.perf_counter()
        self._arrived += count
        while self._sent and self._sent[0][0] <= self._arrived:
            self.ms.append((now - self._sent.pop(0)[1]) * 1000)


class Ends:
    """One call. ``event_ms``: from an engine's event to what the handler does about it, by what was done."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.to_engine, self.to_bridge = Passing(), Passing()
        self.event_ms: dict[str, list[float]] = {"answered": [], "interrupted": [], "tool": []}
        self.configured = asyncio.Event()
        self._call_id, self._restaurant_id = str(uuid.uuid4()), ""
        self._stream = BridgeStream("MZ" + "0" * 32, self._call_id)
        self._bridge: web.WebSocketResponse | None = None
        self._engine: web.WebSocketResponse | None = None
        self._clock_ms = 0
        self._ids = itertools.count(1)
        self._marks: list[str] = []
        self._came: dict[str, float] = {}  # when the last of each kind came from the handler
        self._news = asyncio.Condition()

    def incoming(self, restaurant_id: str) -> CallIncoming:
        """The event that asks a handler to take this call."""
        self._restaurant_id = restaurant_id
        return CallIncoming(
            restaurant_id=restaurant_id,
            call_id=self._call_id,
            phone_line_id=str(uuid.uuid4()),
            bridge_node_id="bench",
            attempt=1,
            caller="+33612345678",
            called="+33465710042",
            codec="PCMU",
            audio_stream_url=f"ws://127.0.0.1:{self.port}/media/{self._call_id}/1",
            audio_stream_token="once",
            greeting=GREETING,
            received_at=datetime.now(UTC),
        )

    # --- The two servers ----------------------------------------------------------------------------------------

    async def media(self, request: web.Request) -> web.StreamResponse:
        self._bridge = socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(self._stream.connected().decode())
        parameters = CustomParameters(attempt=1, restaurant_id=self._restaurant_id, greeting_text=GREETING)
        await socket.send_str(self._stream.start(parameters).decode())
        async for message in socket:
            if message.type in _WORDS:
                await self._from_handler(message.data)
        return socket

    async def _from_handler(self, data: str | bytes) -> None:
        received = decode_from_handler(data)
        match received:
            case Media():
                self.to_bridge.arrived(len(received.media.payload))
                await self._note("audio")
            case Mark():
                self._marks.append(received.mark.name)
                await self._note("mark")
            case Clear():
                await self._note("clear")

    async def realtime(self, request: web.Request) -> web.StreamResponse:
        self._engine = socket = web.WebSocketResponse(max_msg_size=16 << 20)
        await socket.prepare(request)
        await self._tell("session.created", session={"type": "realtime", "object": "realtime.session"})
        async for message in socket:
            if message.type in _WORDS:
                await self._to_engine(orjson.loads(message.data))
        return socket

    async def _to_engine(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "input_audio_buffer.append":
            self.to_engine.arrived(len(base64.b64decode(event["audio"])))
            return
        if kind == "session.update":
            await self._tell("session.updated", session=event["session"])
            self.configured.set()
        elif kind == "conversation.item.create":
            kind = event["item"]["type"]
        await self._note(kind)

    async def _note(self, kind: str) -> None:
        async with self._news:
            self._came[kind] = time.perf_counter()
            self._news.notify_all()

    async def _after(self, kind: str, sent: float) -> float:
        """Milliseconds from ``sent`` to the next ``kind`` from the handler. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN_S), self._news:
            await self._news.wait_for(lambda: self._came.get(kind, 0.0) > sent)
        return (self._came[kind] - sent) * 1000

    # --- What happens in the call -------------------------------------------------------------------------------

    async def frames(self, count: int, tempo_s: float) -> None:
        assert self._bridge is not None
        due = time.perf_counter()
        for _ in range(count):
            self.to_engine.sent(len(FRAME))
            await self._bridge.send_str(self._stream.media(self._clock_ms, FRAME).decode())
            self._clock_ms += 20
            due += tempo_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def caller_says(self, text: str) -> None:
        where = {"item_id": f"item_{next(self._ids)}"}
        await self._tell("input_audio_buffer.speech_started", audio_start_ms=0, **where)
        await self._tell("input_audio_buffer.speech_stopped", audio_end_ms=0, **where)
        await self._tell("input_audio_buffer.committed", previous_item_id=None, **where)
        usage = {"type": "duration", "seconds": 1.5}
        kind = "conversation.item.input_audio_transcription.completed"
        await self._tell(kind, **where, content_index=0, transcript=text, usage=usage)

    async def uses_tool(self, name: str, arguments: dict[str, Any]) -> None:
        """A response that is a tool call; until the handler has answered it and asks for the next response."""
        response = await self._begin()
        text = orjson.dumps(arguments).decode()
        item = {"id": f"item_{next(self._ids)}", "type": "function_call", "status": "completed", "name": name}
        call = item | {"call_id": f"call_{next(self._ids)}", "arguments": text}
        sent = time.perf_counter()
        await self._done(response, "completed", [call])
        self.event_ms["tool"].append(await self._after("function_call_output", sent))
        await self._after("response.create", sent)

    async def answers(self, text: str, *, interrupted: bool = False) -> None:
        """A spoken response, which is played at once, or which the caller interrupts."""
        response = await self._begin()
        place = {"response_id": response, "item_id": f"item_{next(self._ids)}", "output_index": 0, "content_index": 0}
        await self._tell("response.output_audio_transcript.delta", **place, delta=text)
        for _ in range(DELTAS):
            sent = time.perf_counter()
            self.to_bridge.sent(len(DELTA))
            await self._tell("response.output_audio.delta", **place, delta=base64.b64encode(DELTA).decode())
            self.event_ms["answered"].append(await self._after("audio", sent))
        if interrupted:
            sent = time.perf_counter()
            await self._tell("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"item_{next(self._ids)}")
            await self._done(response, "cancelled", [])
            self.event_ms["interrupted"].append(await self._after("clear", sent))
        else:
            await self._tell("response.output_audio.done", **place)
            await self._tell("response.output_audio_transcript.done", **place, transcript=text)
            await self._done(response, "completed", [])
            async with asyncio.timeout(WITHIN_S), self._news:
                await self._news.wait_for(lambda: bool(self._marks))
        await self._return_marks()

    async def _return_marks(self) -> None:
        """What was marked is played, or was cleared."""
        assert self._bridge is not None
        marks, self._marks = self._marks, []
        for name in marks:
            await self._bridge.send_str(self._stream.mark(name).decode())

    async def _begin(self) -> str:
        response = f"resp_{next(self._ids)}"
        await self._tell("response.created", response={"id": response, "status": "in_progress", "output": []})
        return response

    async def _done(self, response: str, status: str, output: list[dict[str, Any]]) -> None:
        body = {"id": response, "status": status, "status_details": None, "output": output, "usage": None}
        await self._tell("response.done", response=body)

    async def hang_up(self) -> None:
        assert self._bridge is not None
        await self._bridge.send_str(self._stream.stop("caller_hung_up").decode())

    async def _tell(self, kind: str, **fields: Any) -> None:
        assert self._engine is not None
        event = {"type": kind, "event_id": f"event_{next(self._ids)}", **fields}
        await self._engine.send_str(orjson.dumps(event).decode())
