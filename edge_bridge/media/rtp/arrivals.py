"""Reads the sockets of all calls of an event loop.

A wakeup for each packet is what a call's audio costs most, once there are many: 60 calls are 3,000 a second, each with
caches that another process has emptied. So with many calls what has arrived is read every 4 ms, all of it in one go,
which takes a quarter off a call's cost and adds 2 ms to the way of its audio. With few calls each packet is read as it
arrives.
"""

import asyncio
import os
import select
import time
from collections.abc import Callable
from typing import ClassVar

from edge_bridge.media.rtp import timers

GATHER_S = 0.004  # a fifth of a frame: every fifth time is a frame's, too
MANY_SOCKETS = 16  # two a call
MOST_ROUNDS = 8  # so many packets of one socket before others get their turn

Read = Callable[[float], None]


class Arrivals:
    """``add``'s callback reads one datagram; it is given the time, in seconds of the monotonic clock."""

    _of_loops: ClassVar[dict[asyncio.AbstractEventLoop, "Arrivals"]] = {}

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reads: dict[int, Read] = {}
        self._epoll: select.epoll | None = None
        self._timer = -1  # while there are many

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "Arrivals":
        """The one of this loop, for as long as it has a socket: add one at once."""
        found = cls._of_loops.get(loop)
        if found is None:
            found = cls._of_loops[loop] = cls(loop)
        return found

    def add(self, descriptor: int, read: Read) -> None:
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._run)
        self._reads[descriptor] = read
        self._epoll.register(descriptor, select.EPOLLIN)
        if self._timer < 0 and len(self._reads) >= MANY_SOCKETS:
            self._loop.remove_reader(self._epoll.fileno())
            self._timer = timers.periodic(GATHER_S)
            self._loop.add_reader(self._timer, self._gather)

    def remove(self, descriptor: int) -> None:
        del self._reads[descriptor]
        epoll = self._epoll
        if epoll is None:
            return
        epoll.unregister(descriptor)
        if self._timer >= 0 and len(self._reads) < MANY_SOCKETS:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = -1
            self._loop.add_reader(epoll.fileno(), self._run)
        if not self._reads:
            self._loop.remove_reader(epoll.fileno())
            epoll.close()
            self._epoll = None
            self._of_loops.pop(self._loop, None)

    def _gather(self) -> None:
        if timers.times_over(self._timer):
            self._run()

    def _run(self) -> None:
        now, reads = time.monotonic(), self._reads
        for _ in range(MOST_ROUNDS if self._timer >= 0 else 1):
            epoll = self._epoll
            ready = () if epoll is None else epoll.poll(0)
            for descriptor, _ in ready:
                read = reads.get(descriptor)  # None: closed by what was read before it
                if read is not None:
                    self._read(read, now)
            if not ready:
                return

    def _read(self, read: Read, now: float) -> None:
        try:
            read(now)
        except Exception as error:  # one call's failure is not the others'
            self._loop.call_exception_handler({"message": "a call's packet was lost", "exception": error})
