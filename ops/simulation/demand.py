"""When calls come and how long they last: a Poisson stream whose rate follows hour, weekday, month and special days."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import date, timedelta

from ops.costs.assumptions import Demand

DAY_S = 86_400
# The rate is constant within a step: half of a quarter of an hour is finer than any source knows.
STEP_S = 450


def day_factor(demand: Demand, day: date) -> float:
    """What that day is of an average one. A special day is what it is, whatever its weekday and month."""
    special = demand.special_days.values.get(f"{day:%m-%d}")
    if special is not None:
        return special
    return demand.weekdays.values[day.weekday()] * demand.months.values[day.month - 1]


def ordinary_factor(demand: Demand, day: date) -> float:
    """The same for who has learnt the weekdays of the last weeks and knows of no special day."""
    return demand.weekdays.values[day.weekday()] * demand.months.values[day.month - 1]


def in_progress(demand: Demand, restaurants: int, second: float, factor: float) -> float:
    """Calls that are expected at once at that second of a day."""
    return demand.calls_in_progress.at(second / 3600) * restaurants * factor


def calls(
    demand: Demand, restaurants: int, factors: Iterator[float], chance: random.Random, start_s: float = 0.0
) -> Iterator[tuple[float, float]]:
    """``(second, seconds it lasts)`` of each call, in order. One day for each factor, from ``start_s`` of the first.

    A negative ``start_s`` begins in the evening before, at the first day's factor.
    """
    mean_s, spread = demand.call_seconds.value, demand.call_seconds_spread.value
    centre = math.log(mean_s) - spread * spread / 2  # so that the mean is the mean
    rates = [demand.calls_in_progress.at((step + 0.5) * STEP_S / 3600) for step in range(DAY_S // STEP_S)]
    gap, lasts = chance.expovariate, chance.lognormvariate
    base = 0.0
    for number, factor in enumerate(factors):
        step = math.floor(start_s / STEP_S) if number == 0 else 0
        while step < len(rates):
            rate = rates[step % len(rates)] * restaurants * factor / mean_s
            second, end = base + step * STEP_S, base + (step + 1) * STEP_S
            while rate > 0:
                second += gap(rate)
                if second >= end:
                    break
                yield second, lasts(centre, spread)
            step += 1
        base += DAY_S


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]
