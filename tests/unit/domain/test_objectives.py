"""Shares, budgets and the days that burned them."""

from datetime import date

import pytest

from domain.objectives import OBJECTIVES, Reading, over, worst_days

pytestmark = pytest.mark.unit

AVAILABILITY = next(one for one in OBJECTIVES if one.name == "availability")


@pytest.mark.parametrize(
    ("share", "met", "left"), [(1.0, True, 1.0), (0.99975, True, 0.5), (0.9995, True, 0.0), (0.998, False, -3.0)]
)
def test_a_budget_is_what_may_still_go_wrong(share: float, met: bool, left: float) -> None:
    reading = Reading(AVAILABILITY, share)

    assert reading.met is met
    assert reading.budget_left == pytest.approx(left)


def test_without_data_nothing_is_met_and_no_budget_is_left() -> None:
    reading = Reading(AVAILABILITY, None, "no data")

    assert (reading.met, reading.budget_left) == (None, None)


def test_the_worst_days_are_those_below_the_target_the_worst_first() -> None:
    days = [(date(2026, 11, day), share) for day, share in ((1, 1.0), (2, 0.999), (3, 0.9), (4, 0.9996), (5, 0.99))]

    assert [day.day for day, _ in worst_days(AVAILABILITY, days)] == [3, 5, 2]


def test_an_expression_is_asked_over_a_time() -> None:
    for objective in OBJECTIVES:
        assert "[7d" in over(objective, "7d") and "window" not in over(objective, "7d")
