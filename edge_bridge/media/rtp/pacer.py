"""The one clock of all calls: a tick every 20 ms, from which each of them sends its packet.

It is the kernel's timer (timerfd), which keeps its own pace to the microsecond: an event loop's is rounded to a
millisecond, and a listener's jitter buffer sees it. A loop that was busy catches up with packets sent back to back, up
to a few; beyond that the time is lost, and timestamps say so.
"""

import asyncio
import ctypes
import os
import sys
import time
from typing import Protocol

from process import logs

log = logs.get(__name__)

FRAME_S = 0.02
CATCH_UP_FRAMES = 3


class Ticked(Protocol):
    def tick(self, now: float, skipped: int) -> None:
        """20 ms are over, after ``skipped`` times 20 ms that nobody noticed."""


class _TimerSpec(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


def _frame_timer() -> int:
    """A descriptor that is readable once 20 ms are over: read, it gives how often they were. Python has these from
    3.13 on. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    frame_ns = int(FRAME_S * 1e9)
    spec = _TimerSpec(0, frame_ns, 0, frame_ns)
    if descriptor < 0 or libc.timerfd_settime(descriptor, 0, ctypes.byref(spec), None) < 0:
        raise OSError(ctypes.get_errno(), "no timer")
    return descriptor


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
            self._timer = _frame_timer()
            self._loop.add_reader(self._timer, self._run)

    def remove(self, one: Ticked) -> None:
        self._ticked.pop(one, None)
        self._failed.discard(one)
        if not self._ticked and self._loop is not None:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._loop = None

    def _run(self) -> None:
        try:
            missed = int.from_bytes(os.read(self._timer, 8), sys.byteorder) - 1
        except BlockingIOError:
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
