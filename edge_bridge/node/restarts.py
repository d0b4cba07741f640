"""When a process that died is started again, and when one that lives is taken for dead."""

import asyncio
import time
from collections.abc import Callable

from process import logs

log = logs.get(__name__)

LOOPING_DEATHS = 3  # in a row
TICK_S = 1.0
# Every process says something each second. Longer than any stall of theirs that was seen, on two busy cores.
FROZEN_TICKS = 5
START_TICKS = 30  # until its first word


class Restarts:
    """The pauses before each new start: from ``first_s``, doubled up to ``longest_s``, and from ``first_s`` again after
    one that lived for ``healthy_after_s``.
    """

    def __init__(self, first_s: float, longest_s: float, healthy_after_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._healthy_after_s = healthy_after_s
        self._early_deaths = 0
        self._died_at = 0.0

    @property
    def is_looping(self) -> bool:
        """It keeps dying soon after its start."""
        return self._early_deaths >= LOOPING_DEATHS and time.monotonic() - self._died_at < self._longest_s

    def pause_s(self, lived_s: float) -> float:
        """After one more death."""
        if lived_s > self._healthy_after_s:
            self._early_deaths = 0
        pause = min(self._first_s * 2.0 ** min(self._early_deaths, 16), self._longest_s)
        self._early_deaths += 1
        self._died_at = time.monotonic()
        return pause


class Silence:
    """Counts our own ticks, not the clock: where all processes stood still together, none was silent."""

    def __init__(self) -> None:
        self._ticks = 0
        self._most = START_TICKS

    def heard(self) -> None:
        """It has said something."""
        self._ticks, self._most = 0, FROZEN_TICKS

    def is_too_long(self) -> bool:
        """One more tick without a word."""
        self._ticks += 1
        return self._ticks > self._most

    async def watch(self, what: str, kill: Callable[[], object]) -> None:
        """Kill it once it is silent for too long."""
        while True:
            await asyncio.sleep(TICK_S)
            if self.is_too_long():
                log.error("a process says nothing any more; killing it", process=what)
                kill()
                return
