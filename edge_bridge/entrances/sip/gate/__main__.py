"""The gate's process: ``python -m edge_bridge.entrances.sip.gate CONTROL PUBLIC INNER [INNER_PORT ASKS_PORT]``: three
inherited descriptors, and Kamailio's ports on loopback where it stands before the gate.

Started by the supervisor only, which keeps all three open: what callers send while one gate follows another waits in
the socket. It leaves when it is told to, or when the supervisor is gone.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys

import msgspec
import uvloop

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.gate.front import Front, KamailioFront, OpenFront
from edge_bridge.entrances.sip.gate.gate import Gate
from edge_bridge.settings import EdgeSettings
from process import logs, settings, telemetry
from process.punctuality import SIGNALLING_PRIORITY, make_punctual

log = logs.get(__name__)

WORKERS_WORD_S = 0.5  # the workers hang up too, when their supervisor is gone
HUNG_UP_WITHIN_S = 1.5
POLL_S = 0.02


async def run(
    config: EdgeSettings, control: socket.socket, public: socket.socket, inner: socket.socket, front: Front
) -> None:
    def tell(message: ipc.FromGate) -> None:
        try:
            control.send(ipc.encode(message))
        except OSError as error:
            log.warning("the supervisor was not told", what=type(message).__name__, why=type(error).__name__)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: None)  # Ctrl-C reaches the whole group; calls may still drain
    gate = Gate(config, public, inner, front, tell)
    tidying = asyncio.create_task(gate.keep_tidy())
    control.setblocking(False)
    while True:
        try:
            packet = await loop.sock_recv(control, ipc.MAX_PACKET)
        except OSError:
            packet = b""
        if not packet:
            await asyncio.sleep(WORKERS_WORD_S)
            break
        message = ipc.for_gate(packet)
        if isinstance(message, ipc.Leave):
            break
        gate.told(message)
    gate.hang_up_all()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HUNG_UP_WITHIN_S):
            while gate.is_hanging_up:
                await asyncio.sleep(POLL_S)
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)


def main() -> None:
    logs.configure("edge-bridge-gate")
    telemetry.configure("edge-bridge")
    config = settings.load_or_exit(EdgeSettings)
    make_punctual(SIGNALLING_PRIORITY)
    control, public, inner = (socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:4])
    front: Front = OpenFront(config.own_address, public.getsockname()[1])
    if len(sys.argv) > 4:
        front = KamailioFront(config.own_address, config.sip_port, int(sys.argv[4]), int(sys.argv[5]))
    try:
        uvloop.run(run(config, control, public, inner, front))
    except msgspec.DecodeError:
        log.exception("the supervisor and the gate are of different versions")
        os._exit(1)


if __name__ == "__main__":
    main()
