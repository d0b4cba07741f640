"""The simulation's side of the comparison with the local runtime."""

import pytest

from bench.autoscaling import LENGTH_S, SAMPLE_S, Seen, figures, half_an_hour_of_calls, simulated
from ops.costs.assumptions import load

pytestmark = pytest.mark.unit


def test_the_same_half_hour_is_simulated_each_time_with_pods_for_its_calls() -> None:
    assumed = load()
    calls = half_an_hour_of_calls(assumed)

    told = simulated(assumed, calls, start_s=2.0)

    assert calls == half_an_hour_of_calls(assumed)
    assert len(told.pods) == LENGTH_S / SAMPLE_S
    assert len(told.waits) == len(calls)
    assert max(told.waits) >= 2.0
    at_once = [sum(second <= now < second + lasts for second, lasts in calls) for now in range(0, int(LENGTH_S), 10)]
    assert max(told.pods) >= max(at_once)


def test_runs_that_are_apart_miss_their_reach() -> None:
    seen, told = Seen([4] * 180, [0.1]), Seen([6] * 180, [0.1])

    missed = [figure.figure for figure in figures(seen, told, 1) if not figure.ok]

    assert missed == ["pods apart, mean", "pod seconds simulated, of those on the runtime"]
    assert all(figure.ok for figure in figures(seen, seen, 1))
