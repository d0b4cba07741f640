"""What the worker tells its supervisor, and over what: one socket pair, one JSON message a packet.

A report comes each second. What the worker holds comes at once, and before the caller hears of it: a packet that was
sent is read also when its sender was killed, so the supervisor knows the calls of a dead worker.

The pair's end is the news that matters most: a worker whose supervisor is gone leaves too, so that nothing survives.
A thread watches for that, because the worker's event loop may be what is stuck.

``Watches`` looks every few seconds at what the worker needs around it (Postgres, Redis, the sink) for the report.
"""

import asyncio
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

from edge_bridge.entrances.sip.gate import ipc
from stores.live import LiveCall

REPORT_EVERY_S = 1.0
HURRIED_REPORT_EVERY_S = 0.2  # while something is missing, such as at start
MAX_REPORT_BYTES = 128 * 1024
FORCED_EXIT_S = 4.0
FORCED_STATUS = 9
CHECK_EVERY_S = 5.0
CHECK_WITHIN_S = 3.0

Check = Callable[[], Awaitable[object]]


class Report(msgspec.Struct, frozen=True, tag="report"):
    """What the worker is doing. ``missing`` names what it waits for, as in ``process.health``; ``rtp_ports``
    are those that phones may still send to when it dies.
    """

    calls: int = 0
    missing: dict[str, str] = {}
    registered: tuple[str, ...] = ()
    metrics: str = ""
    rtp_ports: tuple[int, ...] = ()


class CallHeld(msgspec.Struct, frozen=True, tag="held"):
    """A call is being taken; its caller will be told to send audio to ``rtp_port``."""

    call: LiveCall
    rtp_port: int


class CallLeft(msgspec.Struct, frozen=True, tag="left"):
    """A call is over, and that is written."""

    call_id: str


class SipOpen(msgspec.Struct, frozen=True, tag="open"):
    """The worker takes SIP from the gate at this port on loopback."""

    port: int


# ``ipc.Lines`` is for the gate: what it judges INVITEs by.
Message = Report | CallHeld | CallLeft | SipOpen | ipc.Lines

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_news_decoder: msgspec.json.Decoder[ipc.News] = msgspec.json.Decoder(ipc.News)


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the worker's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class WorkerEnd:
    """The worker's side, on an inherited descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def send(self, message: Message) -> bool:
        """From any thread. Never waits; False when the message did not fit, and is dropped."""
        try:
            self._socket.send(_encoder.encode(message))
        except OSError:
            return False
        return True

    async def read(self, told: Callable[[ipc.News], None]) -> None:
        """Hand on what the supervisor says, until it is gone."""
        await _read_packets(self._socket, lambda packet: told(_news_decoder.decode(packet)))

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


class CallKeeper:
    """The supervisor, to the worker's calls."""

    def __init__(self, end: WorkerEnd) -> None:
        self._end = end

    def held(self, call: LiveCall, rtp_port: int) -> None:
        self._end.send(CallHeld(call, rtp_port))

    def left(self, call_id: str) -> None:
        self._end.send(CallLeft(call_id))


async def read_messages(end: socket.socket, told: Callable[[Message], None]) -> None:
    """The supervisor's side: hand on each message until the worker closes its end, or is dead."""
    end.setblocking(False)
    await _read_packets(end, lambda packet: told(_decoder.decode(packet)))


def tell_worker(end: socket.socket, news: ipc.News) -> bool:
    """The supervisor's side. Never waits; False when it cannot be told."""
    try:
        end.send(_encoder.encode(news))
    except OSError:
        return False
    return True


async def _read_packets(end: socket.socket, took: Callable[[bytes], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            packet = await loop.sock_recv(end, MAX_REPORT_BYTES)
        except OSError:
            return
        if not packet:
            return
        with contextlib.suppress(msgspec.DecodeError):
            took(packet)


class Watches:
    """``missing`` says in words what did not answer at the last look; everything is missing before the first."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks
        self.missing = dict.fromkeys(checks, "not reached yet")

    async def run(self) -> None:
        """Until cancelled."""

        async def look(name: str, check: Check) -> None:
            try:
                await asyncio.wait_for(check(), CHECK_WITHIN_S)
            except TimeoutError:
                self.missing[name] = f"no answer within {CHECK_WITHIN_S:g} s"
            except Exception as error:  # whatever it is, it is reported and looked at again
                self.missing[name] = f"{type(error).__name__}: {error}"
            else:
                self.missing.pop(name, None)

        while True:
            await asyncio.gather(*(look(name, check) for name, check in self._checks.items()))
            await asyncio.sleep(CHECK_EVERY_S if not self.missing else 1.0)


def reachable(url: str) -> Check:
    """A TCP connection to the URL's host: asks nothing, so it starts no pod."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    async def check() -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return check
