"""What the session and its supervisor tell each other, and over what: one socket pair, one msgpack message a packet.

A report comes each second. What the session holds comes at once, and before the caller hears of it: a packet that was
sent is read also when its sender was killed, so the supervisor knows the calls of a dead session. It keeps their RTP
sockets, too: no port is closed under a caller who talks.

The pair's end is the news that matters most: a session whose supervisor is gone leaves too, so that nothing survives.

``Watches`` looks every few seconds at what the session needs around it (Postgres, Redis, the sink) for the report.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from edge_bridge.entrances.sip.gate import ipc
from process import logs
from stores.live import LiveCall

log = logs.get(__name__)

REPORT_EVERY_S = 1.0
HURRIED_REPORT_EVERY_S = 0.2  # while something is missing, such as at start
MAX_PACKET = 192 * 1024  # below the kernel's usual wmem_max, which bounds one packet
MOST_DESCRIPTORS = 2
PACKETS_AT_ONCE = 64  # then the loop has its turn
CHECK_EVERY_S = 5.0
CHECK_WITHIN_S = 3.0

Check = Callable[[], Awaitable[object]]


# --- From the session --------------------------------------------------------------------------------------------


class Report(msgspec.Struct, frozen=True, tag="report"):
    """What the session is doing. ``missing`` names what it waits for, as in ``process.health``; ``rtp_ports``
    are those that phones may still send to when it dies.
    """

    calls: int = 0
    missing: dict[str, str] = {}
    registered: tuple[str, ...] = ()
    metrics: str = ""
    rtp_ports: tuple[int, ...] = ()


class CallHeld(msgspec.Struct, frozen=True, tag="held"):
    """A call is being taken, or has got further; its caller sends audio to ``rtp_port``.

    ``progress`` is what the next session needs to go on with it, b"" for a call that ends with this one. The sockets
    of RTP and RTCP come with the first of a call's messages that has some.
    """

    call: LiveCall
    rtp_port: int = 0
    progress: bytes = b""


class CallLeft(msgspec.Struct, frozen=True, tag="left"):
    """A call is over, and that is written."""

    call_id: str


class CallLost(msgspec.Struct, frozen=True, tag="lost"):
    """A call that was to be adopted cannot go on."""

    call_id: str


class Leaving(msgspec.Struct, frozen=True, tag="leaving"):
    """The session's exit status, as its parent is not the supervisor."""

    status: int


class RegistersFrom(msgspec.Struct, frozen=True, tag="registers"):
    """The session's REGISTERs come to the gate from this port on loopback."""

    port: int


# ``ipc.Lines`` is for the gate: what it judges INVITEs by.
FromSession = Report | CallHeld | CallLeft | CallLost | Leaving | RegistersFrom | ipc.Lines


# --- From the supervisor -----------------------------------------------------------------------------------------


class SignallerUp(msgspec.Struct, frozen=True, tag="signaller"):
    """Signaller ``number`` takes SIP at ``port``; the session's end of its link comes with this."""

    number: int
    port: int


class Adopt(msgspec.Struct, frozen=True, tag="adopt"):
    """A call of the session before, with the sockets of its RTP and RTCP."""

    call: LiveCall
    rtp_port: int
    progress: bytes


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """Take no new calls, and end when those that go on are over."""


ToSession = ipc.News | SignallerUp | Adopt | Drain

encode = msgspec.msgpack.Encoder().encode
from_session: "msgspec.msgpack.Decoder[FromSession]" = msgspec.msgpack.Decoder(FromSession)
_to_session: "msgspec.msgpack.Decoder[ToSession]" = msgspec.msgpack.Decoder(ToSession)


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the session's; neither blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_PACKET)
        end.setblocking(False)
    return ends


class Packets:
    """An end of a pair. What does not fit at once waits its turn; descriptors are copied until then."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, tuple[int, ...]]] = deque()

    @property
    def is_behind(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def read(self, took: Callable[[bytes, list[int]], None], gone: Callable[[], None]) -> None:
        """Hand each packet and its descriptors to ``took``; ``gone`` is called once, at the end of them."""
        read(self._end, took, gone)

    def send(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        self._waiting.append((packet, tuple(os.dup(one) for one in descriptors)))
        if len(self._waiting) == 1:
            self._send_waiting()

    def _send_waiting(self) -> None:
        self._loop.remove_writer(self._end.fileno())
        while self._waiting:
            packet, descriptors = self._waiting[0]
            try:
                send(self._end, packet, descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._end.fileno(), self._send_waiting)
                return
            except OSError:  # dead; its end is read soon
                pass
            self._waiting.popleft()
            _close(descriptors)

    def close(self) -> None:
        if self._end.fileno() < 0:
            return
        self._loop.remove_writer(self._end.fileno())
        self._loop.remove_reader(self._end.fileno())
        while self._waiting:
            _close(self._waiting.popleft()[1])
        self._end.close()


def read(end: socket.socket, took: Callable[[bytes, list[int]], None], gone: Callable[[], None]) -> None:
    """Have the loop hand each packet and its descriptors to ``took``; ``gone`` is called once, at the end of them."""
    loop = asyncio.get_running_loop()
    number = end.fileno()

    def readable() -> None:
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet, descriptors, _, _ = socket.recv_fds(end, MAX_PACKET, MOST_DESCRIPTORS)
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:
                loop.remove_reader(number)
                gone()
                return
            try:
                took(packet, descriptors)
            except msgspec.DecodeError:
                log.exception("a message of another version")

    loop.add_reader(number, readable)


def send(end: socket.socket, packet: bytes, descriptors: Sequence[int]) -> None:
    """Raises OSError, BlockingIOError when it does not fit."""
    if descriptors:
        socket.send_fds(end, [packet], list(descriptors))
    else:
        end.send(packet)


def _close(descriptors: Sequence[int]) -> None:
    for one in descriptors:
        os.close(one)


class SessionEnd:
    """The session's side, on an inherited descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.socket = socket.socket(fileno=descriptor)
        self.socket.setblocking(False)
        self._packets = Packets(self.socket)

    def send(self, message: FromSession, descriptors: Sequence[int] = ()) -> bool:
        """Never waits. What is said of calls reaches a supervisor that was frozen when it reads again; the rest is
        dropped where it does not fit: False.
        """
        if self._packets.is_behind and isinstance(message, Report | ipc.Lines):
            return False
        self._packets.send(encode(message), descriptors)
        return True

    def read(self, told: Callable[[ToSession, list[int]], None]) -> None:
        """Hand on what the supervisor says, until it is gone."""
        read(self.socket, lambda packet, descriptors: told(_to_session.decode(packet), descriptors), lambda: None)


class CallKeeper:
    """The supervisor, to the session's calls."""

    def __init__(self, end: SessionEnd) -> None:
        self._end = end

    def held(self, call: LiveCall, rtp_port: int, progress: bytes, descriptors: Sequence[int]) -> None:
        self._end.send(CallHeld(call, rtp_port, progress), descriptors)

    def left(self, call_id: str) -> None:
        self._end.send(CallLeft(call_id))

    def lost(self, call_id: str) -> None:
        self._end.send(CallLost(call_id))


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
