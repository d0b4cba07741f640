"""The gate's two sockets: the public one, and the one on loopback that the workers talk to."""

import asyncio
import socket
import time
from collections.abc import Callable

from edge_bridge.entrances.sip.gate.dialogs import Address
from edge_bridge.entrances.sip.gate.figures import Figures
from edge_bridge.entrances.sip.gate.front import Front
from edge_bridge.entrances.sip.gate.names import Names
from edge_bridge.entrances.sip.gate.proxying import LOOPBACK
from process import logs

log = logs.get(__name__)

AT_ONCE = 64  # datagrams read in one go, before the other socket has its turn
MAX_DATAGRAM = 65_535

Received = Callable[[bytes, Address], None]


class Wires:
    """Nothing here waits. ``asks(host, now)`` is told whom a request goes to."""

    def __init__(
        self,
        public: socket.socket,
        inner: socket.socket,
        front: Front,
        figures: Figures,
        asks: Callable[[str, float], None],
    ) -> None:
        self.inner_port: int = inner.getsockname()[1]
        self._public, self._inner = public, inner
        self._front = front
        self._figures = figures
        self._asks = asks
        self._names = Names()

    def open(self, from_outside: Received, from_worker: Received) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        for bound, received in ((self._inner, from_worker), (self._public, from_outside)):
            bound.setblocking(False)
            loop.add_reader(bound.fileno(), self._read, bound, received)

    def answer(self, data: bytes, to: Address) -> None:
        """To the outside."""
        self._send(data, self._front.way_back(to))

    def ask(self, host: str, port: int, data: bytes) -> None:
        """A request to the outside, to an address or a name."""
        way_out = self._front.way_out(data)
        if way_out is not None:
            self._send(data, way_out)
            return

        def send(address: str) -> None:
            self._asks(address, time.monotonic())
            self._send(data, (address, port))

        self._names.with_address(host, send)

    def to_worker(self, data: bytes, port: int) -> None:
        self._figures.forwarded += 1
        try:
            self._inner.sendto(data, (LOOPBACK, port))
        except OSError:
            self._figures.dropped["unsent"] += 1

    def _send(self, data: bytes, to: Address) -> None:
        try:
            self._public.sendto(data, to)
        except (OSError, OverflowError):
            self._figures.dropped["unsent"] += 1

    def _read(self, bound: socket.socket, received: Received) -> None:
        for _ in range(AT_ONCE):
            try:
                data, source = bound.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of something sent before
                continue
            try:
                received(data, source[:2])
            except Exception:
                self._figures.dropped["failed"] += 1
                log.exception("a SIP message was lost")
