"""What a soak says of memory, files and orders, from samples that a test writes."""

from dataclasses import replace

import pytest

from bench import soak
from bench.chaos.caller import Experience
from bench.chaos.dialogue import Wish
from bench.soak import Sample, Soak, Weight, grown, slope

pytestmark = pytest.mark.unit


def sample(calls: int, weights: dict[int, tuple[int, int]], connections: int = 5) -> Sample:
    found = {pid: Weight(f"process {pid}", mb * soak.MB, files) for pid, (mb, files) in weights.items()}
    return Sample(calls, found, 3, calls, connections, connections)


def named(one: Sample) -> Sample:
    names = {1: "edge_bridge", 2: "edge_bridge.nursery", 3: "functions call_handler", 4: "postgres"}
    return replace(one, weights={pid: replace(weight, name=names[pid]) for pid, weight in one.weights.items()})


def figure(name: str, told: Soak) -> tuple[float, bool]:
    one = next(one for one in soak.figures(told) if one.figure == name)
    return round(one.value, 6), one.ok


def test_a_slope_is_the_least_squares() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(1, 1)]) == 0


def test_what_grows_after_the_warm_up_is_told_and_what_grew_before_or_has_gone_is_not() -> None:
    samples = [
        sample(200, {1: (10, 5), 2: (10, 5), 3: (9, 9)}),
        sample(600, {1: (50, 5), 2: (20, 7), 3: (99, 9)}),
        sample(1000, {1: (50, 5), 2: (24, 11)}),
    ]

    assert grown(samples) == {"process 1 1": (0, 0), "process 2 2": pytest.approx((10, 10))}


def test_the_warm_up_has_an_end_and_is_half_of_few_calls() -> None:
    def counted(*calls: int) -> list[int]:
        return [one.calls for one in soak.after_warm_up([sample(number, {}) for number in calls])]

    assert counted(400, 600, 5000, 10_000) == [600, 5000, 10_000]
    assert counted(100, 200, 300, 400) == [300, 400]


def test_lost_changed_and_cut_calls_and_a_leak_miss_their_reach() -> None:
    told = Soak(calls=1000, agreed=999, silences=[0.5], lasted_s=100)
    told.samples = [
        named(sample(600, {1: (10, 5), 2: (10, 5), 3: (10, 5), 4: (10, 5)})),
        named(sample(1000, {1: (10, 25), 2: (12, 5), 3: (11, 5), 4: (10, 900)}, connections=40)),
    ]
    told.missing = [Experience(Wish("Anna", 1, (1250, 1520)), "+353")]
    told.wrong, told.cut = ["another"], ["one", "two"]

    assert figure("… lost", told) == (1, False)
    assert figure("… doubled or changed", told) == (1, False)
    assert figure("calls cut, or without an order", told) == (2, False)
    assert figure("memory of one process, most a 1,000 calls", told) == (5, False)
    assert figure("the bridge's processes: memory more a call", told) == (5, False)
    assert figure("a call handler: memory more a call, most", told) == (2.5, False)
    assert figure("open files of a process, Postgres' apart, most a 1,000 calls", told) == (50, False)
    assert figure("Postgres: connections more", told) == (35, False)
    assert figure("Redis: keys without an end, more", told) == (0, True)
