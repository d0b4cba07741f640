"""UDP ports for RTP, each with the next one for RTCP: random even ones, and never one that somebody still sends to.

A phone whose BYE was lost, or whose bridge died, talks on. So a port rests after its call, and before it is lent
again it is bound for a while and must stay quiet. That holds across restarts, too: a new session is told which ports
its predecessor had, and whatever else it lends has been listened to. Many short calls would use up the ports that
way; then those that have rested longest are used before their time.
"""

import contextlib
import random
import socket
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

REST_S = 30.0
REST_AT_LEAST_S = 3.0  # where every other port is in use: what rested longest is listened to, and lent
LISTEN_S = 0.3  # 15 packets of a phone that talks
READY_PAIRS = 32  # bound and listening: so many calls may begin within LISTEN_S
BIND_TRIES = 64


@dataclass(frozen=True, slots=True)
class PortPair:
    """Two bound sockets that do not block; ``port`` is RTP's."""

    port: int
    rtp: socket.socket
    rtcp: socket.socket
    bound_at: float

    @classmethod
    def of(cls, port: int, rtp: int, rtcp: int) -> "PortPair":
        """From the descriptors of another process's sockets."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in (rtp, rtcp)]
        for one in sockets:
            one.setblocking(False)
        return cls(port, sockets[0], sockets[1], bound_at=time.monotonic())

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()

    def is_quiet(self) -> bool:
        """Whether nothing has arrived since it was bound."""
        for one in (self.rtp, self.rtcp):
            with contextlib.suppress(BlockingIOError, ConnectionError):
                one.recv(1)
                return False
        return True


def bind_pair(host: str, port: int) -> PortPair:
    """Raises OSError when one of the two is taken."""
    sockets: list[socket.socket] = []
    try:
        for number in (port, port + 1):
            bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            sockets.append(bound)
            bound.setblocking(False)
            bound.bind((host, number))
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return PortPair(port, sockets[0], sockets[1], bound_at=time.monotonic())


class PortRange:
    """The ports from ``first`` to ``last`` at ``host``; SDP names them at ``public_host``."""

    def __init__(self, host: str, first: int, last: int, resting: Collection[int] = (), public_host: str = "") -> None:
        self._host = host
        self.public_host = public_host or host
        self._even = range(first + first % 2, last, 2)
        self._ready: deque[PortPair] = deque()
        self._lent: set[int] = set()
        until = time.monotonic() + REST_S
        self._resting = dict.fromkeys(resting, until)
        self.fill()

    def lend(self) -> PortPair | None:
        """A pair that is free, rested and quiet; None when there is none (yet)."""
        now = time.monotonic()
        lent = None
        while self._ready and lent is None and now - self._ready[0].bound_at >= LISTEN_S:
            pair = self._ready.popleft()
            if pair.is_quiet():
                lent = pair
                self._lent.add(pair.port)
            else:
                self._rest(pair)
        self.fill()
        return lent

    @property
    def is_listening(self) -> bool:
        """Whether pairs are bound that may be lent soon, within LISTEN_S if they stay quiet."""
        return bool(self._ready)

    def adopt(self, pair: PortPair) -> None:
        """One that another process has lent."""
        self._lent.add(pair.port)

    def give_back(self, pair: PortPair) -> None:
        """Nobody was told of it: the next one may have it."""
        self._lent.discard(pair.port)
        self._ready.appendleft(pair)

    def take_back(self, pair: PortPair) -> None:
        """Close it and let the port rest."""
        self._rest(pair)
        self._lent.discard(pair.port)

    def fill(self) -> None:
        """Bind pairs until enough of them are listening."""
        now = time.monotonic()
        for port, until in list(self._resting.items()):
            if until <= now:
                self._resting.pop(port, None)
        bound = {pair.port for pair in self._ready}
        for _ in range(BIND_TRIES):
            if len(self._ready) >= min(READY_PAIRS, len(self._even)):
                return
            port = random.choice(self._even)
            if port in bound or port in self._lent or port in self._resting:
                continue
            with contextlib.suppress(OSError):  # another program's
                self._ready.append(bind_pair(self._host, port))
                bound.add(port)
        if not self._ready:
            self._bind_longest_rested(now)

    def _bind_longest_rested(self, now: float) -> None:
        rested = [port for port, until in self._resting.items() if until - REST_S + REST_AT_LEAST_S <= now]
        for port in rested[:READY_PAIRS]:
            del self._resting[port]
            with contextlib.suppress(OSError):
                self._ready.append(bind_pair(self._host, port))

    def used(self) -> tuple[int, ...]:
        """The ports that somebody may send to: those of calls, and those at rest."""
        return (*self._lent, *self._resting)

    def close(self) -> None:
        while self._ready:
            self._ready.popleft().close()

    def _rest(self, pair: PortPair) -> None:
        pair.close()
        self._resting[pair.port] = time.monotonic() + REST_S
