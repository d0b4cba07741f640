"""The line between supervisor and worker: one socket pair, one JSON report a packet, from the worker each second.

Its end is the news that matters most: a worker whose supervisor is gone leaves too, so that nothing survives. A
thread watches for that, because the worker's event loop may be what is stuck.
"""

import asyncio
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable

import msgspec

REPORT_EVERY_S = 1.0
HURRIED_REPORT_EVERY_S = 0.2  # while something is missing, such as at start
MAX_REPORT_BYTES = 128 * 1024
FORCED_EXIT_S = 4.0
FORCED_STATUS = 9


class Report(msgspec.Struct, frozen=True):
    """What the worker is doing. ``missing`` names what it waits for, as in ``process.health``."""

    calls: int = 0
    missing: dict[str, str] = {}
    registered: tuple[str, ...] = ()
    metrics: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Report)


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the worker's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class WorkerEnd:
    """The worker's side, on an inherited descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def send(self, report: Report) -> None:
        """Never waits; a report that does not fit is dropped."""
        with contextlib.suppress(OSError):
            self._socket.send(_encoder.encode(report))

    def when_supervisor_gone(self, stop: Callable[[], object]) -> None:
        """Call ``stop`` from a thread then, and end the process FORCED_EXIT_S later whatever happens."""

        def watch() -> None:
            poll = select.poll()
            poll.register(self._socket, select.POLLHUP | select.POLLERR)
            poll.poll()
            stop()
            time.sleep(FORCED_EXIT_S)
            os._exit(FORCED_STATUS)

        threading.Thread(target=watch, name="supervisor watch", daemon=True).start()


async def read_reports(end: socket.socket, told: Callable[[Report], None]) -> None:
    """The supervisor's side: hand on each report until the worker closes its end."""
    loop = asyncio.get_running_loop()
    end.setblocking(False)
    while True:
        try:
            packet = await loop.sock_recv(end, MAX_REPORT_BYTES)
        except OSError:
            return
        if not packet:
            return
        with contextlib.suppress(msgspec.DecodeError):
            told(_decoder.decode(packet))
