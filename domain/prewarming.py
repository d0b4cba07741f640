"""How many handlers should be ready before anybody calls: what is expected soon, a few more, and never beyond a cap.

Knative's own target keeps ceil(N / 0.7) pods for N calls, so that the next callers of a busy hour find one. Two things
it can't know: that a peak is near, and that in a quiet hour 70 % of one is one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

QUARTER_S = 900
QUARTERS_A_DAY = 96
# Where fewer calls at once are expected, the next one is left to a cold start, which the greeting hides: a pod for it
# would be idle nearly always.
WORTH_A_POD = 0.5


def wanted(expected: float, in_progress: int, buffer: int, cap: int) -> int:
    """Pods to keep ready; 0 leaves it to Knative.

    ``expected`` calls at once in the time that is warmed for, ``in_progress`` now. ``buffer`` is how many pods without
    a call there should be, in whole numbers beside the 70 %. ``cap`` bounds what a wrong forecast may cost.
    """
    if expected < WORTH_A_POD:
        return 0
    return min(cap, math.ceil(max(expected, in_progress)) + buffer)


def expected_within(quarters: Sequence[float], quarter: int, ahead: int) -> float:
    """The most calls at once from this quarter of an hour to ``ahead`` quarters later; ``quarters`` begin anew."""
    return max(quarters[(quarter + later) % len(quarters)] for later in range(ahead + 1))


def expected_calls(
    weeks: Sequence[Mapping[str, float]], closed: Sequence[Collection[str]], closed_then: Collection[str]
) -> float:
    """Calls at once in a quarter of an hour, over all restaurants.

    ``weeks`` are the same quarter of the same weekday in the weeks before, each the seconds that calls lasted in it, by
    restaurant; ``closed`` are the restaurants whose hours said on that day that they were closed, a holiday for one,
    and ``closed_then`` those that will be. A closed day teaches nothing, and who is closed is not called.
    """
    total = 0.0
    for restaurant in {name for week in weeks for name in week} - set(closed_then):
        open_weeks = [week for week, shut in zip(weeks, closed, strict=True) if restaurant not in shut]
        if open_weeks:
            total += sum(week.get(restaurant, 0.0) for week in open_weeks) / len(open_weeks)
    return total / QUARTER_S


def quarter_of(now: datetime) -> datetime:
    """The beginning of its quarter of an hour; all zones in use are whole quarters apart."""
    return now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
