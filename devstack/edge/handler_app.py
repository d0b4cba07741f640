"""A call handler that does what a test says, over the real wire: HTTP in, NDJSON and a WebSocket back."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from domain.calls import Outcome
from eventing import cloudevents
from eventing.catalogue import CallIncoming
from protocols import call_lane, media

Behaviour = Callable[["HandledCall"], Awaitable[None]]


class HandledCall:
    """One POST. ``heard`` is the caller's audio since the media socket was joined."""

    def __init__(self, event: CallIncoming, response: web.StreamResponse, http: aiohttp.ClientSession) -> None:
        self.event = event
        self.traceparent = ""  # of the request
        self.heard = bytearray()
        self.timestamps: list[int] = []
        self.marks: list[str] = []
        self.digits: list[str] = []
        self.start: dict[str, Any] = {}
        self.stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.transfer_failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.joined = asyncio.Event()
        self.marked = asyncio.Event()
        self.heard_by_caller = asyncio.Event()  # for the test to say
        self._response = response
        self._http = http
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._stream = media.HandlerStream("")
        self._reading: asyncio.Task[None] | None = None

    async def line(self, line: call_lane.LaneLine) -> None:
        await self._response.write(call_lane.encode(line))

    async def accept(self) -> None:
        await self.line(call_lane.AcceptedLine(f"pod-{self.event.attempt}", self.event.attempt))

    async def join(self) -> None:
        """Accept, join the media socket, say so."""
        await self.accept()
        await self.dial()
        await self.line(call_lane.ConnectedLine())
        self.joined.set()

    async def end(self, outcome: Outcome, order_id: str | None = None) -> None:
        await self.line(call_lane.EndedLine(outcome, order_id))

    async def dial(self, token: str | None = None, url: str | None = None) -> None:
        """Raises aiohttp.WSServerHandshakeError when the bridge refuses."""
        headers = {"Authorization": f"Bearer {self.event.audio_stream_token if token is None else token}"}
        self._socket = await self._http.ws_connect(url or self.event.audio_stream_url, headers=headers)
        assert (await self._socket.receive_json())["event"] == "connected"
        self.start = (await self._socket.receive_json())["start"]
        self._stream = media.HandlerStream(self.start["streamSid"])
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self._take(media.decode_from_bridge(message.data))
        if not self.closed.done():
            self.closed.set_result(socket.close_code)

    def _take(self, message: media.FromBridge) -> None:
        match message:
            case media.Media():
                self.heard += message.media.payload
                self.timestamps.append(message.media.timestamp)
            case media.Mark():
                self.marks.append(message.mark.name)
                self.marked.set()
            case media.Dtmf():
                self.digits.append(message.dtmf.digit)
            case media.TransferFailed():
                if not self.transfer_failed.done():
                    self.transfer_failed.set_result(message.transfer_failed.reason)
            case media.Stop():
                if not self.stopped.done():
                    self.stopped.set_result(message.stop.reason)

    async def play(self, ulaw: bytes) -> None:
        await self.send(self._stream.media(ulaw))

    async def mark(self, name: str) -> None:
        await self.send(self._stream.mark(name))

    async def clear(self) -> None:
        await self.send(self._stream.clear())

    async def hang_up(self) -> None:
        await self.send(self._stream.hangup("done"))

    async def transfer(self, target: str, mode: media.TransferMode = "auto") -> None:
        await self.send(self._stream.transfer(target, "asked for a human", mode))

    async def whisper(self, ulaw: bytes) -> None:
        await self.send(self._stream.whisper(ulaw))

    async def hold(self, on: bool) -> None:
        await self.send(self._stream.hold(on))

    async def send(self, message: bytes) -> None:
        assert self._socket is not None
        await self._socket.send_str(message.decode())

    def freeze(self) -> None:
        """Keep the media socket open and take nothing from it, not even a ping."""
        assert self._reading is not None
        self._reading.cancel()

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


async def serve_to_the_end(call: HandledCall) -> None:
    """An ordinary handler: joins, waits for the caller to hang up, says so."""
    await call.join()
    await call.stopped
    await call.end("answered")


class HandlerApp:
    """Listens on the sink's port. ``behave`` is called for each POST; ``calls`` keeps them."""

    def __init__(self, port: int) -> None:
        self.behave: Behaviour = serve_to_the_end
        self.refusals: list[int] = []  # statuses to answer the next POSTs with
        self.calls: list[HandledCall] = []
        self.attempts: list[int] = []
        self.costs: list[tuple[str, int]] = []
        self._port = port
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def __aenter__(self) -> "HandlerApp":
        app = web.Application()
        app.router.add_post("/", self._post)
        app.router.add_post("/runtime/pods/{name}/deletion-cost", self._cost)
        self._http = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._http is not None
        for call in self.calls:
            await call.close()
        await self._runner.cleanup()
        await self._http.close()

    async def call(self, number: int, within_s: float = 45.0) -> HandledCall:
        """The ``number``-th POST that was taken, from 1. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while len(self.calls) < number:
                await asyncio.sleep(0.01)
        return self.calls[number - 1]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        event = cloudevents.parse(request.headers, await request.read())
        incoming = event.payload()
        assert isinstance(incoming, CallIncoming)
        self.attempts.append(incoming.attempt)
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        response = web.StreamResponse(headers={"content-type": call_lane.CONTENT_TYPE})
        try:
            await response.prepare(request)
        except ConnectionError:  # the caller hung up meanwhile
            return response
        assert self._http is not None
        call = HandledCall(incoming, response, self._http)
        call.traceparent = request.headers.get("traceparent", "")
        self.calls.append(call)
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self.behave(call)
        await call.close()
        return response

    async def _cost(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.costs.append((request.match_info["name"], msgspec.convert(body["cost"], int)))
        return web.Response(status=204)
