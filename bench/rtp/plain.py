"""The yardstick: the same work as anybody would write it with asyncio, and nothing that a call in the world needs.

A datagram protocol, a deque and a task for each call. No jitter buffer, no check of who sends, no RTCP, no keys, no
refilling of what is lost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
from collections import deque
from functools import partial
from typing import Any, cast

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.rtp import wire
from process.punctuality import AUDIO_PRIORITY, make_punctual

SILENCE = b"\xff" * wire.FRAME_BYTES
_HEADER = struct.Struct(">BBHII")


class Endpoint(asyncio.DatagramProtocol, WSListener):
    """One call; its phone on one side, its handler on the other."""

    def __init__(self, phone: tuple[str, int]) -> None:
        self.phone = phone
        self.rtp: asyncio.DatagramTransport | None = None
        self.handler: WSTransport | None = None
        self.to_play: deque[bytes] = deque()
        self.timestamp = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.rtp = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _: tuple[str | Any, int]) -> None:
        if self.handler is None:
            return
        timestamp = _HEADER.unpack_from(data)[3]
        payload = base64.b64encode(data[_HEADER.size :]).decode()
        message = {"event": "media", "media": {"timestamp": str(timestamp // 8), "payload": payload}}
        self.handler.send(WSMsgType.TEXT, json.dumps(message).encode())

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.handler = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        message = json.loads(frame.get_payload_as_bytes())
        if message["event"] == "media":
            audio = base64.b64decode(message["media"]["payload"])
            for at in range(0, len(audio), wire.FRAME_BYTES):
                self.to_play.append(audio[at : at + wire.FRAME_BYTES])

    async def send_audio(self) -> None:
        loop = asyncio.get_running_loop()
        due, sequence = loop.time(), 0
        while True:
            due, sequence = due + wire.FRAME_S, sequence + 1
            await asyncio.sleep(due - loop.time())
            header = _HEADER.pack(0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, 1)
            if self.rtp is not None:
                self.rtp.sendto(header + (self.to_play.popleft() if self.to_play else SILENCE), self.phone)


async def serve() -> None:
    endpoints: dict[str, Endpoint] = {}
    server = await ws_create_server(_listener(endpoints), wire.HOST, 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    wire.tell("ready")
    ports = await asyncio.to_thread(wire.read, list[int])
    calls: list[wire.Call] = []
    tasks: list[asyncio.Task[None]] = []
    for number, phone in enumerate(ports):
        endpoint = endpoints[f"/{number}"] = Endpoint((wire.HOST, phone))
        transport, _ = await loop.create_datagram_endpoint(partial(endpoints.__getitem__, f"/{number}"), (wire.HOST, 0))
        calls.append(wire.Call(transport.get_extra_info("sockname")[1], f"ws://{wire.HOST}:{port}/{number}", ""))
        tasks.append(asyncio.create_task(endpoint.send_audio()))
    wire.tell(calls)
    await asyncio.to_thread(sys.stdin.buffer.readline)  # until it is closed
    for task in tasks:
        task.cancel()


def _listener(endpoints: dict[str, Endpoint]) -> Any:
    def found(request: WSUpgradeRequest) -> WSListener:
        return endpoints[request.path.decode()]

    return found


def main() -> None:
    make_punctual(AUDIO_PRIORITY)
    uvloop.run(serve())  # a third cheaper than asyncio's own loop


if __name__ == "__main__":
    main()
