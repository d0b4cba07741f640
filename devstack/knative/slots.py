"""Which pod takes the next request: at most ``capacity`` a pod, the rest waits in order of arrival."""

import asyncio
import contextlib
from collections import deque
from typing import Generic, Protocol, TypeVar

MAX_WAITING = 10_000
"""As the activator's own queue."""


class Endpoint(Protocol):
    """What the slots need of a pod."""

    in_flight: int

    def busy_changed(self) -> None: ...


E = TypeVar("E", bound=Endpoint)


class QueueFullError(Exception):
    """MAX_WAITING requests wait already."""


class Slots(Generic[E]):
    """``capacity`` 0 has no limit: requests spread over the pods by load."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._endpoints: list[E] = []
        self._waiting: deque[asyncio.Future[E]] = deque()

    @property
    def waiting(self) -> int:
        return sum(not waiter.done() for waiter in self._waiting)

    def add(self, endpoint: E) -> None:
        if endpoint not in self._endpoints:
            self._endpoints.append(endpoint)
            self._dispatch()

    def remove(self, endpoint: E) -> None:
        """No new requests; those in flight go on."""
        if endpoint in self._endpoints:
            self._endpoints.remove(endpoint)

    async def acquire(self) -> E:
        """A slot of a pod, in order of arrival. Raises QueueFullError. A cancelled wait leaves no trace."""
        if len(self._waiting) >= MAX_WAITING:
            raise QueueFullError
        waiter: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._dispatch()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(waiter)
            raise

    def release(self, endpoint: E) -> None:
        endpoint.in_flight -= 1
        if endpoint.in_flight == 0:
            endpoint.busy_changed()
        self._dispatch()

    def _dispatch(self) -> None:
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            free = [pod for pod in self._endpoints if not self._capacity or pod.in_flight < self._capacity]
            endpoint = min(free, key=lambda pod: pod.in_flight, default=None)  # the longest known among equals
            if endpoint is None:
                return
            endpoint.in_flight += 1
            if endpoint.in_flight == 1:
                endpoint.busy_changed()
            self._waiting.popleft().set_result(endpoint)
