from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hours import (
    LOOK_AHEAD_DAYS,
    closes_at,
    is_open,
    next_opening,
    opening_at,
    openings_between,
    spoken_closing,
    spoken_hours,
)
from domain.restaurant import Opening, OpeningException, Restaurant
from domain.spoken_time import clock, moment, parse_day, spans_text

pytestmark = pytest.mark.unit


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "is_it"),
    [
        ("2026-11-20 11:59", False),
        ("2026-11-20 12:00", True),
        ("2026-11-20 14:59", True),
        ("2026-11-20 15:00", False),
        ("2026-11-20 23:30", True),
        ("2026-11-21 00:59", True),  # Friday's night
        ("2026-11-21 01:00", False),
        ("2026-11-23 13:00", False),  # Monday
        ("2026-11-23 00:30", False),  # Sunday ends at 23:00
        ("2026-12-25 13:00", False),  # an exception
        ("2026-07-17 12:00", True),  # summer time: 11:00 UTC
    ],
)
def test_a_restaurant_is_open_by_its_own_wall_clock(restaurant: Restaurant, local: str, is_it: bool) -> None:
    assert is_open(restaurant, at(local, restaurant.zone)) is is_it


def test_the_night_before_a_closed_day_goes_on_past_midnight(restaurant: Restaurant) -> None:
    friday_christmas = replace(restaurant, exceptions=(OpeningException(date(2026, 11, 21)),))
    assert is_open(friday_christmas, at("2026-11-21 00:30", restaurant.zone))
    assert not is_open(friday_christmas, at("2026-11-21 13:00", restaurant.zone))


def test_an_exception_past_midnight_replaces_the_days_hours(restaurant: Restaurant) -> None:
    eve = replace(restaurant, exceptions=(OpeningException(date(2026, 12, 31), ((20 * 60, 27 * 60),)),))
    assert not is_open(eve, at("2026-12-31 13:00", restaurant.zone))
    assert is_open(eve, at("2027-01-01 02:59", restaurant.zone))
    assert not is_open(eve, at("2027-01-01 03:00", restaurant.zone))


def test_a_restaurant_without_hours_is_closed_and_never_opens(restaurant: Restaurant) -> None:
    unknown = replace(restaurant, openings=())
    assert not is_open(unknown, at("2026-11-20 19:00"))
    assert next_opening(unknown, at("2026-11-20 19:00")) is None


def always(zone: str, opens: int, closes: int) -> Restaurant:
    return Restaurant("r", "R", "en", "EUR", zone, openings=tuple(Opening(d, opens, closes) for d in range(7)))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-28 12:00", "2026-03-28T17:00+00:00"),  # 18:00 winter time
        ("2026-03-29 12:00", "2026-03-29T16:00+00:00"),  # 18:00 summer time, the clocks went forward at 2
        ("2026-10-24 12:00", "2026-10-24T16:00+00:00"),
        ("2026-10-25 12:00", "2026-10-25T17:00+00:00"),  # the clocks went back at 3
    ],
)
def test_opening_follows_the_wall_clock_across_a_clock_change(now: str, opens: str) -> None:
    paris = always("Europe/Paris", 18 * 60, 23 * 60)
    assert next_opening(paris, at(now)) == datetime.fromisoformat(opens)


def test_a_night_over_the_spring_change_is_an_hour_shorter() -> None:
    paris = always("Europe/Paris", 20 * 60, 28 * 60)
    closing = closes_at(paris, at("2026-03-28 20:00", "Europe/Paris"))
    assert closing == at("2026-03-29 02:00")  # 4:00 by the wall clock, seven hours after eight


def test_a_night_over_the_autumn_change_is_an_hour_longer() -> None:
    paris = always("Europe/Paris", 20 * 60, 28 * 60)
    assert is_open(paris, at("2026-10-25 02:30", "Europe/Paris", fold=1))
    assert closes_at(paris, at("2026-10-24 20:00", "Europe/Paris")) == at("2026-10-25 03:00")


def test_a_span_that_the_spring_change_swallows_opens_nothing() -> None:
    paris = always("Europe/Paris", 150, 190)  # 2:30 to 3:10; on that night 2:30 is 3:30
    assert not is_open(paris, at("2026-03-29 01:20"))
    assert next_opening(paris, at("2026-03-29 00:30")) == at("2026-03-30 00:30")
    assert is_open(paris, at("2026-03-30 00:40"))


def test_a_restaurant_open_day_and_night_neither_closes_at_midnight_nor_opens_again() -> None:
    day_and_night = always("Europe/Paris", 0, 1440)
    now = at("2026-11-20 23:30", "Europe/Paris")

    closing = closes_at(day_and_night, now)

    assert closing is not None
    assert closing > at("2026-11-27 23:30", "Europe/Paris")
    assert next_opening(day_and_night, now) is None


def test_a_day_that_ends_at_23_59_goes_on_into_one_that_begins_at_midnight() -> None:
    written = always("Europe/Paris", 0, 1439)
    assert is_open(written, at("2026-11-20 23:59", "Europe/Paris"))
    assert next_opening(written, at("2026-11-20 12:00")) is None
    evening = always("Europe/Paris", 18 * 60, 1439)
    assert closes_at(evening, at("2026-11-20 20:00", "Europe/Paris")) == at("2026-11-20 23:59", "Europe/Paris")


def test_closing_is_said_with_its_day_when_it_is_far_and_not_at_all_when_there_is_none() -> None:
    weekend = (Opening(4, 18 * 60, 1440), Opening(5, 0, 1440), Opening(6, 0, 120))
    paris = replace(always("Europe/Paris", 0, 1440), language="en")
    now = at("2026-11-20 20:00", "Europe/Paris")

    assert spoken_closing(paris, now) == ""
    assert spoken_closing(replace(paris, openings=weekend), now) == "Sunday 22 November at 2 am"
    assert spoken_closing(replace(paris, openings=(Opening(4, 0, 1440),)), now) == "midnight"
    assert spoken_closing(replace(paris, openings=()), now) == ""


@pytest.mark.parametrize("night", ["2026-10-25", "2026-11-21", "2027-03-28"])
def test_spans_that_touch_over_midnight_are_one_opening(night: str) -> None:
    """18:00 to 1:00 and 1:00 to 5:00, on nights of clock changes too."""
    openings = [Opening(day, *span) for day in range(7) for span in ((18 * 60, 25 * 60), (60, 300))]
    paris = replace(always("Europe/Paris", 0, 1), openings=tuple(openings))
    midnight = at(f"{night} 00:00", "Europe/Paris")

    opening = opening_at(paris, midnight)

    assert opening is not None
    assert [local.astimezone(ZoneInfo("Europe/Paris")).strftime("%H:%M") for local in opening] == ["18:00", "05:00"]
    length = {"2026-10-25": 12, "2027-03-28": 10}.get(night, 11)
    assert opening[1] - opening[0] == timedelta(hours=length)


def test_overlapping_spans_are_one_opening() -> None:
    openings = (Opening(4, 11 * 60, 15 * 60), Opening(4, 14 * 60, 18 * 60), Opening(4, 16 * 60, 17 * 60))
    shop = replace(always("UTC", 0, 1), openings=openings)

    assert opening_at(shop, at("2026-11-20 11:00")) == (at("2026-11-20 11:00"), at("2026-11-20 18:00"))
    assert opening_at(shop, at("2026-11-20 18:00")) is None
    assert next_opening(shop, at("2026-11-20 12:00")) == at("2026-11-27 11:00")


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        # The night the clocks go back: 18:00 is in summer time, 1:00 too, as the change is at 3.
        ("2026-10-24T16:00+00:00", "2026-10-24T23:00+00:00"),
        ("2026-10-25T17:00+00:00", "2026-10-26T00:00+00:00"),
        ("2027-03-27T17:00+00:00", "2027-03-28T00:00+00:00"),
        ("2027-03-28T16:00+00:00", "2027-03-28T23:00+00:00"),
    ],
)
def test_an_evening_until_one_is_right_around_both_clock_changes(opens: str, closes: str) -> None:
    paris = always("Europe/Paris", 18 * 60, 25 * 60)
    start, end = datetime.fromisoformat(opens), datetime.fromisoformat(closes)

    assert opening_at(paris, start) == (start, end)
    assert opening_at(paris, end - timedelta(seconds=1)) == (start, end)
    assert opening_at(paris, end) is None
    assert opening_at(paris, start - timedelta(seconds=1)) is None


def test_openings_between_two_moments_are_whole_and_in_order(restaurant: Restaurant) -> None:
    found = openings_between(restaurant, at("2026-11-20 14:00"), at("2026-11-21 12:00"))

    assert found == (
        (at("2026-11-20 12:00"), at("2026-11-20 15:00")),
        (at("2026-11-20 18:00"), at("2026-11-21 01:00")),
        (at("2026-11-21 12:00"), at("2026-11-21 15:00")),
    )


def friday(restaurant: Restaurant, *spans: tuple[int, int]) -> Restaurant:
    """Open on Fridays only, in hours after midnight."""
    return replace(restaurant, openings=tuple(Opening(4, opens * 60, closes * 60) for opens, closes in spans))


@pytest.mark.parametrize(
    ("spans", "closes"),
    [
        (((12, 15), (14, 18)), "2026-11-20 18:00"),
        (((14, 18), (12, 15)), "2026-11-20 18:00"),
        (((12, 22), (14, 15)), "2026-11-20 22:00"),  # one within the other
        (((12, 15), (12, 16)), "2026-11-20 16:00"),
    ],
)
def test_where_spans_overlap_the_later_end_is_when_it_closes(
    restaurant: Restaurant, spans: tuple[tuple[int, int], ...], closes: str
) -> None:
    assert closes_at(friday(restaurant, *spans), at("2026-11-20 14:30", restaurant.zone)) == at(closes)


@pytest.mark.parametrize("saturday", [(0, 1), (0, 3)])
def test_where_the_night_before_overlaps_the_day_the_later_end_is_when_it_closes(
    restaurant: Restaurant, saturday: tuple[int, int]
) -> None:
    night = (Opening(4, 18 * 60, 26 * 60), Opening(5, saturday[0] * 60, saturday[1] * 60))
    closing = closes_at(replace(restaurant, openings=night), at("2026-11-21 00:30", restaurant.zone))
    assert closing == at(f"2026-11-21 0{max(2, saturday[1])}:00")


def test_an_opening_further_away_than_any_holiday_is_not_promised(restaurant: Restaurant) -> None:
    now = at("2026-11-20 09:00", restaurant.zone)
    for days, known in ((LOOK_AHEAD_DAYS - 1, True), (LOOK_AHEAD_DAYS, False)):
        day = now.date() + timedelta(days=days)
        reopening = replace(restaurant, openings=(), exceptions=(OpeningException(day, ((12 * 60, 15 * 60),)),))
        assert (next_opening(reopening, now) is not None) is known


def test_next_opening_skips_closed_days_and_exceptions(restaurant: Restaurant) -> None:
    assert next_opening(restaurant, at("2026-11-20 16:00")) == at("2026-11-20 18:00")
    assert next_opening(restaurant, at("2026-11-22 23:30")) == at("2026-11-24 12:00")
    assert next_opening(restaurant, at("2026-12-24 23:30")) == at("2026-12-26 12:00")


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(0, 1439), st.integers(1, 1380))
def test_the_next_opening_is_open_and_in_the_future(moment: datetime, opens: int, length: int) -> None:
    shop = always("Europe/Paris", opens, opens + length)
    now = moment.replace(tzinfo=UTC)
    opening = next_opening(shop, now)
    assert opening is not None
    assert opening > now
    assert is_open(shop, opening)
    closing = closes_at(shop, now)
    assert closing is None or closing > now


def test_a_naive_time_is_a_mistake_of_the_program(restaurant: Restaurant) -> None:
    with pytest.raises(ValueError, match="time zone"):
        is_open(restaurant, datetime(2026, 11, 20, 19, 0))


def test_hours_are_said_in_the_restaurants_language(restaurant: Restaurant, french: Restaurant) -> None:
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    assert spoken_hours(restaurant, friday) == (
        "On Friday 20 November we are open from noon to 3 pm and from 6 pm to 1 am."
    )
    assert spoken_hours(french, friday) == (
        "Le vendredi 20 novembre, nous sommes ouverts de midi à 15 heures et de 18 heures à 1 heure."
    )
    assert spoken_hours(restaurant, monday) == "On Monday 23 November we are closed."
    assert spoken_hours(french, monday) == "Le lundi 23 novembre, nous sommes fermés."


@pytest.mark.parametrize(
    ("minutes", "english", "french"),
    [
        (0, "midnight", "minuit"),
        (1440, "midnight", "minuit"),
        (720, "noon", "midi"),
        (750, "12:30 pm", "midi 30"),
        (10, "12:10 am", "minuit 10"),
        (65, "1:05 am", "1 heure 5"),
        (1170, "7:30 pm", "19 heures 30"),
    ],
)
def test_a_time_is_said_as_people_say_it(minutes: int, english: str, french: str) -> None:
    assert (clock(minutes, "en"), clock(minutes, "fr")) == (english, french)


def test_a_moment_is_said_relative_to_today() -> None:
    today = date(2026, 4, 30)
    assert moment(datetime(2026, 4, 30, 19), today, "en") == "today at 7 pm"
    assert moment(datetime(2026, 5, 1, 12), today, "fr") == "demain à midi"
    assert moment(datetime(2027, 5, 1, 12), date(2027, 1, 1), "fr") == "samedi 1er mai à midi"


def test_a_day_and_night_is_said_as_all_day() -> None:
    assert spans_text(((0, 1440),), "en") == "all day"
    assert spans_text((), "fr") == "fermé"


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-12-25", date(2026, 12, 25)),
        ("Today", date(2026, 11, 20)),
        ("aujourd’hui", date(2026, 11, 20)),
        ("demain", date(2026, 11, 21)),
        ("friday", date(2026, 11, 20)),
        ("Jeudi", date(2026, 11, 26)),
        ("2026-02-30", None),
        ("25/12", None),
        ("someday", None),
        ("", None),
    ],
)
def test_days_are_understood_in_both_languages(said: str, day: date | None) -> None:
    assert parse_day(said, date(2026, 11, 20)) == day
