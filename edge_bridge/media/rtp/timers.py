"""Timers of the kernel's (timerfd), for what has to happen at a pace: an event loop's are rounded to a millisecond, and
a listener's jitter buffer would see it.

Those of one process go off together where their paces meet, so that it is woken once; those of several processes don't.
"""

import ctypes
import os
import secrets
import sys
import time

_PHASE_NS = secrets.randbelow(1_000_000_000)


class _TimerSpec(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


def periodic(every_s: float) -> int:
    """A descriptor that is readable once so many seconds (less than one) are over. Raises OSError.

    Python has these of its own from 3.13 on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    every_ns = int(every_s * 1e9)
    # From now on, and not at a moment: where time is shifted for a test, the library that does it knows no other.
    first_ns = every_ns - (time.monotonic_ns() - _PHASE_NS) % every_ns
    spec = _TimerSpec(0, every_ns, 0, first_ns)
    if descriptor < 0 or libc.timerfd_settime(descriptor, 0, ctypes.byref(spec), None) < 0:
        raise OSError(ctypes.get_errno(), "no timer")
    return descriptor


def times_over(descriptor: int) -> int:
    """How often its time was over since it was last asked."""
    try:
        return int.from_bytes(os.read(descriptor, 8), sys.byteorder)
    except BlockingIOError:
        return 0
