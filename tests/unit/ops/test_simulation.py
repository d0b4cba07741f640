"""The simulation: its stream of calls, a Revision's pods, machines that come and go, and what is told of it."""

import itertools
import json
import random
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from functions import prewarmer
from ops.costs.assumptions import Assumed, Assumptions, load
from ops.knative.scaling import Scaling
from ops.simulation import demand, report, spans
from ops.simulation.nodes import NodePool
from ops.simulation.outcomes import MOST_OF_ALWAYS_ON, MOST_WAIT_S, outcome
from ops.simulation.plots import Line, nice_top, svg, thinned
from ops.simulation.revision import DRAIN_S, PATIENCE_S, Revision
from ops.simulation.running import Policy, handlers_scaling, run
from ops.simulation.tallies import Sample, Tallies

pytestmark = pytest.mark.unit

HANDLER = handlers_scaling(1000)
PERIOD_S = 2.0
ROOT = Path(__file__).parents[3]
AVERAGE_DAY = report.Asked(1000, "day", buffer=3, prewarmer=True, seed=1)


@pytest.fixture(scope="module")
def assumed() -> Assumptions:
    return load()


class Driven:
    """A Revision and its clock; calls are made by hand."""

    def __init__(self, assumed: Assumptions, scaling: Scaling = HANDLER, most_nodes: int = 20) -> None:
        self.tallies = Tallies()
        self.revision = Revision(scaling, assumed, most_nodes, self.tallies, random.Random(1), 0.0)
        self.now = 0.0

    def call(self, lasts_s: float, times: int = 1) -> None:
        for _ in range(times):
            self.revision.arrive(self.now, lasts_s)

    def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += PERIOD_S
            while self.revision.next_at() < self.now:
                self.revision.happen(self.revision.next_at())
            self.revision.decide(self.now)

    @property
    def most_waited(self) -> float:
        return self.tallies.wait(100)


def with_room(assumed: Assumptions, pods: int, **node: float) -> Assumptions:
    changed = {name: Assumed(value, "a test") for name, value in node.items()}
    room = {"room_on_web_nodes_pods": Assumed(pods, "a test")}
    return msgspec.structs.replace(assumed, worker_node=msgspec.structs.replace(assumed.worker_node, **room, **changed))


# --- Calls -----------------------------------------------------------------------------------------------------------


def test_a_days_calls_are_as_many_and_as_long_as_assumed(assumed: Assumptions) -> None:
    calls = list(demand.calls(assumed.demand, 1000, iter([1.0]), random.Random(1)))

    assert len(calls) == pytest.approx(1000 * assumed.demand.calls_per_day, rel=0.03)
    assert sum(lasts for _, lasts in calls) / len(calls) == pytest.approx(150, rel=0.03)
    assert [second for second, _ in calls] == sorted(second for second, _ in calls)


def test_calls_in_progress_follow_the_hours(assumed: Assumptions) -> None:
    calls = list(demand.calls(assumed.demand, 2000, iter([1.0]), random.Random(1)))

    def in_progress(hour: float) -> int:
        return sum(second <= hour * 3600 < second + lasts for second, lasts in calls)

    assert in_progress(12.75) == pytest.approx(2 * 145, rel=0.15)
    assert in_progress(5) < 10


def test_a_days_size_is_its_weekdays_and_months_or_its_own(assumed: Assumptions) -> None:
    year = demand.days(spans.A_YEAR, 365)
    ordinary = next(day for day in year if (day.month, day.weekday()) == (8, 5))
    valentine = next(day for day in year if (day.month, day.day) == (2, 14))

    assert demand.day_factor(assumed.demand, ordinary) == pytest.approx(1.3 * 0.85)
    assert demand.day_factor(assumed.demand, valentine) == 1.5
    assert demand.ordinary_factor(assumed.demand, valentine) != 1.5


# --- Pods ------------------------------------------------------------------------------------------------------------


def test_the_first_caller_of_a_quiet_hour_waits_for_a_start_and_the_next_for_none(assumed: Assumptions) -> None:
    driven = Driven(assumed)

    driven.call(60)
    driven.pass_by(20)
    assert driven.most_waited == pytest.approx(assumed.handler.cold_start_s.value, abs=0.02)

    driven.call(60)  # there are ceil(1 / 0.7)
    assert driven.tallies.waits[0] == 1


def test_ready_pods_are_what_knative_keeps_for_the_calls(assumed: Assumptions) -> None:
    driven = Driven(assumed)

    driven.call(600, times=7)
    driven.pass_by(120)

    assert driven.revision.ready == 10  # 7 / 0.7


def test_without_calls_the_last_pod_goes_after_its_retention(assumed: Assumptions) -> None:
    driven = Driven(assumed)
    driven.call(10)

    driven.pass_by(120)
    assert driven.revision.live == 1
    driven.pass_by(120)

    assert driven.revision.live == 0


def test_pods_that_are_let_go_keep_their_room_while_they_drain(assumed: Assumptions) -> None:
    driven = Driven(with_room(assumed, 2), most_nodes=0)
    driven.revision.autoscaler.min_scale = 2
    driven.pass_by(10)
    driven.revision.autoscaler.min_scale = 0
    driven.pass_by(200)
    assert driven.revision.live == 0

    driven.revision.autoscaler.min_scale = 2
    driven.pass_by(DRAIN_S + 10)

    assert driven.revision.ready == 2


def test_a_caller_who_finds_no_room_hears_the_fallback(assumed: Assumptions) -> None:
    driven = Driven(with_room(assumed, 0), most_nodes=0)

    driven.call(60)
    driven.pass_by(PATIENCE_S + 4)

    assert driven.tallies.given_up == 1
    assert driven.revision.in_progress == 0


def test_the_last_moment_warms_nobody_and_a_min_scale_does(assumed: Assumptions) -> None:
    driven = Driven(assumed)
    driven.revision.autoscaler.min_scale = 5
    driven.pass_by(20)

    driven.call(60, times=5)

    assert driven.tallies.waits[0] == 5


# --- Machines --------------------------------------------------------------------------------------------------------


def test_a_pod_without_room_waits_for_a_machine_and_its_image(assumed: Assumptions) -> None:
    driven = Driven(with_room(assumed, 0, ready_after_s=20, image_pull_s=5))

    driven.call(60)
    driven.pass_by(PATIENCE_S + 10)

    assert 25 < driven.most_waited < PATIENCE_S
    assert driven.revision.pool.paid == 1


def test_a_machine_goes_a_minute_after_its_last_call_and_not_during_one(assumed: Assumptions) -> None:
    pool = NodePool(assumed.worker_node, assumed.handler, 20, random.Random(1), 0.0)
    pool.scale(0.0, pending=1)
    pool.take_in(120.0)
    (node,) = pool.workers
    node.used = node.active = node.busy = 1
    for second in range(130, 1000, 10):
        pool.scale(second, pending=0)
    assert pool.removable(1000) is None

    node.busy = 0
    pool.scale(1000, pending=0)
    assert pool.removable(1050) is None
    assert pool.removable(1060) is node

    node.busy = 1  # since it was looked at
    assert pool.removable(1061) is None


def test_no_more_machines_are_ordered_than_may_be(assumed: Assumptions) -> None:
    driven = Driven(with_room(assumed, 0, allocatable_millicores=50, ready_after_s=5), most_nodes=3)

    driven.call(600, times=10)
    driven.pass_by(200)

    assert (driven.revision.pool.paid, driven.revision.ready) == (3, 3)


# --- Days and years --------------------------------------------------------------------------------------------------


def some_time(assumed: Assumptions, calls: float, policy: Policy) -> Tallies:
    """Forty minutes of a steady day with so many calls at once."""
    steady = msgspec.structs.replace(assumed.demand.calls_in_progress, points=((0, calls), (24, calls)))
    demanded = msgspec.structs.replace(assumed.demand, calls_in_progress=steady)
    changed = msgspec.structs.replace(assumed, demand=demanded)
    return run(changed, policy, 1000, [1.0], [1.0], seed=3, sample_every_s=60, seconds=2400)


@pytest.fixture(scope="module")
def steady(assumed: Assumptions) -> Tallies:
    return some_time(assumed, 40, Policy(HANDLER, 3, 500))


def test_every_caller_is_counted_once(steady: Tallies) -> None:
    assert sum(steady.waits) == pytest.approx(steady.calls, abs=5)  # who waited when it began
    assert steady.calls == pytest.approx(40 * 2400 / 150, rel=0.15)
    assert len(steady.samples) == 40 + 1


def test_the_prewarmer_spares_callers_the_wait_for_few_pods_more(assumed: Assumptions) -> None:
    cold = some_time(assumed, 3, Policy(HANDLER))
    warm = some_time(assumed, 3, Policy(HANDLER, buffer=4, cap=500))

    assert warm.calls == cold.calls
    assert warm.wait(99) < cold.wait(99)
    assert warm.pod_seconds < 2.5 * cold.pod_seconds


def test_a_cap_bounds_what_is_warmed(assumed: Assumptions) -> None:
    capped = some_time(assumed, 1, Policy(HANDLER, buffer=50, cap=2))
    free = some_time(assumed, 1, Policy(HANDLER, buffer=50, cap=500))

    assert capped.pod_seconds < free.pod_seconds / 5


def test_a_year_has_every_day_and_each_kind_is_simulated_once(
    assumed: Assumptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[float] = []

    def fake_run(*given: object, **_: object) -> Tallies:
        assert isinstance(given[3], list)
        [factor] = given[3]
        kinds.append(factor)
        samples = [Sample(0.0, round(100 * factor), 0, 0, 0)]
        return Tallies(calls=round(1000 * factor), seconds=demand.DAY_S, samples=samples)

    monkeypatch.setattr(spans, "run", fake_run)
    told = spans.simulate(assumed, Policy(HANDLER), 1000, "year", 1)

    year = demand.days(spans.A_YEAR, 365)
    assert told.seconds == 365 * demand.DAY_S
    assert told.calls == pytest.approx(sum(1000 * demand.day_factor(assumed.demand, day) for day in year), rel=0.01)
    assert len(kinds) < 40
    assert [one.second for one in told.samples] == [number * demand.DAY_S for number in range(365)]
    assert told.samples[44].calls == 150  # 14 February


def test_always_on_is_the_fewest_pods_that_let_99_in_100_begin_at_once() -> None:
    tallies = Tallies()
    for level, times in ((3, 980), (7, 15), (20, 5)):
        for _ in range(times):
            tallies.seen(level)

    assert tallies.pods_always_on() == 7


def test_what_a_node_may_cost_meets_the_target_exactly(assumed: Assumptions, steady: Tallies) -> None:
    told = outcome(assumed, 1000, steady)
    price = Assumed(told.node_euros_for_target, "a test")
    dearest = msgspec.structs.replace(assumed.worker_node, euros_per_month=price)

    again = outcome(msgspec.structs.replace(assumed, worker_node=dearest), 1000, told.tallies)

    assert told.node_euros_for_target > assumed.worker_node.euros_per_month.value
    assert again.per_restaurant == pytest.approx(assumed.target_euros)


# --- What is told ----------------------------------------------------------------------------------------------------


def test_the_report_is_a_list_of_figures_and_a_page_with_two_plots(
    steady: Tallies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "simulate", lambda *_: steady)
    asked = report.Asked(20, "day", 3, True, 1)

    status = report.run(asked, None, tmp_path / "out.json", tmp_path / "out.html", levers=False)

    rows = json.loads((tmp_path / "out.json").read_text())
    assert {"figure", "value", "unit", "reach", "ok"} <= set(rows[0])
    assert status == (0 if all(row["ok"] for row in rows) else 1)
    assert (tmp_path / "out.html").read_text().count("<svg") == 2


def test_a_drawing_is_well_formed_and_has_each_line() -> None:
    lines = [Line("a < b", [(0, 0), (1, 3)]), Line("c", [(0, 2), (1, 2)])]

    drawing = ElementTree.fromstring(svg("calls & pods", lines, "hour", [(0, "0h"), (1, "1h")]))

    found = drawing.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(found) == 2
    assert found[0].attrib["points"].split()[0] == "56.0,272.0"


def test_thinning_keeps_the_peak() -> None:
    points = [(float(x), 1.0) for x in range(10_000)]
    points[4321] = (4321.0, 9.0)

    kept = thinned(points)

    assert len(kept) <= 1500
    assert (4321.0, 9.0) in kept


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (0.7, 0.8), (1, 1), (158, 200), (201, 400), (900, 1000)])
def test_an_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)


def test_each_change_is_another_one(assumed: Assumptions) -> None:
    policy = Policy(HANDLER, 3, 500)
    made = [(changed, other) for _, changed, other in report.changes(assumed, policy)]

    assert (assumed, policy) not in made
    assert all(one != other for one, other in itertools.pairwise(made))


def test_what_is_assumed_of_machines_is_what_the_manifests_and_the_infrastructure_set(assumed: Assumptions) -> None:
    node = assumed.worker_node
    infrastructure = (ROOT / "infrastructure/ovh/main.tf").read_text()
    patch = (ROOT / "manifests/components/node-pools/platform/preferring-workers.yaml").read_text()

    assert f'unneeded_time_seconds = each.key == "workers" ? {node.unneeded_for_s.value:.0f} :' in infrastructure
    assert node.placement.value == "pack"
    assert "podAffinity" in patch and "kubernetes.io/hostname" in patch
    [buffer] = [one.default for one in msgspec.structs.fields(prewarmer.Settings) if one.name == "prewarm_buffer"]
    assert buffer == AVERAGE_DAY.buffer


def test_a_day_as_it_is_set_costs_a_third_of_always_on_and_nobody_waits(assumed: Assumptions) -> None:
    found, _ = report.timed(assumed, report.policy_of(AVERAGE_DAY), AVERAGE_DAY)

    assert found.of_always_on <= MOST_OF_ALWAYS_ON
    assert found.tallies.wait(99) <= MOST_WAIT_S
    assert found.per_restaurant <= assumed.target_euros
