"""A day, or a year as its kinds of days: each size of day is simulated once, and counts as often as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

from ops.costs.assumptions import Assumptions
from ops.simulation.demand import DAY_S, day_factor, days, ordinary_factor
from ops.simulation.running import Policy, run
from ops.simulation.tallies import Sample, Tallies

Span = Literal["day", "year"]
A_YEAR = date(2027, 1, 1)  # which one only decides what weekday it begins with
SAMPLES_OF_A_YEAR_S = 1800.0

Kind = tuple[float, float]
"""What a day is of an average one, and what a prewarmer expects of it."""


def simulate(assumed: Assumptions, policy: Policy, restaurants: int, span: Span, seed: int) -> Tallies:
    """An average day with a sample a minute, or a year with two an hour."""
    if span == "day":
        return run(assumed, policy, restaurants, [1.0], [1.0], seed=seed, sample_every_s=60)
    year = days(A_YEAR, 365)
    kinds = [
        (_rounded(day_factor(assumed.demand, day)), _rounded(ordinary_factor(assumed.demand, day))) for day in year
    ]
    total, of_kind = Tallies(), {}
    for kind, times in sorted(Counter(kinds).items()):
        factor, learnt = kind
        day = run(assumed, policy, restaurants, [factor], [learnt], seed=seed, sample_every_s=SAMPLES_OF_A_YEAR_S)
        of_kind[kind] = day
        total.add(day, times)
    total.samples = list(_day_after_day(kinds, of_kind))
    return total


def _rounded(factor: float) -> float:
    """To twentieths: days that are so near are of one kind."""
    return round(factor * 20) / 20


def _day_after_day(kinds: list[Kind], of_kind: Mapping[Kind, Tallies]) -> Iterator[Sample]:
    for number, kind in enumerate(kinds):
        for one in of_kind[kind].samples:
            yield Sample(number * DAY_S + one.second, one.calls, one.ready, one.wanted, one.nodes)
