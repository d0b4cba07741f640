"""The handlers: each dials its call's media WebSocket, hears the caller, and speaks half of the time.

What they say comes in messages of 100 ms, as a speech engine's does, one about every 200 ms: whenever one comes, the
one before has been played, so that its age at the phone is what the endpoint added to it.
"""

from __future__ import annotations

import asyncio
import random
import time

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.rtp import wire
from bench.rtp.phones import PRIORITY
from process.punctuality import make_punctual
from protocols import media

SAID_FRAMES = 5
SAY_EVERY_S = (0.18, 0.22)
SEED = 2


class Handler(WSListener):
    def __init__(self, window: wire.Window, samples: wire.HandlerSamples) -> None:
        self._window = window
        self._samples = samples
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        now = time.time_ns()
        message = media.decode_from_bridge(frame.get_payload_as_bytes())
        if isinstance(message, media.Media) and self._window.begin <= now / 1e9 < self._window.end:
            self._samples.heard(list(wire.ages_ms(message.media.payload, now)))


async def speak(handler: Handler, moments: random.Random) -> None:
    stream = media.HandlerStream("bench")
    while handler.transport is not None:
        await asyncio.sleep(moments.uniform(*SAY_EVERY_S))
        audio = wire.stamped() + wire.TONE * (SAID_FRAMES - 1)
        handler.transport.send(WSMsgType.TEXT, stream.media(audio))


async def run(window: wire.Window) -> wire.HandlerSamples:
    samples, moments = wire.HandlerSamples({}, {}), random.Random(SEED)
    tasks: list[asyncio.Task[None]] = []
    for call in window.calls:
        handler = Handler(window, samples)
        headers = {"Authorization": f"Bearer {call.token}"}
        await ws_connect(lambda handler=handler: handler, call.url, extra_headers=headers)
        tasks.append(asyncio.create_task(speak(handler, moments)))
    await asyncio.sleep(window.end - time.time())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return samples


def main() -> None:
    window = wire.read(wire.Window)
    make_punctual(PRIORITY)
    wire.tell(uvloop.run(run(window)))


if __name__ == "__main__":
    main()
