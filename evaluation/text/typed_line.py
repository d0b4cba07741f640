"""Both of a call handler's sockets: a media stream without sound, and an engine that the caller types to.

The handler is the real one and speaks the Realtime protocol; between it and the engine (any server of that protocol)
this puts the caller's sentences in as text and takes the answers out as text, and tells the handler what it would see
of a spoken turn: speech that began and stopped, a transcript, audio that was played. The audio is silence of
``REPLY_AUDIO_MS``, so that nobody waits for it to be spoken.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from base64 import b64encode
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from devstack.stack.engines import EngineEndpoint
from evaluation.record import Record
from evaluation.text.unguided import unguided
from protocols.media import (
    BYTES_PER_MS,
    BridgeStream,
    Clear,
    CustomParameters,
    Hangup,
    Mark,
    MediaError,
    Prompt,
    TransferRequest,
    decode_from_handler,
)

REPLY_AUDIO_MS = 20
INTERRUPTED_AUDIO_MS = 8000  # of an answer that the caller speaks into: it must not be over by then
QUIET_S = 0.05  # nothing is under way for so long: it is the caller's turn
ANSWER_WITHIN_S = 20.0
INTRODUCED_WITHIN_S = 2.0
MAX_EVENT_BYTES = 16 << 20
TYPED = "typed"
_WORDS = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class TypedLine:
    """One call: ``media`` and ``realtime`` are the handler's two sockets, the rest is what the caller does."""

    def __init__(
        self, call_id: str, parameters: CustomParameters, engine: EngineEndpoint, record: Record, guided: bool = True
    ) -> None:
        self.record = record
        self.ended = asyncio.Event()  # by the handler, or by the caller
        self._engine = engine
        self._guided = guided
        self._stream = BridgeStream("MZ" + "0" * 32, call_id)
        self._parameters = parameters
        self._media: web.WebSocketResponse | None = None
        self._handler: web.WebSocketResponse | None = None
        self._upstream: aiohttp.ClientWebSocketResponse | None = None
        self._configured = asyncio.Event()
        self._introduced = asyncio.Event()
        self._joined = asyncio.Event()
        self._kept_marks: list[bytes] | None = None  # while the caller is about to interrupt
        self._open_replies = 0
        self._asked_for = 0  # replies that were asked for and have not begun
        self._waiting_tools: dict[str, str] = {}
        self._items_with_audio: set[str] = set()
        self._heard: list[str] = []
        self._first_word_at: float | None = None
        self._used_tool = False
        self._busy_at = time.monotonic()
        self._typed = 0
        self._ask_again = False

    # --- The caller ---------------------------------------------------------------------------------------------

    async def joined(self, timeout_s: float) -> None:
        """The handler has both sockets and has told the engine what it is. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self._joined.wait()
            await self._configured.wait()
        # The greeting comes right behind the configuration, and has to stand before the first sentence.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._introduced.wait(), INTRODUCED_WITHIN_S)

    async def say(self, text: str, *, until_interrupted: bool = False) -> None:
        """Type a sentence. With ``until_interrupted`` the answer goes on until the next sentence."""
        if self._open_replies and self._upstream is not None:
            await self._to_engine({"type": "response.cancel"})
            await self._until(lambda: not self._open_replies)
        self._kept_marks = [] if until_interrupted else None
        self._forget()
        self._typed += 1
        item_id = f"{TYPED}_{self._typed}"
        where = {"item_id": item_id}
        self.record.note("caller", text)
        await self._to_handler({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, **where})
        await self._to_handler({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 0, **where})
        await self._to_handler({"type": "input_audio_buffer.committed", "previous_item_id": None, **where})
        transcript = {"content_index": 0, "transcript": text, "usage": {"type": "duration", "seconds": 0}}
        kind = "conversation.item.input_audio_transcription.completed"
        await self._to_handler({"type": kind, **where, **transcript})
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        await self._to_engine({"type": "conversation.item.create", "item": item})
        await self._ask_for_reply()

    async def press(self, keys: str) -> None:
        self._forget()
        self.record.note("caller", f"(presses {keys})")
        for key in keys:
            await self._to_media(self._stream.dtmf(key))

    def listen(self) -> None:
        """Say nothing; what the assistant says next is the answer to that."""
        self._forget()

    async def answer(self) -> str:
        """All that is said until it is the caller's turn; "" when nothing comes, or the call has ended."""
        asked_at = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while not (self.ended.is_set() or (self._heard and self._is_quiet)):
                    await asyncio.sleep(QUIET_S / 5)
        if self._first_word_at is not None:
            self.record.replied((self._first_word_at - asked_at) * 1000, after_tools=self._used_tool)
        return " ".join(self._heard)

    async def hears_something(self) -> None:
        """Until the answer's first words."""
        with contextlib.suppress(TimeoutError):
            await self._until(lambda: bool(self._heard) or self.ended.is_set())

    async def hang_up(self) -> None:
        if not self.ended.is_set():
            self.record.hung_up_by = "caller"
            self.record.note("call", "the caller hangs up")
            await self._stop("caller_hung_up")

    @property
    def _is_quiet(self) -> bool:
        busy = self._open_replies or self._asked_for or self._waiting_tools
        return not busy and time.monotonic() - self._busy_at > QUIET_S

    def _forget(self) -> None:
        self._heard, self._first_word_at, self._used_tool = [], None, False
        self._busy_at = time.monotonic()

    async def _until(self, arrived: Any) -> None:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while not arrived():
                await asyncio.sleep(QUIET_S / 5)

    # --- The media socket ---------------------------------------------------------------------------------------

    async def media(self, request: web.Request) -> web.StreamResponse:
        """The handler's end of the bridge's stream: what it plays is over at once."""
        socket = web.WebSocketResponse(max_msg_size=MAX_EVENT_BYTES)
        await socket.prepare(request)
        self._media = socket
        await self._to_media(self._stream.connected())
        await self._to_media(self._stream.start(self._parameters))
        self._joined.set()
        async for message in socket:
            if message.type in _WORDS:
                await self._from_handler(message.data)
        self.ended.set()
        return socket

    async def _from_handler(self, data: str | bytes) -> None:
        try:
            received = decode_from_handler(data)
        except MediaError as error:
            self.record.failure = f"the handler sent what is no media message: {error.reason}"
            return
        match received:
            case Mark():
                name = self._stream.mark(received.mark.name)
                if self._kept_marks is None:
                    await self._to_media(name)
                else:
                    self._kept_marks.append(name)
            case Clear():
                self.record.interruptions += 1
                kept, self._kept_marks = self._kept_marks or [], None
                for mark in kept:
                    await self._to_media(mark)
            case Hangup():
                self.record.hung_up_by = "restaurant"
                self.record.note("call", "the restaurant hangs up")
                await self._stop("hung_up")
            case TransferRequest():
                self.record.transferred = True
                self.record.note("call", "put through")
                await self._stop("transferred")
            case Prompt():
                self.record.fillers += 1

    async def _stop(self, reason: str) -> None:
        await self._to_media(self._stream.stop(reason))
        self.ended.set()

    async def _to_media(self, message: bytes) -> None:
        if self._media is not None and not self._media.closed:
            with contextlib.suppress(ConnectionError):
                await self._media.send_str(message.decode())

    # --- The engine's socket ------------------------------------------------------------------------------------

    async def realtime(self, request: web.Request, http: aiohttp.ClientSession) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_EVENT_BYTES)
        await socket.prepare(request)
        base = self._engine.base_url.rstrip("/").replace("http", "ws", 1)
        headers = {"Authorization": f"Bearer {self._engine.api_key}"}
        url = f"{base}/realtime?{request.query_string}"
        async with http.ws_connect(url, headers=headers, max_msg_size=MAX_EVENT_BYTES) as upstream:
            self._handler, self._upstream = socket, upstream
            reading = asyncio.create_task(self._read_engine(upstream))
            try:
                async for message in socket:
                    if message.type in _WORDS:
                        await self._from_handler_to_engine(msgspec.json.decode(message.data))
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        return socket

    async def _from_handler_to_engine(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind.startswith("input_audio_buffer.") or kind == "conversation.item.truncate":
            return  # there is no audio
        self._busy_at = time.monotonic()
        if kind == "session.update":
            session = event["session"]
            session["output_modalities"] = ["text"]
            session.get("audio", {}).get("input", {})["turn_detection"] = None
        elif kind == "response.create":
            self._asked_for += 1
        elif kind == "conversation.item.create" and event["item"].get("type") == "function_call_output":
            self._tool_answered(event["item"])
            if not self._guided:
                event["item"]["output"] = unguided(event["item"]["output"])
        await self._to_engine(event)
        if kind == "conversation.item.create":
            self._introduced.set()

    def _tool_answered(self, item: dict[str, Any]) -> None:
        name = self._waiting_tools.pop(item["call_id"], "")
        result = msgspec.json.decode(item["output"])
        self.record.note("tool", name, ok=bool(result.get("ok")), detail=item["output"])

    async def _read_engine(self, upstream: aiohttp.ClientWebSocketResponse) -> None:
        async for message in upstream:
            if message.type is aiohttp.WSMsgType.TEXT:
                event = msgspec.json.decode(message.data)
                for one in await self._as_spoken(event):
                    await self._to_handler(one)
        if self._handler is not None:
            await self._handler.close()

    async def _as_spoken(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """What the handler is told instead."""
        self._busy_at = time.monotonic()
        place: dict[str, Any] = {
            key: event[key] for key in ("response_id", "item_id", "output_index", "content_index") if key in event
        }
        match event["type"]:
            case "session.updated":
                self._configured.set()
            case "response.created":
                self._open_replies += 1
                self._asked_for = max(0, self._asked_for - 1)
            case "response.output_text.delta":
                spoken = {"type": "response.output_audio_transcript.delta", **place, "delta": event["delta"]}
                return [spoken, *self._audio(event["item_id"], place)]
            case "response.output_text.done":
                self._said(event["text"])
                transcript = {"type": "response.output_audio_transcript.done", **place, "transcript": event["text"]}
                audio = self._audio(event["item_id"], place)
                return [*audio, {"type": "response.output_audio.done", **place}, transcript]
            case "response.done":
                await self._reply_done(event["response"])
            case "error":
                return await self._error(event)
        return [event]

    def _audio(self, item_id: str, place: dict[str, Any]) -> list[dict[str, Any]]:
        if item_id in self._items_with_audio:
            return []
        self._items_with_audio.add(item_id)
        ms = REPLY_AUDIO_MS if self._kept_marks is None else INTERRUPTED_AUDIO_MS
        silence = b64encode(b"\xff" * (ms * BYTES_PER_MS)).decode()
        return [{"type": "response.output_audio.delta", **place, "delta": silence}]

    def _said(self, text: str) -> None:
        if self._first_word_at is None:
            self._first_word_at = time.monotonic()
        if text.strip():
            self._heard.append(text.strip())
            self.record.note("assistant", text.strip())

    async def _reply_done(self, response: dict[str, Any]) -> None:
        self._open_replies = max(0, self._open_replies - 1)
        for item in response.get("output") or ():
            if item.get("type") == "function_call" and response.get("status") == "completed":
                self._waiting_tools[item["call_id"]] = item.get("name") or ""
                self._used_tool = True
        if self._ask_again:
            self._ask_again = False
            await self._ask_for_reply()

    async def _error(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The handler may ask for a reply in the same moment as the caller: the engine makes one at a time."""
        error = event.get("error") or {}
        self._asked_for = max(0, self._asked_for - 1)
        if error.get("event_id") == TYPED:
            self._ask_again = True
            return []
        self.record.note("call", f"the engine complains: {error.get('code')}", detail=str(error.get("message")))
        return [event]

    async def _ask_for_reply(self) -> None:
        self._asked_for += 1
        await self._to_engine({"type": "response.create", "event_id": TYPED})

    async def _to_engine(self, event: dict[str, Any]) -> None:
        if self._upstream is not None and not self._upstream.closed:
            with contextlib.suppress(ConnectionError):
                await self._upstream.send_str(msgspec.json.encode(event).decode())

    async def _to_handler(self, event: dict[str, Any]) -> None:
        if self._handler is not None and not self._handler.closed:
            with contextlib.suppress(ConnectionError):
                await self._handler.send_str(msgspec.json.encode(event).decode())
