from datetime import UTC, datetime

import pytest

from web import formats

pytestmark = pytest.mark.unit

SUMMER_EVENING = datetime(2026, 7, 14, 22, 30, tzinfo=UTC)


def test_money_is_written_as_the_reader_writes_it() -> None:
    assert formats.money(123450, "EUR", "fr") == "1\u202f234,50\u00a0€"
    assert formats.money(123450, "EUR", "en") == "€1,234.50"


def test_times_are_the_restaurants_own_and_not_the_servers() -> None:
    assert formats.clock(SUMMER_EVENING, "Europe/Paris") == "00:30"
    assert formats.clock(SUMMER_EVENING, "Europe/Dublin") == "23:30"


def test_the_date_is_the_restaurants_own_too() -> None:
    assert formats.day(SUMMER_EVENING, "Europe/Paris", "fr") == "15 juil. 2026"
    assert formats.day(SUMMER_EVENING, "Europe/Dublin", "en") == "14 Jul 2026"


def test_a_day_begins_at_the_restaurants_midnight() -> None:
    assert formats.day_start(SUMMER_EVENING, "Europe/Paris") == datetime(2026, 7, 14, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "start"),
    [
        ("2026-03-29T01:30+00:00", "Europe/Paris", "2026-03-28T23:00+00:00"),
        ("2026-10-25T01:30+00:00", "Europe/Paris", "2026-10-24T22:00+00:00"),
        # On the Azores it is midnight that the clocks skip in spring and repeat in autumn.
        ("2026-03-29T01:30+00:00", "Atlantic/Azores", "2026-03-29T01:00+00:00"),
        ("2026-10-25T01:30+00:00", "Atlantic/Azores", "2026-10-25T00:00+00:00"),
    ],
)
def test_a_day_on_which_the_clocks_change_begins_at_its_first_moment(now: str, zone: str, start: str) -> None:
    assert formats.day_start(datetime.fromisoformat(now), zone) == datetime.fromisoformat(start)


def test_a_duration_is_minutes_and_seconds() -> None:
    assert formats.duration(187_900) == "3:07"


def test_a_price_field_keeps_two_decimals() -> None:
    assert formats.price_input(900, "fr") == "9,00"
    assert formats.price_input(900, "en") == "9.00"
