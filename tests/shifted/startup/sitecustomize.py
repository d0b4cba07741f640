"""Imported by every Python process of a shifted run, its children's too: this folder is on their PYTHONPATH.

CPython sleeps until a moment of the monotonic clock (``clock_nanosleep`` with ``TIMER_ABSTIME``). libfaketime 0.9.10
takes that moment for one of the wall clock and shifts it, though it leaves the monotonic clock alone, and the kernel
refuses what comes out: every ``time.sleep`` would be EINVAL. ``select`` waits for a duration, which stays as it is.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    select.select((), (), (), float(seconds))


time.sleep = _sleep
