"""The lines of one call's lane, for as long as the call's task runs."""

import asyncio
from collections.abc import AsyncIterator

from protocols.call_lane import ALIVE_EVERY_S, AcceptedLine, AliveLine, ConnectedLine, EndedLine, encode


class CallLane:
    """``connected`` and ``ended`` are set by the call's task; a task that ends without ``ended`` lost the call."""

    def __init__(self, worker: str, attempt: int, alive_every_s: float = ALIVE_EVERY_S) -> None:
        self.connected = asyncio.Event()
        self.ended: EndedLine | None = None
        self._accepted = AcceptedLine(worker, attempt)
        self._alive_every_s = alive_every_s
        self._slowest_ms = 0

    def answered(self, seconds: float) -> None:
        """The model has answered, so long after the caller's last word."""
        self._slowest_ms = max(self._slowest_ms, round(seconds * 1000))

    async def lines(self, call: asyncio.Task[None]) -> AsyncIterator[bytes]:
        """``accepted`` at once, ``connected`` at most once, ``alive`` in between, ``ended`` last or never."""
        yield encode(self._accepted)
        joined = asyncio.create_task(self.connected.wait())
        try:
            waiting: set[asyncio.Task[object]] = {call, joined}
            while not call.done():
                done, _ = await asyncio.wait(waiting, timeout=self._alive_every_s, return_when=asyncio.FIRST_COMPLETED)
                if joined in done:
                    waiting.discard(joined)
                    yield encode(ConnectedLine())
                elif not done:
                    alive, self._slowest_ms = AliveLine(self._slowest_ms), 0
                    yield encode(alive)
        finally:
            joined.cancel()
        if self.ended is not None:
            yield encode(self.ended)
