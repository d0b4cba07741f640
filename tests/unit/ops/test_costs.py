"""The cost model: its assumptions' file and its arithmetic."""

from pathlib import Path

import msgspec
import pytest

from ops.costs import assumptions
from ops.costs.assumptions import Assumptions, AssumptionsError, CallsInProgress, load
from ops.costs.model import Month, busiest_calls, month, usage_of_call
from ops.costs.report import figures

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def assumed() -> Assumptions:
    return load()


def euros(told: Month, name: str) -> float:
    return next(cost.euros for cost in (*told.fixed, *told.variable) if cost.name == name)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = assumptions.DEFAULT.read_text()
    assert old in text
    copy = tmp_path / "assumptions.yaml"
    copy.write_text(text.replace(old, new))
    return copy


def test_the_fixed_part_of_a_thousand_restaurants_is_the_specifications(assumed: Assumptions) -> None:
    told = month(assumed, 1000)

    assert sum(cost.euros for cost in told.fixed) == 160
    assert told.per_restaurant <= 0.28
    assert all(figure.ok for figure in figures(told, assumed.target_euros))


def test_few_restaurants_pay_for_all_that_is_always_on(assumed: Assumptions) -> None:
    told = month(assumed, 10)

    assert sum(cost.euros for cost in told.fixed) == 160
    assert told.per_restaurant > 16
    assert [figure.ok for figure in figures(told, assumed.target_euros)].count(False) == 1


def test_workers_cost_what_their_calls_fill(assumed: Assumptions) -> None:
    once, twice = euros(month(assumed, 1000), "worker nodes"), euros(month(assumed, 2000), "worker nodes")
    half = msgspec.structs.replace(assumed.demand.calls_in_progress, restaurants=2000)
    demand = msgspec.structs.replace(assumed.demand, calls_in_progress=half)

    assert twice == pytest.approx(2 * once)
    quiet = month(msgspec.structs.replace(assumed, demand=demand), 1000)
    assert euros(quiet, "worker nodes") == pytest.approx(once / 2)


def test_bridges_as_small_as_the_overlays_need_a_node_for_each_140_lines(assumed: Assumptions) -> None:
    told = month(assumed, 1000, edge_as_in_overlay=True)

    assert euros(told, "SIP nodes") == 35 * (8 + 1)  # 1,000 / 140, and one to lose
    assert told.per_restaurant > assumed.target_euros


def test_many_restaurants_need_bridges_for_their_calls(assumed: Assumptions) -> None:
    calls = busiest_calls(assumed, 100_000)

    assert calls == pytest.approx(150 * 100 * 1.3)
    assert euros(month(assumed, 100_000), "SIP nodes") == 35 * (72 + 1)  # 100,000 lines / 1,400, one to lose


def test_a_replys_context_is_read_again_from_the_cache(assumed: Assumptions) -> None:
    usage = usage_of_call(assumed)

    assert usage.audio_in == 525  # 150 s, 35 % of it, 10 tokens a second
    assert usage.audio_out == 1200
    assert usage.audio_cached == round((525 + 1200) * 4.5)
    assert usage.text_cached > 9 * 6000


def test_a_models_month_follows_its_price(assumed: Assumptions) -> None:
    by_name = {one.model: one for one in month(assumed, 1000).models}

    assert by_name["gpt-realtime-2.1"].per_call > 3 * by_name["gpt-realtime-2.1-mini"].per_call
    assert "local" not in by_name


def test_hours_between_two_points_are_on_a_straight_line() -> None:
    shape = CallsInProgress(10, ((0, 0), (12, 20), (24, 0)), "a test")

    assert shape.at(6) == 1
    assert (shape.peak, shape.mean) == (2, 1)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("restaurants: 1000", "restaurant: 1000", "restaurant"),
        ("trunk_euros:", "trunk_euro:", "trunk_euro"),
        ('value: 35, source: "the specification"', 'value: "35", source: "the specification"', "float"),
        ("- [24, 5]", "- [23, 5]", "hours in order"),
        ("1.2, 1.3, 0.95]", "1.2, 1.3]", "weekdays"),
        ("target_euros: 0.28", "target_euros: [", "assumptions.yaml"),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_says_where(tmp_path: Path, old: str, new: str, names: str) -> None:
    with pytest.raises(AssumptionsError, match=names):
        load(changed(tmp_path, old, new))


def test_weekdays_are_around_an_average_day(assumed: Assumptions) -> None:
    weekdays, months = assumed.demand.weekdays.values, assumed.demand.months.values

    assert sum(weekdays) / 7 == pytest.approx(1)
    assert sum(months) / 12 == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("restaurants: 1000", "restaurants: 0", r">= 1 - at `\$\.demand\.calls_in_progress\.restaurants`"),
        ("call_seconds: { value: 150", "call_seconds: { value: 0", r"> 0\.0 - at `\$\.demand\.call_seconds\.value`"),
        ("request_millicores: { value: 50", "request_millicores: { value: 0", r"request_millicores\.value`"),
        ("cold_start_s: { value: 0.64", "cold_start_s: { value: -1", r">= 0\.0 - at `\$\.handler\.cold_start_s"),
        ("request_millicores: { value: 50", "request_millicores: { value: 1701", "larger than what worker_node can"),
        ("- [2, 1]", "- [2, -1]", "at none less than 0"),
    ],
)
def test_a_number_that_nothing_can_be_divided_by_is_told_by_its_name(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(AssumptionsError, match=told):
        load(changed(tmp_path, old, new))
