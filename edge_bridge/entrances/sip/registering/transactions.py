"""REGISTER's client transactions (RFC 3261, 17.1.2) over one socket on loopback, through the gate.

Beyond the RFC's timers: of all that wait for one address, the oldest is repeated every PROBE_S, and as soon as that
address is heard again the others are repeated at once. So a registrar that was away has its lines back within a second
or two, and is asked little by a thousand lines while it is away.
"""

import asyncio
import math
import secrets
import socket
from collections import deque
from dataclasses import dataclass, field

from edge_bridge.entrances.sip.gate.message import BadMessage, Message, Via, parse
from edge_bridge.entrances.sip.gate.proxying import LOOPBACK
from edge_bridge.entrances.sip.registering.trunks import Target
from edge_bridge.entrances.sip.registering.windows import Window
from process import logs

log = logs.get(__name__)

T1_S, T2_S = 0.5, 4.0
TIMER_F_S = 64 * T1_S
PROBE_S = 1.0
SILENT_AFTER = 3  # sent so often, 1.5 s long, and never heard

# What leaves in one go: the gate's socket holds about ninety such requests before it drops any.
BURST = 16
BURST_EVERY_S = 0.004
AT_ONCE = 64  # read in one go
MAX_DATAGRAM = 65_535
RECEIVE_BUFFER = 1 << 20


@dataclass(slots=True, eq=False)
class _Open:
    """A request that is not answered yet."""

    data: bytes
    method: str
    target: Target
    within_s: float
    answer: asyncio.Future[Message]
    times: int = 0
    proceeding: bool = False
    timer: asyncio.TimerHandle | None = None
    sent_at: float = 0.0  # of the loop's clock, first
    until: float = 0.0
    is_late: bool = False  # it was repeated although others had their answers meanwhile

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True)
class _Path:
    """To one address: what waits for it, the oldest first."""

    waiting: dict[str, _Open] = field(default_factory=dict)
    silent: bool = False
    heard_at: float = 0.0


class Transactions:
    """``open`` first. Responses are only taken from the gate."""

    def __init__(self, gate_port: int) -> None:
        self._gate = (LOOPBACK, gate_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._paths: dict[Target, _Path] = {}
        self._open: dict[str, _Open] = {}  # by branch
        self._unsent: deque[_Open] = deque()
        self._bursts: asyncio.TimerHandle | None = None
        self.port = 0

    def open(self) -> None:
        """Raises OSError."""
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind((LOOPBACK, 0))
        self.port = int(self._socket.getsockname()[1])
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        if self.port:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        if self._bursts is not None:
            self._bursts.cancel()
        for waiting in list(self._open.values()):
            waiting.stop_timer()
            waiting.answer.cancel()
        self._socket.close()

    async def ask(
        self, request: Message, target: Target, window: Window, within_s: float = TIMER_F_S
    ) -> Message | None:
        """Send ``request``, whose Via is made here, and give its final response; None when none came in that time.

        ``window`` is told how late the answer was."""
        branch = f"z9hG4bK{secrets.token_hex(12)}"
        request.vias = [Via("UDP", LOOPBACK, self.port, {"rport": None, "branch": branch})]
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        made = _Open(request.render(), request.method, target, within_s, answer)
        path = self._paths.setdefault(target, _Path())
        self._open[branch] = path.waiting[branch] = made
        self._send(made)
        try:
            response = await answer
        except TimeoutError:
            return None
        else:
            now = asyncio.get_running_loop().time()
            if made.is_late or made.times == 1:  # of one that was repeated in vain, nobody knows how late it is
                window.answered(math.inf if made.is_late else now - made.sent_at, made.sent_at, now)
            return response
        finally:
            made.stop_timer()
            del self._open[branch], path.waiting[branch]
            if not path.waiting:
                self._paths.pop(target, None)
            elif path.silent:
                self._probe_soon(path)

    # --- Sending ---------------------------------------------------------------------------------------------

    def _send(self, request: _Open) -> None:
        self._unsent.append(request)
        if self._bursts is None:
            self._burst()

    def _burst(self) -> None:
        self._bursts = None
        for _ in range(min(BURST, len(self._unsent))):
            request = self._unsent.popleft()
            if not request.answer.done():
                self._send_now(request)
        if self._unsent:
            self._bursts = asyncio.get_running_loop().call_later(BURST_EVERY_S, self._burst)

    def _send_now(self, request: _Open) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        request.stop_timer()
        if not request.times:
            request.sent_at, request.until = now, now + request.within_s
        request.times += 1
        try:
            self._socket.sendto(request.data, self._gate)
        except OSError as error:  # as good as lost on the way: it is repeated
            log.debug("a REGISTER was not sent", why=type(error).__name__)
        path = self._paths[request.target]
        if request.times >= SILENT_AFTER and path.heard_at < request.sent_at:
            path.silent = True
        pause = T2_S if request.proceeding else min(T1_S * 2 ** (request.times - 1), T2_S)
        if next(iter(path.waiting.values())) is request:
            pause = min(pause, PROBE_S)
        request.timer = loop.call_later(min(pause, max(request.until - now, 0.0)), self._timer, request)

    def _timer(self, request: _Open) -> None:
        request.timer = None
        if asyncio.get_running_loop().time() < request.until - 0.001:
            request.is_late = request.is_late or self._paths[request.target].heard_at > request.sent_at
            self._send(request)
        elif not request.answer.done():
            request.answer.set_exception(TimeoutError())

    def _probe_soon(self, path: _Path) -> None:
        """The oldest is another one now, and may be between two long pauses."""
        oldest = next(iter(path.waiting.values()))
        if oldest.timer is not None and not oldest.answer.done():
            loop = asyncio.get_running_loop()
            due = min(oldest.timer.when(), loop.time() + PROBE_S)
            oldest.stop_timer()
            oldest.timer = loop.call_at(due, self._timer, oldest)

    # --- Hearing ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data, source = self._socket.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of something sent before: the gate is being started again
                continue
            if source[:2] == self._gate:
                self._heard(data)

    def _heard(self, data: bytes) -> None:
        try:
            message = parse(data)
        except BadMessage as bad:
            log.debug("a malformed answer to REGISTER was dropped", why=bad.args[0])
            return
        request = self._open.get(message.vias[0].branch)
        if not message.status or request is None or message.sequence_method != request.method:
            return  # a repeated answer, or a request: there is nobody here to take one
        path = self._paths[request.target]
        if message.status >= 200 and not request.answer.done():
            request.answer.set_result(message)
        request.proceeding = True
        path.heard_at = asyncio.get_running_loop().time()
        if path.silent:
            path.silent = False
            for waiting in path.waiting.values():
                if waiting.times > 1 and not waiting.answer.done():
                    waiting.stop_timer()
                    self._send(waiting)
