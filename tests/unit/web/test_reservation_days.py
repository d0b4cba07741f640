"""A day's reservations in the restaurant's own time: the plan by table, and a time that is typed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from domain.reservations import DiningTable
from domain.restaurant import Opening, Restaurant
from stores.reservations import Reservation
from web import formats
from web.place.reservation_days import plan
from web.place.reservation_form import Typed

pytestmark = pytest.mark.unit

ALWAYS = tuple(Opening(day, 0, 1440) for day in range(7))
PARIS = Restaurant("r", "Le Port", "fr", "EUR", "Europe/Paris", openings=ALWAYS, country="FR")
TABLE = DiningTable("t", "Salle", "1", 4)


def booked(start: datetime, minutes: int, name: str = "x") -> Reservation:
    return Reservation(
        id=name,
        status="confirmed",
        starts_at=start,
        ends_at=start + timedelta(minutes=minutes),
        covers=2,
        table_ids=("t",),
    )


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2027, 3, 28), 23), (date(2026, 10, 25), 25), (date(2026, 11, 21), 24)]
)
def test_a_day_has_as_many_hours_as_it_has(day: date, hours: int) -> None:
    found = plan(PARIS, (TABLE,), (), *formats.day_span(day, PARIS.zone))

    assert len(found.heads) == hours
    assert sum(cell.width for cell in found.rows[0][1]) == hours * 4


def test_the_plan_begins_with_the_first_opening_or_reservation_and_ends_with_the_last() -> None:
    evening = Restaurant("r", "x", "fr", "EUR", "UTC", openings=(Opening(5, 18 * 60, 22 * 60),))
    early = booked(datetime(2026, 11, 21, 16, 40, tzinfo=UTC), 30)

    found = plan(evening, (TABLE,), (early,), *formats.day_span(date(2026, 11, 21), "UTC"))
    closed = plan(evening, (TABLE,), (), *formats.day_span(date(2026, 11, 22), "UTC"))

    assert (found.heads[0].at.hour, found.heads[-1].at.hour) == (16, 21)
    assert closed.heads == ()


def test_of_a_day_that_is_open_all_night_the_hours_around_the_reservations_are_shown() -> None:
    held = [booked(datetime(2026, 11, 21, hour, tzinfo=UTC), 60, str(hour)) for hour in (11, 20)]

    found = plan(PARIS, (TABLE,), held, *formats.day_span(date(2026, 11, 21), PARIS.zone))

    assert (found.heads[0].at.hour, found.heads[-1].at.hour) == (10, 21)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(15, 200)), max_size=8),
    st.integers(-120, 120),
)
def test_every_row_has_all_columns_and_each_reservation_once(gaps: list[tuple[int, int]], first: int) -> None:
    since, until = formats.day_span(date(2026, 10, 25), PARIS.zone)
    at, held = since + timedelta(minutes=first), []
    for number, (gap, minutes) in enumerate(gaps):
        start = at + timedelta(minutes=gap)
        held.append(booked(start, minutes, str(number)))
        at = start + timedelta(minutes=minutes)

    found = plan(PARIS, (TABLE,), held, since, until)

    cells = found.rows[0][1]
    shown = [cell.reservation.id for cell in cells if cell.reservation]
    assert sum(cell.width for cell in cells) == sum(head.width for head in found.heads)
    assert shown == sorted(set(shown), key=int)
    inside = [one for one in held if one.starts_at >= since and one.ends_at <= until]
    assert {one.id for one in inside} <= set(shown)


def typed(**fields: object) -> Typed:
    form = {"day": "2026-11-21", "time": "19:30", "covers": "2", "name": "Ada", **fields}
    return Typed.sent(MultiDict({name: str(value) for name, value in form.items()}), PARIS)


def test_a_time_is_the_restaurants_and_one_that_comes_twice_is_the_first() -> None:
    winter, twice = typed(), typed(day="2026-10-25", time="02:30")
    assert winter.asked is not None
    assert twice.asked is not None
    assert winter.asked.starts_at == datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
    assert twice.asked.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_second_of_a_time_that_comes_twice_can_be_chosen_where_it_is_proposed() -> None:
    chosen = typed(use_time="2026-10-25T01:30:00+00:00")
    assert chosen.asked is not None
    assert chosen.asked.starts_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert (chosen.form.typed("day"), chosen.form.typed("time")) == ("2026-10-25", "02:30")


@pytest.mark.parametrize("proposed", ["soon", "2026-10-25T01:30:00", "0001-01-01T00:00:00+00:00"])
def test_a_proposal_that_is_none_is_passed_over(proposed: str) -> None:
    found = typed(use_time=proposed)
    assert found.asked is not None
    assert found.asked.starts_at == datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
