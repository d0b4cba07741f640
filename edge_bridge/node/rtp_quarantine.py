"""Keeps RTP ports that an earlier worker's callers may still send to from the next worker.

A phone whose bridge died is not hung up and talks on. pjsip takes audio from any sender, so that on the next call at
that port another caller would be heard, and order. pjsip takes the next port that it can bind: what is bound here, it
passes over.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Collection, Iterable

from edge_bridge.entrances.sip.signals import RTP_PORTS
from process import logs

log = logs.get(__name__)

LISTEN_S = 0.2  # ten packets of a phone that talks
QUIET_S = 60.0
LOOK_EVERY_S = 1.0
MOST = 12  # of 21: three dead workers' calls; the rest is for the next one
PACKETS_AT_ONCE = 500


class RtpQuarantine:
    """``first`` is the range's first port; each RTP port is followed by that of its RTCP."""

    def __init__(self, host: str, first: int, *, quiet_s: float = QUIET_S) -> None:
        self._host = host
        self._quiet_s = quiet_s
        self._range = range(first, first + RTP_PORTS + 1, 2)
        self._bound: dict[int, socket.socket] = {}
        self._since: dict[int, float] = {}  # the last packet, or the death

    async def listen(self, used: Collection[int]) -> None:
        """While no worker runs: keep the ``used`` ports, and those at which something arrives within LISTEN_S."""
        for port in self._range:
            if port not in self._bound:
                with contextlib.suppress(OSError):  # another program's
                    self._bound[port] = self._bind(port)
        await asyncio.sleep(LISTEN_S)
        now = time.monotonic()
        self._since |= dict.fromkeys(self._bound.keys() & {*used, *self._heard()}, now)
        # Beyond MOST the longest quiet ones go.
        kept = sorted(self._since, key=self._since.__getitem__, reverse=True)[:MOST]
        self._release(self._bound.keys() - set(kept))
        if kept:
            log.warning("RTP ports are kept from the next worker: phones may still send to them", ports=len(kept))

    async def run(self) -> None:
        """Release what has been quiet for ``quiet_s``, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            self._since |= dict.fromkeys(self._since.keys() & self._heard(), now)
            self._release([port for port, since in self._since.items() if now - since > self._quiet_s])

    def close(self) -> None:
        self._release(list(self._bound))

    def _bind(self, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        return bound

    def _heard(self) -> set[int]:
        """The ports at which something has arrived since the last look."""
        heard = set()
        for port, bound in self._bound.items():
            with contextlib.suppress(OSError):
                for _ in range(PACKETS_AT_ONCE):
                    bound.recv(1)
                    heard.add(port)
        return heard

    def _release(self, ports: Iterable[int]) -> None:
        for port in list(ports):
            self._bound.pop(port).close()
            self._since.pop(port, None)
