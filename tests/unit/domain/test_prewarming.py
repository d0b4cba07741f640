"""How many handlers are kept ready."""

from datetime import UTC, datetime

import pytest

from domain.prewarming import QUARTER_S, expected_calls, expected_within, quarter_of, wanted

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("expected", "in_progress", "pods"),
    [
        (0.0, 0, 0),
        (0.4, 5, 0),  # a quiet hour is Knative's alone, whoever is on the phone
        (0.5, 0, 4),
        (7.2, 0, 11),
        (7.2, 12, 15),  # more than was expected: the buffer is kept all the same
        (500.0, 0, 20),
        (3.0, 500, 20),
    ],
)
def test_pods_are_what_is_expected_and_a_buffer_within_the_cap(expected: float, in_progress: int, pods: int) -> None:
    assert wanted(expected, in_progress, buffer=3, cap=20) == pods


def test_a_cap_of_0_warms_nothing() -> None:
    assert wanted(50, 50, buffer=3, cap=0) == 0


def test_a_peak_is_seen_ahead_also_over_midnight() -> None:
    quarters = [1.0, 9.0, 2.0, 3.0]

    assert [expected_within(quarters, quarter, ahead=1) for quarter in range(4)] == [9.0, 9.0, 3.0, 3.0]
    assert expected_within(quarters, 3, ahead=2) == 9.0


def test_a_week_without_a_call_counts_and_a_closed_day_does_not() -> None:
    weeks = [{"a": 2 * QUARTER_S}, {}, {"a": QUARTER_S}, {"a": 9 * QUARTER_S}]

    assert expected_calls(weeks, [(), (), (), ()], ()) == pytest.approx(3.0)
    assert expected_calls(weeks, [(), ("a",), (), ("a",)], ()) == pytest.approx(1.5)


def test_restaurants_add_up_and_one_that_will_be_closed_is_left_out() -> None:
    weeks = [{"a": 2 * QUARTER_S, "b": QUARTER_S}]

    assert expected_calls(weeks, [()], ()) == pytest.approx(3.0)
    assert expected_calls(weeks, [()], ("a",)) == pytest.approx(1.0)


def test_a_restaurant_that_was_closed_in_every_week_teaches_nothing() -> None:
    assert expected_calls([{"a": 99.0}], [("a",)], ()) == 0.0


def test_a_quarter_of_an_hour_begins_at_its_minute() -> None:
    now = datetime(2026, 3, 13, 18, 29, 59, 5, tzinfo=UTC)

    assert quarter_of(now) == datetime(2026, 3, 13, 18, 15, tzinfo=UTC)
    assert quarter_of(quarter_of(now)) == quarter_of(now)
