"""The bridge's end of the media protocol: one call's WebSocket server that plays in real time, without a phone.

    async with FakeBridge(greeting="Hello!") as bridge:
        bridge.url, bridge.token                     # for the call.incoming event
        await bridge.joined()
        await bridge.caller_speaks(20)               # frames of 20 ms
        await bridge.expect("clear")
        await bridge.hang_up()

It keeps the bridge's rules: one client with the right token, marks come back when what was queued before them
is played or cleared, hangup and transfer happen when the queue is empty.
"""

import asyncio
import time
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from protocols.media import (
    BYTES_PER_MS,
    BridgeStream,
    Clear,
    CustomParameters,
    FromHandler,
    Hangup,
    Mark,
    Media,
    MediaError,
    TransferRequest,
    decode_from_handler,
)
from tests.fakes.websocket_server import WebSocketServer

FRAME_MS = 20
WAIT_S = 10.0
HANDLER_NOTICES_S = 0.1  # a mark and an engine event come on two sockets: their order is not ours to say


class FakeBridge(WebSocketServer):
    """``played`` is what the caller heard of the assistant, ``received`` every message of the handler in order."""

    def __init__(
        self,
        *,
        call_id: str,
        restaurant_id: str,
        attempt: int = 1,
        greeting: str = "",
        greeting_ms: int = 0,
        early_frames: int = 0,
        resumed: bool = False,
        token: str = "one-time-token",
    ) -> None:
        self.call_id = call_id
        self.attempt = attempt
        self.token = token
        self.accepts_token = token
        self.received: list[FromHandler] = []
        self.played = bytearray()
        self.bad_messages: list[str] = []
        self.closed = asyncio.Event()
        self.ended = asyncio.Event()  # by the handler's hangup or transfer
        self._stream = BridgeStream("MZ" + "0" * 32, call_id)
        self._parameters = CustomParameters(
            attempt=attempt,
            restaurant_id=restaurant_id,
            early_audio_ms=early_frames * FRAME_MS,
            greeting_text=greeting,
            greeting_remaining_ms=greeting_ms,
            resumed=resumed,
        )
        self._early_frames = early_frames
        self._clock_ms = 0
        self._seen = 0
        self._news = asyncio.Condition()
        self._queue: list[bytes | Mark | Hangup | TransferRequest] = []
        self._silent_until = 0.0
        self._socket: ServerConnection | None = None
        self._claimed = False
        self._joined = asyncio.Event()
        self._player: asyncio.Task[None] | None = None
        self.frames_sent = bytearray()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/media/{self._stream.call_sid}/{self._parameters.attempt}"

    async def joined(self) -> None:
        await asyncio.wait_for(self._joined.wait(), WAIT_S)

    # --- What the caller and the bridge do ----------------------------------------------------------------

    async def caller_speaks(self, frames: int, tempo: float = 0.0) -> None:
        """Frames of 20 ms, each of its own byte, ``tempo`` seconds apart."""
        assert self._socket is not None
        for _ in range(frames):
            audio = bytes([self._clock_ms // FRAME_MS % 256]) * (FRAME_MS * BYTES_PER_MS)
            self.frames_sent += audio
            await self._socket.send(self._stream.media(self._clock_ms, audio).decode())
            self._clock_ms += FRAME_MS
            if tempo:
                await asyncio.sleep(tempo)

    async def press(self, digit: str) -> None:
        assert self._socket is not None
        await self._socket.send(self._stream.dtmf(digit).decode())

    async def hang_up(self, reason: str = "caller_hung_up") -> None:
        assert self._socket is not None
        await self._socket.send(self._stream.stop(reason).decode())

    async def lose(self) -> None:
        """The connection breaks without a word."""
        assert self._socket is not None
        self._socket.transport.abort()
        await self.closed.wait()

    # --- What the handler did -----------------------------------------------------------------------------

    async def expect(self, kind: type[Any], timeout_s: float = WAIT_S) -> Any:
        """The next message of ``kind`` after the last one expected."""
        async with asyncio.timeout(timeout_s), self._news:
            while True:
                while self._seen < len(self.received):
                    message = self.received[self._seen]
                    self._seen += 1
                    if isinstance(message, kind):
                        return message
                await self._news.wait()

    async def hears(self, byte_count: int, timeout_s: float = WAIT_S) -> None:
        """Wait until the caller has heard so much of the assistant."""
        async with asyncio.timeout(timeout_s), self._news:
            while len(self.played) < byte_count:
                await self._news.wait()

    async def quiet(self, timeout_s: float = WAIT_S) -> None:
        """Wait until all that the handler sent is played, and it has had the time to hear of that."""
        async with asyncio.timeout(timeout_s):
            while self._queue:
                await asyncio.sleep(0.01)
        await asyncio.sleep(HANDLER_NOTICES_S)

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.received if isinstance(message, kind)]

    # --- The server ---------------------------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        right = request.headers.get("Authorization") == f"Bearer {self.accepts_token}"
        if self._claimed or not right:
            return connection.respond(403, "superseded\n")
        self._claimed = True
        return None

    async def _connected(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._silent_until = time.monotonic() + self._parameters.greeting_remaining_ms / 1000
        await socket.send(self._stream.connected().decode())
        await socket.send(self._stream.start(self._parameters).decode())
        await self.caller_speaks(self._early_frames)
        self._player = asyncio.create_task(self._play())
        self._joined.set()
        try:
            async for message in socket:
                await self._take(message)
        except ConnectionClosed:
            pass
        finally:
            self._player.cancel()
            await asyncio.wait({self._player})
            self.closed.set()

    async def _take(self, message: str | bytes) -> None:
        try:
            received = decode_from_handler(message)
        except MediaError as error:
            self.bad_messages.append(error.reason)
            return
        async with self._news:
            self.received.append(received)
            self._news.notify_all()
        if isinstance(received, Media):
            audio = received.media.payload
            step = FRAME_MS * BYTES_PER_MS
            self._queue += [audio[offset : offset + step] for offset in range(0, len(audio), step)]
        elif isinstance(received, Mark | Hangup | TransferRequest):
            self._queue.append(received)
        elif isinstance(received, Clear):
            cleared, self._queue = self._queue, []
            self._silent_until = 0.0
            for item in cleared:
                if isinstance(item, Mark):
                    await self._return(item)

    async def _play(self) -> None:
        """20 ms every 20 ms once the greeting is over."""
        next_at = time.monotonic()
        while True:
            if not self._queue or time.monotonic() < self._silent_until:
                await asyncio.sleep(0.005)
                next_at = time.monotonic()
                continue
            item = self._queue.pop(0)
            if isinstance(item, bytes):
                next_at += len(item) / BYTES_PER_MS / 1000
                await asyncio.sleep(max(0.0, next_at - time.monotonic()))
                async with self._news:
                    self.played += item
                    self._news.notify_all()
            elif isinstance(item, Mark):
                await self._return(item)
            else:
                await self.hang_up("transferred" if isinstance(item, TransferRequest) else "hung_up")
                self.ended.set()

    async def _return(self, mark: Mark) -> None:
        assert self._socket is not None
        await self._socket.send(self._stream.mark(mark.mark.name).decode())
