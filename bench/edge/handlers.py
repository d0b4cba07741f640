"""The call handler's stand-in: takes every call, hears it, and speaks half of the time, as ``bench.rtp.handlers``."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import aiohttp
import uvloop
from aiohttp import web
from picows import WSTransport, ws_connect

from bench.rtp import wire
from bench.rtp.handlers import SEED, Handler, speak
from bench.rtp.phones import PRIORITY
from eventing import cloudevents
from eventing.catalogue import CallIncoming
from process.punctuality import make_punctual
from protocols import call_lane

READ_WITHIN_S = 0.2


class Joined(Handler):
    """Knows when its socket is gone."""

    def __init__(self, window: wire.Window, samples: wire.HandlerSamples) -> None:
        super().__init__(window, samples)
        self.gone = asyncio.Event()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.transport = None
        self.gone.set()


class Handlers:
    """``window`` and ``samples`` are those of all calls."""

    def __init__(self) -> None:
        self.window = wire.Window([], 0.0, 0.0)
        self.samples = wire.HandlerSamples({}, {})
        self._moments = random.Random(SEED)

    async def post(self, request: web.Request) -> web.StreamResponse:
        incoming = cloudevents.parse(request.headers, await request.read()).payload()
        assert isinstance(incoming, CallIncoming)
        response = web.StreamResponse(headers={"content-type": call_lane.CONTENT_TYPE})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._serve(incoming, response)
        return response

    async def _serve(self, incoming: CallIncoming, response: web.StreamResponse) -> None:
        await response.write(call_lane.encode(call_lane.AcceptedLine("bench", incoming.attempt)))
        headers = {"Authorization": f"Bearer {incoming.audio_stream_token}"}
        _, handler = await ws_connect(
            lambda: Joined(self.window, self.samples), incoming.audio_stream_url, extra_headers=headers
        )
        assert isinstance(handler, Joined)
        await response.write(call_lane.encode(call_lane.ConnectedLine()))
        speaking = asyncio.create_task(speak(handler, self._moments))
        try:
            while not handler.gone.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(handler.gone.wait(), call_lane.ALIVE_EVERY_S)
                    break
                await response.write(call_lane.encode(call_lane.AliveLine()))
            await response.write(call_lane.encode(call_lane.EndedLine("answered")))
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def measure(self, window: wire.Window) -> None:
        """The handlers that are there read the same two objects."""
        self.samples.clear()
        self.window.begin, self.window.end = window.begin, window.end


async def serve() -> None:
    port = await asyncio.to_thread(wire.read, int)
    handlers, app = Handlers(), web.Application()
    app.router.add_post("/", handlers.post)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, wire.HOST, port).start()
    wire.tell("ready")
    while True:
        try:
            window = await asyncio.to_thread(wire.read, wire.Window)
        except EOFError:
            break
        handlers.measure(window)
        ends_in = window.end - time.time()
        await asyncio.sleep(max(0.0, ends_in) + READ_WITHIN_S)
        wire.tell(handlers.samples)
    await runner.cleanup()


if __name__ == "__main__":
    make_punctual(PRIORITY)
    uvloop.run(serve())
