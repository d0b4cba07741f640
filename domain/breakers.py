"""The breaker of a place that is told things: after so many failures in a row nothing is tried there for a while, then
one thing at a time, until one arrives. Then all that waits goes at once."""

from __future__ import annotations

from datetime import timedelta

OPENS_AFTER = 3
OPEN_FIRST = timedelta(seconds=5)
OPEN_MOST = timedelta(seconds=30)


def open_for(failures: int) -> timedelta | None:
    """How long a place is left alone after its ``failures``-th failure in a row; None while it isn't yet."""
    if failures < OPENS_AFTER:
        return None
    return doubled(OPEN_FIRST, failures - OPENS_AFTER, OPEN_MOST)


def doubled(first: timedelta, times: int, most: timedelta) -> timedelta:
    """``first``, doubled so often."""
    return min(first * float(2 ** min(times, 10)), most)
