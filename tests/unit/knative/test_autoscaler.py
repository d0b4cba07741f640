"""The autoscaler's arithmetic, second by second on a made-up clock."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from devstack.knative.clock import Constants
from devstack.knative.plan import Delivery
from ops.knative.autoscaler import Autoscaler, ConcurrencyMeter
from ops.knative.scaling import Scaling, read_scaling, seconds

pytestmark = pytest.mark.unit

CALL_HANDLER = Scaling(window_s=30, utilization=0.7, retention_s=120, scale_down_delay_s=30)


class Simulation:
    """Calls come and go; the autoscaler decides every two seconds and its wish is granted at once."""

    def __init__(self, scaling: Scaling, concurrency: int = 1) -> None:
        self.autoscaler = Autoscaler(scaling, concurrency, Constants())
        self.meter = ConcurrencyMeter(scaling.window_s, 0.0)
        self.now = 0.0
        self.pods = 0

    def calls(self, delta: int) -> None:
        self.meter.change(delta, self.now)
        if delta > 0 and not self.pods:
            self.pods = self.autoscaler.first_request(self.now, 0)

    def run(self, for_s: float) -> list[int]:
        """The number of pods after each decision."""
        wishes = []
        end = self.now + for_s
        while self.now < end:
            self.now += 2.0
            stable = self.meter.mean(self.autoscaler.scaling.window_s, self.now)
            panic = self.meter.mean(self.autoscaler.panic_window_s, self.now)
            self.pods = self.autoscaler.decide(self.now, stable, panic, self.pods, self.pods)
            wishes.append(self.pods)
        return wishes


def seconds_until_zero(wishes: Iterable[int]) -> float:
    return 2.0 * (list(wishes).index(0) + 1)


@pytest.mark.parametrize(("utilization", "pods"), [(0.7, [2, 3, 5, 6, 8, 9]), (1.0, [1, 2, 3, 4, 5, 6])])
def test_n_calls_keep_n_over_utilization_pods(utilization: float, pods: list[int]) -> None:
    """K22."""
    for calls, wanted in enumerate(pods, start=1):
        simulation = Simulation(Scaling(window_s=30, utilization=utilization))
        simulation.calls(calls)
        assert set(simulation.run(120)) == {wanted}, calls


def test_six_calls_at_once_have_their_pods_at_the_first_decision() -> None:
    """K20."""
    simulation = Simulation(CALL_HANDLER)
    simulation.calls(1)
    assert simulation.pods == 2
    simulation.calls(5)
    assert simulation.run(2) == [9]


def test_a_service_is_back_at_zero_after_its_window() -> None:
    """K26."""
    simulation = Simulation(Scaling(window_s=30))
    simulation.calls(1)
    simulation.run(60)
    simulation.calls(-1)
    assert seconds_until_zero(simulation.run(120)) == 30


def test_the_default_window_is_a_minute() -> None:
    """K26."""
    simulation = Simulation(Scaling())
    simulation.calls(1)
    simulation.run(120)
    simulation.calls(-1)
    assert seconds_until_zero(simulation.run(120)) == 60


def test_delay_and_retention_add_to_the_window() -> None:
    """K28."""
    simulation = Simulation(CALL_HANDLER)
    simulation.calls(1)
    simulation.run(60)
    simulation.calls(-1)
    until_zero = seconds_until_zero(simulation.run(400))
    assert 30 + 30 + 120 <= until_zero <= 30 + 30 + 120 + 15  # the second pod goes before the last one


def test_a_short_call_keeps_its_pod_for_a_window() -> None:
    simulation = Simulation(Scaling(window_s=30))
    simulation.calls(1)
    simulation.calls(-1)
    assert seconds_until_zero(simulation.run(120)) >= 30


def test_pods_do_not_go_between_two_calls_within_the_delay() -> None:
    """K28."""
    simulation = Simulation(CALL_HANDLER)
    simulation.calls(3)
    simulation.run(60)
    simulation.calls(-3)
    assert simulation.pods == 5
    assert set(simulation.run(28)) == {5}


def test_panic_does_not_scale_down() -> None:
    """K29."""
    simulation = Simulation(Scaling(window_s=60, utilization=1.0))
    simulation.calls(1)
    simulation.run(60)
    simulation.calls(9)
    simulation.run(6)
    assert simulation.pods == 10
    simulation.calls(-8)
    assert set(simulation.run(50)) == {10}


def test_pods_halve_at_most() -> None:
    """K29."""
    autoscaler = Autoscaler(Scaling(window_s=30, utilization=1.0), 1, Constants())
    autoscaler.decide(0, 10, 10, 10, 10)
    assert autoscaler.decide(100, 1, 1, 10, 10) == 5


def test_bounds_hold() -> None:
    assert Autoscaler(Scaling(max_scale=3), 1, Constants()).decide(0, 10, 10, 1, 1) == 3
    assert Autoscaler(Scaling(min_scale=2), 1, Constants()).decide(0, 0, 0, 0, 0) == 2
    assert Autoscaler(Scaling(activation_scale=3), 1, Constants()).first_request(0, 0) == 3


def test_without_a_limit_a_pod_aims_at_seventy_requests() -> None:
    assert Scaling().per_pod(0) == pytest.approx(70)
    assert Scaling(target=10).per_pod(0) == pytest.approx(7)
    assert Scaling(target=10).per_pod(4) == pytest.approx(2.8)


def test_the_mean_is_weighted_by_time() -> None:
    meter = ConcurrencyMeter(60, 0.0)
    meter.change(+4, 0.5)
    meter.change(-4, 1.5)
    assert meter.mean(60, 2.5) == pytest.approx(2.0)  # over the two seconds since the first request
    assert meter.mean(1, 2.0) == pytest.approx(2.0)
    assert meter.mean(1, 3.0) == pytest.approx(0.0)


def test_a_constant_load_has_its_own_mean_wherever_the_window_begins() -> None:
    meter = ConcurrencyMeter(6, 0.0)
    meter.change(+1, 0.3)
    for step in range(1, 200):
        now = 0.3 + step * 0.17
        assert meter.mean(6, now) == pytest.approx(1.0)


def test_the_brokers_default_delivery_tries_for_three_and_a_half_minutes() -> None:
    """K44."""
    delivery = Delivery()
    waits = [delivery.backoff_s(attempt) for attempt in range(delivery.retry)]
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert sum(waits) == pytest.approx(204.6)
    assert delivery.timeout_s is None


@pytest.mark.parametrize(("text", "value"), [("30s", 30), ("2m", 120), ("1h5m", 3900), ("1.5s", 1.5), ("200ms", 0.2)])
def test_gos_durations_are_read(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "30", "s", "2 m", "-5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


def test_the_annotations_are_read() -> None:
    prefix = "autoscaling.knative.dev/"
    scaling, problems = read_scaling(
        {
            prefix + "window": "30s",
            prefix + "target-utilization-percentage": "70",
            prefix + "scale-to-zero-pod-retention-period": "2m",
            prefix + "scale-down-delay": "30s",
            prefix + "target-burst-capacity": "-1",
            "other.dev/note": "kept out",
        },
        "here",
        Scaling(),
    )
    assert problems == []
    assert scaling == replace(CALL_HANDLER, burst_capacity=-1)
