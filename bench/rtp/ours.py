"""Our endpoint: the stream, the pacer and the media server of the bridge, without SIP around them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Iterator

import uvloop

from bench.rtp import wire
from edge_bridge.media.audio import CallAudio
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.ports import PortPair, bind_pair
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.media.rtp.stream import RtpStream
from edge_bridge.media.server import MediaServer
from edge_bridge.media.stream import MediaStream
from process.punctuality import AUDIO_PRIORITY, make_punctual

PORTS = range(20_000, 60_000, 2)


class Owner:
    """Of a call whose handler only hears and speaks."""

    def stream_joined(self) -> None: ...

    def transfer_wanted(self, target: str, reason: str) -> None: ...

    def hold_wanted(self, on: bool) -> None: ...

    def prompt_wanted(self, name: str) -> None: ...

    def hangup_wanted(self, reason: str) -> None: ...


async def serve() -> None:
    server = MediaServer(wire.HOST)
    await server.start(wire.HOST, 0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as the worker has it
    wire.tell("ready")
    ports = await asyncio.to_thread(wire.read, list[int])
    pacer, pairs = Pacer(), _free_pairs()
    calls: list[wire.Call] = []
    for number, phone in enumerate(ports):
        pair = next(pairs)
        audio = CallAudio()
        stream = RtpStream(pair, audio, lambda _: None)
        stream.agree(
            Agreement("PCMU", 0, 101, (wire.HOST, phone), (wire.HOST, phone + 1), rtcp_mux=False, held=False),
            wire.HOST,
        )
        pacer.add(stream)
        call_id = f"bench-{number}"
        url, token = server.open_door(call_id, 1, MediaStream(call_id, audio, Owner()))
        calls.append(wire.Call(pair.port, url, token))
    wire.tell(calls)
    await asyncio.to_thread(sys.stdin.buffer.readline)  # until it is closed


def _free_pairs() -> Iterator[PortPair]:
    for port in PORTS:
        with contextlib.suppress(OSError):  # another program's
            yield bind_pair(wire.HOST, port)


def main() -> None:
    make_punctual(AUDIO_PRIORITY)
    uvloop.run(serve())


if __name__ == "__main__":
    main()
