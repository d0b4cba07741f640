"""A server of OpenAI's Live protocol over a real WebSocket, whose every word a test scripts.

async with FakeLive() as live:                  # live.base_url is an endpoint's ``url``
    session = await live.session()              # the next client that connects
    start = await session.expect("session.start")
    await session.starts()
    await session.speaks("Good evening.", audio_ms=400)

What it sends is made by the types of the package ``openai``; what it is sent is checked against them. What breaks the
protocol's rules is kept in ``errors``: anything before the session has started, anything put in while a fixture plays.
"""

import asyncio
import base64
import itertools
import json
import time
from functools import cache
from typing import Any

from openai.types.live import (
    DelegationCreatedEvent,
    ErrorEvent,
    InputTranscriptDeltaEvent,
    OutputAudioDeltaEvent,
    OutputAudioFixturePlayedEvent,
    OutputAudioFixturePlayingEvent,
    OutputTranscriptDeltaEvent,
    ResponseEvent,
    SessionClosedEvent,
    SessionStartedEvent,
    SessionUsageUpdatedEvent,
)
from openai.types.live.client_event import ClientEvent
from pydantic import BaseModel, TypeAdapter
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.websocket_server import WebSocketServer
from tests.patience import PATIENCE_S

BYTES_PER_MS = 8
LOUD, QUIET = b"\x20", b"\xff"
APPENDS = ("session.instructions.append", "session.thinking.append", "session.commentary.append")

Call = tuple[str, dict[str, Any] | str]

_numbers = itertools.count(1)


def _new_id(kind: str) -> str:
    return f"{kind}_{next(_numbers):06d}"


@cache
def _client_events() -> TypeAdapter[Any]:
    return TypeAdapter(ClientEvent)


class FakeLiveSession:
    """One client's conversation. ``received`` has every client event but the audio, which is in ``heard``."""

    def __init__(self, socket: ServerConnection) -> None:
        request = socket.request
        self.path = request.path if request else ""
        self.authorization = request.headers.get("Authorization", "") if request else ""
        self.received: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.errors: list[str] = []
        self.fixtures: list[bytes] = []
        self.closed = asyncio.Event()
        self._socket = socket
        self._has_started = False
        self._plays = False
        self._seen = 0
        self._news = asyncio.Condition()

    # --- What the handler did -----------------------------------------------------------------------------

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next client event of ``kind`` after the last one expected; those in between are passed over."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            while True:
                while self._seen < len(self.received):
                    event = self.received[self._seen]
                    self._seen += 1
                    if event["type"] == kind:
                        return event
                await self._news.wait()

    async def hears(self, byte_count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= byte_count)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    @property
    def at_ms(self) -> int:
        return len(self.heard) // BYTES_PER_MS

    # --- What the engine does -----------------------------------------------------------------------------

    async def starts(self, expires_in_s: float = 7200.0) -> None:
        self._has_started = True
        wanted = self.of("session.start")[-1]["session"]
        session = {"id": "live_1", "expires_at": int(time.time() + expires_in_s), "status": "active"}
        told = {"type": "session.started", "event_id": _new_id("event"), "session": session | _plain(wanted)}
        await self._send(SessionStartedEvent.model_validate(told))

    async def sound(self, ms: int, loud: bool = True) -> None:
        audio = (LOUD if loud else QUIET) * (ms * BYTES_PER_MS)
        await self._send(OutputAudioDeltaEvent(type="session.output_audio.delta", delta=_base64(audio)))

    async def says_text(self, text: str) -> None:
        await self._send(
            OutputTranscriptDeltaEvent(type="session.output_transcript.delta", delta=text, **self._place())
        )

    async def speaks(self, text: str, audio_ms: int = 400) -> None:
        """A reply: words, then their sound; silence follows by itself, as nothing more comes."""
        await self.says_text(text)
        await self.sound(audio_ms)

    async def caller_says(self, text: str) -> None:
        for word in text.split():
            await self._send(
                InputTranscriptDeltaEvent(type="session.input_transcript.delta", delta=word + " ", **self._place())
            )

    async def delegates(self) -> None:
        delegation = {"id": _new_id("deleg"), "type": "delegation", "target": "responses", "response_id": "resp"}
        event = {"type": "session.delegation.created", "delegation": delegation, "offset_ms": self.at_ms}
        await self._send(DelegationCreatedEvent.model_validate(event | {"event_id": _new_id("event")}))

    async def backend_calls(self, *calls: Call) -> list[str]:
        """The text model's response: its tool calls, or none and so its end. Returns the calls' ids."""
        response_id, ids = _new_id("resp"), []
        await self._nested({"type": "response.created", "response": {"id": response_id}})
        for name, arguments in calls:
            ids.append(_new_id("call"))
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            item = {"type": "function_call", "call_id": ids[-1], "name": name, "arguments": text, "status": "completed"}
            await self._nested({"type": "response.output_item.done", "output_index": 0, "item": item})
        usage = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 100}
        await self._nested({"type": "response.completed", "response": {"id": response_id, "usage": usage}})
        return ids

    async def backend_fails(self) -> None:
        await self._nested({"type": "response.failed", "response": {"id": _new_id("resp")}})

    async def tool_outputs(self, count: int) -> list[dict[str, Any]]:
        """The next results, and behind the last of them the wish to go on."""
        outputs = [json.loads((await self.expect("response.item.create"))["item"]["output"]) for _ in range(count)]
        await self.expect("response.create")
        return outputs

    async def plays_fixture(self, audio_ms: int = 400) -> bytes:
        """Accept the fixture that was sent, and play it to its end."""
        event = await self.expect("session.output_audio.fixture.play")
        ids = {"client_event_id": event["event_id"]}
        playing: dict[str, Any] = {"type": "session.output_audio.fixture.playing", "event_id": _new_id("event")} | ids
        await self._send(OutputAudioFixturePlayingEvent(**playing))
        await self.sound(audio_ms)
        self._plays = False
        played: dict[str, Any] = {"type": "session.output_audio.fixture.played", "event_id": _new_id("event")} | ids
        await self._send(OutputAudioFixturePlayedEvent(**played))
        return self.fixtures[-1]

    async def has_used(self, seconds: float) -> None:
        usage = {"type": "session.usage.updated", "event_id": _new_id("event"), "usage": {"seconds": seconds}}
        await self._send(SessionUsageUpdatedEvent.model_validate(usage))

    async def ends(self, reason: str, seconds: float = 60.0) -> None:
        session = {"id": "live_1", "expires_at": 0, "status": "active", "model": "gpt-live-1.1"}
        told = {"type": "session.closed", "event_id": _new_id("event"), "reason": reason, "session": session}
        await self._send(SessionClosedEvent.model_validate(told | {"usage": {"seconds": seconds}}))

    async def fails(self, code: str, about: str = "", param: str | None = None) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": code, "param": param}
        told = {"type": "error", "event_id": _new_id("event"), "error": error | {"client_event_id": about or None}}
        await self._send(ErrorEvent.model_validate(told))

    async def raw(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def drop(self) -> None:
        """The connection breaks without a close frame."""
        self._socket.transport.abort()
        await self.closed.wait()

    def _place(self) -> dict[str, Any]:
        return {"start_ms": self.at_ms, "end_ms": self.at_ms, "event_id": _new_id("event")}

    async def _nested(self, event: dict[str, Any]) -> None:
        await self._send(ResponseEvent(type="response.event", event_id=_new_id("event"), event=event))

    async def _send(self, event: BaseModel) -> None:
        await self._socket.send(event.model_dump_json(exclude_none=True))

    # --- The protocol's rules -----------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            async for message in self._socket:
                await self._take(json.loads(message))
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()

    async def _take(self, event: dict[str, Any]) -> None:
        _client_events().validate_python(event)
        async with self._news:
            if event["type"] == "session.input_audio.append":
                self.heard += base64.b64decode(event["audio"], validate=True)
            else:
                self.received.append(event)
            self._news.notify_all()
        if not self._has_started and event["type"] not in ("session.start", "session.close"):
            self.errors.append(f"{event['type']} before session.started")
        if self._plays and event["type"] in APPENDS:
            self.errors.append(f"{event['type']} while a fixture plays")
        if event["type"] == "session.output_audio.fixture.play":
            self._plays = True
            self.fixtures.append(base64.b64decode(event["audio"], validate=True))


class FakeLive(WebSocketServer):
    """Listens on a free loopback port. ``refuse`` is the status that upgrades are refused with, 0 for none."""

    longest_message = 16 << 20

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self._joined: asyncio.Queue[FakeLiveSession] = asyncio.Queue()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def session(self) -> FakeLiveSession:
        """The next client that connects."""
        return await asyncio.wait_for(self._joined.get(), PATIENCE_S)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(self.refuse, "refused\n") if self.refuse else None

    async def _connected(self, socket: ServerConnection) -> None:
        session = FakeLiveSession(socket)
        await self._joined.put(session)
        await session.run()


def _base64(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def _plain(session: dict[str, Any]) -> dict[str, Any]:
    """What of a start's session is told again: enough of it."""
    return {"model": session["model"], "audio": session["audio"]}
