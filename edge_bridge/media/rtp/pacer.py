"""The one clock of all calls: a tick every 20 ms, from which each of them sends its packet.

Due times are a whole number of frames after the first, so that nothing drifts. A loop that was busy catches up with
packets sent back to back, up to a few; beyond that the time is lost, and timestamps say so.
"""

import asyncio
import time
from typing import Protocol

from edge_bridge.media.audio import FRAME_S
from process import logs

log = logs.get(__name__)

CATCH_UP_FRAMES = 3


class Ticked(Protocol):
    def tick(self, now: float, skipped: int) -> None:
        """20 ms are over, after ``skipped`` times 20 ms that nobody noticed."""


class Pacer:
    """Runs while it has something to tick."""

    def __init__(self) -> None:
        self._ticked: dict[Ticked, None] = {}  # in the order of their arrival
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._failed: set[Ticked] = set()

    def add(self, one: Ticked) -> None:
        self._ticked[one] = None
        if self._timer is None:
            self._due = time.monotonic() + FRAME_S
            self._schedule()

    def remove(self, one: Ticked) -> None:
        self._ticked.pop(one, None)
        self._failed.discard(one)
        if not self._ticked and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(self._due - time.monotonic(), 0.0), self._run)

    def _run(self) -> None:
        now, timer = time.monotonic(), self._timer
        missed = max(int((now - self._due) / FRAME_S), 0)
        skipped = missed if missed > CATCH_UP_FRAMES else 0
        for turn in range(1 if skipped else missed + 1):
            for one in tuple(self._ticked):
                try:
                    one.tick(now, 0 if turn else skipped)
                except Exception:
                    self._log_once(one)
        self._due += (missed + 1) * FRAME_S
        if self._timer is timer:  # nobody left last and came first meanwhile
            self._schedule()

    def _log_once(self, one: Ticked) -> None:
        """One call's failure is not the others', and 50 log lines a second help nobody."""
        if one not in self._failed:
            self._failed.add(one)
            log.exception("a call's frame was lost; further ones are not logged")
