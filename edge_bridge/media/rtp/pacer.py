"""The one clock of all calls: a tick every 20 ms, from which each of them sends its packet.

A loop that was busy catches up with packets sent back to back, up to a few; beyond that the time is lost, and
timestamps say so.
"""

import asyncio
import os
import time
from typing import Protocol

from edge_bridge.media.audio import FRAME_S
from edge_bridge.media.rtp import timers
from process import logs

log = logs.get(__name__)

CATCH_UP_FRAMES = 3


class Ticked(Protocol):
    def tick(self, now: float, skipped: int) -> None:
        """20 ms are over, after ``skipped`` times 20 ms that nobody noticed."""


# Not ``entrances.frames.FrameClock``, which has a timer for each call, of an event loop's whole milliseconds, and knows
# no ``skipped``: RTP has timestamps, and tells time that was lost from silence.
class Pacer:
    """Runs while it has something to tick."""

    def __init__(self) -> None:
        self._ticked: dict[Ticked, None] = {}  # in the order of their arrival
        self._timer = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed: set[Ticked] = set()

    def add(self, one: Ticked) -> None:
        self._ticked[one] = None
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._timer = timers.periodic(FRAME_S)
            self._loop.add_reader(self._timer, self._run)

    def remove(self, one: Ticked) -> None:
        self._ticked.pop(one, None)
        self._failed.discard(one)
        if not self._ticked and self._loop is not None:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._loop = None

    def _run(self) -> None:
        missed = timers.times_over(self._timer) - 1
        if missed < 0:
            return
        now = time.monotonic()
        skipped = missed if missed > CATCH_UP_FRAMES else 0
        for turn in range(1 if skipped else missed + 1):
            for one in tuple(self._ticked):
                try:
                    one.tick(now, 0 if turn else skipped)
                except Exception:
                    self._log_once(one)

    def _log_once(self, one: Ticked) -> None:
        """One call's failure is not the others', and 50 log lines a second help nobody."""
        if one not in self._failed:
            self._failed.add(one)
            log.exception("a call's frame was lost; further ones are not logged")
