"""How many REGISTERs are under way to one address: as many as it answers promptly, up to what is set.

A registrar that is busy answers late; were it asked by as many lines as ever, each would repeat itself after T1, and it
would be busier still. So a window grows with each prompt answer, and shrinks with each late one.
"""

import asyncio
from collections import deque

FIRST, LEAST = 32, 4
SHRINK = 0.6
PROMPT_S, LATE_S = 0.2, 0.35  # well before T1, when a request is repeated


class Window:
    """``most`` is its size at most."""

    def __init__(self, most: int) -> None:
        self.size = float(min(FIRST, most))
        self._most = most
        self._doubles = True  # with each round, until the first late answer: then by one
        self._shrunk_at = 0.0
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a place, in turn."""
        if self._taken < int(self.size) and not self._waiting:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        self._taken -= 1
        self._admit()

    def answered(self, after_s: float, sent_at: float, now: float) -> None:
        """A request was answered so late; ``math.inf`` for one that was repeated while others had their answers."""
        if after_s < PROMPT_S:
            self.size = min(self.size + (1.0 if self._doubles else 1.0 / self.size), self._most)
        elif after_s > LATE_S and sent_at > self._shrunk_at:  # the others of its round tell the same
            self._doubles, self._shrunk_at = False, now
            self.size = max(self.size * SHRINK, min(LEAST, self._most))
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < int(self.size):
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
