from datetime import date, timedelta

import pytest

from domain import holidays

pytestmark = pytest.mark.unit


def days(country: str, year: int) -> dict[str, str]:
    found = holidays.between(country, date(year, 1, 1), date(year, 12, 31))
    return {holiday.day.strftime("%d.%m."): holiday.name for holiday in found}


def test_france_has_its_eleven_days() -> None:
    assert list(days("FR", 2026)) == [
        *("01.01.", "06.04.", "01.05.", "08.05.", "14.05.", "25.05."),
        *("14.07.", "15.08.", "01.11.", "11.11.", "25.12."),
    ]


def test_ireland_keeps_saint_brigids_on_the_first_monday_or_on_a_friday_that_is_the_first() -> None:
    assert days("IE", 2026)["02.02."] == "st_brigid"
    assert days("IE", 2030)["01.02."] == "st_brigid"


def test_ireland_and_britain_have_their_mondays() -> None:
    assert days("IE", 2026)["26.10."] == "october_holiday"
    assert days("GB", 2026)["31.08."] == "august_holiday"
    assert days("GB", 2026)["25.05."] == "spring_holiday"


def test_a_british_holiday_at_a_weekend_is_kept_on_the_next_free_day() -> None:
    # Christmas 2027 is a Saturday and Boxing Day a Sunday: Monday and Tuesday are kept for them.
    assert [day for day, name in days("GB", 2027).items() if name == "bank_holiday"] == ["27.12.", "28.12."]
    # In 2026 Boxing Day is a Saturday.
    assert [day for day, name in days("GB", 2026).items() if name == "bank_holiday"] == ["28.12."]


@pytest.mark.parametrize(
    ("year", "month", "day"), [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25), (2285, 3, 22)]
)
def test_easter_is_where_the_calendar_has_it(year: int, month: int, day: int) -> None:
    assert holidays.easter_sunday(year) == date(year, month, day)


def test_a_span_over_new_year_has_the_days_of_both_years_in_order() -> None:
    found = holidays.between("BE", date(2026, 12, 1), date(2027, 1, 31))

    assert [holiday.name for holiday in found] == ["christmas", "new_year"]


def test_of_a_country_that_is_not_known_none_are_told() -> None:
    assert holidays.between("ZZ", date(2026, 1, 1), date(2026, 12, 31)) == ()


@pytest.mark.parametrize("country", sorted(holidays.COUNTRIES))
def test_every_holiday_has_a_name_that_pages_know_and_one_day_of_its_own(country: str) -> None:
    first = date(2026, 1, 1)
    found = holidays.between(country, first, first + timedelta(days=20 * 365))

    assert {holiday.name for holiday in found} <= holidays.NAMES
    assert len({holiday.day for holiday in found}) >= len(found) - 3  # ascension may fall on a dated one
