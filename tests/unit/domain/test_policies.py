"""Delivery zones, postcodes, FAQ and table bookings."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.delivery import normal_postcode, zone_for
from domain.errors import Refused
from domain.faqs import look_up
from domain.reservations import STAY, DiningTable, Reservation, check_request, free_tables
from domain.restaurant import DeliveryZone, FaqEntry, Opening, Restaurant

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("postcode", "zone"),
    [
        ("D02", "Centre"),
        ("d02 x285", "Centre"),
        ("D02X285", "Centre"),
        ("D09 AB12", "North"),
        ("D021", None),
        ("D24 AB12", None),
        ("", None),
        (" - ", None),
    ],
)
def test_an_irish_postcode_belongs_to_the_zone_of_its_district(
    restaurant: Restaurant, postcode: str, zone: str | None
) -> None:
    found = zone_for(restaurant, postcode)
    assert (found.name if found else None) == zone


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Dublin 13", "D13"),
        ("dublin thirteen", "D13"),
        ("D thirteen", "D13"),
        ("D one three", "D13"),
        ("d13", "D13"),
        ("D.13", "D13"),
        ("D 3", "D03"),
        ("D03", "D03"),
        ("D oh three", "D03"),
        ("D zero 3", "D03"),
        ("Dublin three", "D03"),
        ("Dublin 6W", "D6W"),
        ("D twenty-four", "D24"),
        ("Dublin D02 X285", "D02X285"),
        ("Dublin 6 West", "D6W"),
        ("Dublin 06W", "D6W"),
        ("Co. Dublin 13", "D13"),
        ("County Dublin, D thirteen", "D13"),
        ("A65 F4E2", "A65F4E2"),
        ("D021", "D021"),
        ("Dublin", "DUBLIN"),
        ("Dublin 0", "DUBLIN0"),
    ],
)
def test_a_dublin_district_is_understood_as_people_say_it(said: str, code: str) -> None:
    assert normal_postcode(said, "IE", "en") == code


@pytest.mark.parametrize("said", ["75 011", "75-011", "soixante-quinze zéro onze", "soixante-quinze mille onze"])
def test_a_french_postcode_is_understood_as_people_say_it(said: str) -> None:
    assert normal_postcode(said, "FR", "fr") == "75011"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("75011 Paris", "75011"),
        ("F-75011", "75011"),
        ("Paris 11", "75011"),
        ("Paris 11e", "75011"),
        ("Paris 1er", "75001"),
        ("Lyon trois", "69003"),
        ("Marseille 16e arrondissement", "13016"),
        ("Paris 21", "PARIS21"),
        ("750111", "750111"),
        ("Lille 3", "LILLE3"),
    ],
)
def test_a_french_town_may_stand_beside_its_postcode_or_its_district_for_it(said: str, code: str) -> None:
    assert normal_postcode(said, "FR", "fr") == code


def test_only_ireland_has_dublins_districts() -> None:
    assert normal_postcode("D 3", "FR", "fr") == "D3"


@pytest.mark.parametrize(("said", "zone"), [("Dublin 8", "Centre"), ("D nine", "North"), ("Dublin 24", None)])
def test_a_said_district_finds_its_zone_however_the_zone_is_written(
    restaurant: Restaurant, said: str, zone: str | None
) -> None:
    written = (DeliveryZone("Centre", ("Dublin 2", "D8"), 0, 0, 15), DeliveryZone("North", ("D09",), 0, 0, 30))
    for one in (restaurant, replace(restaurant, delivery_zones=written)):
        found = zone_for(one, said)
        assert (found.name if found else None) == zone


def test_french_and_british_postcodes_find_their_zones(restaurant: Restaurant) -> None:
    zones = (
        DeliveryZone("Paris 11", ("75011", "75012"), 1500, 200, 20),
        DeliveryZone("Soho", ("W1D",), 1500, 200, 20),
        DeliveryZone("One street", ("W1D 3QF",), 1000, 100, 5),
    )
    abroad = replace(restaurant, country="FR", delivery_zones=zones)
    names = [
        zone.name if zone else "" for zone in (zone_for(abroad, p) for p in ("75 011", "7501", "w1d 4hs", "W1D3QF"))
    ]
    assert names == ["Paris 11", "", "Soho", "One street"]


@pytest.mark.parametrize(
    ("question", "best"),
    [("Is there a car park?", "f-1"), ("anything vegan?", "f-2"), ("Do you take CARDS", "f-3"), ("parking", "f-1")],
)
def test_the_entry_that_shares_most_words_answers(faq: tuple[FaqEntry, ...], question: str, best: str) -> None:
    assert look_up(faq, question)[0].id == best


@pytest.mark.parametrize("question", ["Can you do that for you?", "", "!!", "dogs"])
def test_words_that_every_question_has_answer_nothing(faq: tuple[FaqEntry, ...], question: str) -> None:
    with pytest.raises(Refused) as refused:
        look_up(faq, question)
    assert refused.value.code == "no_answer"


EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
TABLES = (
    DiningTable("t-6", "Main", "6", 6),
    DiningTable("t-2", "Main", "2", 2),
    DiningTable("t-4", "Terrace", "4", 4),
)


def booked(table: str, start: datetime) -> Reservation:
    return Reservation("b", table, start, start + STAY, 2)


def test_the_tightest_free_table_comes_first() -> None:
    assert [table.id for table in free_tables(TABLES, (), EVENING, 2)] == ["t-2", "t-4", "t-6"]
    assert [table.id for table in free_tables(TABLES, (), EVENING, 3)] == ["t-4", "t-6"]
    assert free_tables(TABLES, (), EVENING, 7) == ()


@pytest.mark.parametrize(
    ("offset", "is_free"),
    [(-STAY, True), (-STAY + timedelta(minutes=1), False), (timedelta(), False), (STAY, True)],
)
def test_a_table_is_taken_from_its_start_until_just_before_its_end(offset: timedelta, is_free: bool) -> None:
    free = free_tables(TABLES[:1], (booked("t-6", EVENING + offset),), EVENING, 2)
    assert bool(free) is is_free


NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts_at", "covers", "code"),
    [
        (EVENING, 4, None),
        (EVENING, 12, None),
        (EVENING, 13, "too_many_covers"),
        (EVENING, 0, "too_many_covers"),
        (EVENING, 10**40, "too_many_covers"),
        (NOW + timedelta(minutes=29), 2, "bad_booking_time"),
        (NOW - timedelta(days=1), 2, "bad_booking_time"),
        (NOW + timedelta(days=61), 2, "bad_booking_time"),
        (datetime(2026, 11, 23, 19, 0, tzinfo=UTC), 2, "closed_at_booking_time"),  # Monday
        (datetime(2026, 11, 22, 22, 15, tzinfo=UTC), 2, None),  # 45 minutes before closing
        (datetime(2026, 11, 22, 22, 16, tzinfo=UTC), 2, "closed_at_booking_time"),
    ],
)
def test_bookings_are_taken_within_the_policy(
    restaurant: Restaurant, starts_at: datetime, covers: int, code: str | None
) -> None:
    with nullcontext() if code is None else pytest.raises(Refused) as refused:
        check_request(restaurant, NOW, starts_at, covers)
    assert (refused.value.code if refused else None) == code


def test_a_restaurant_open_day_and_night_takes_a_booking_before_midnight(restaurant: Restaurant) -> None:
    day_and_night = replace(restaurant, openings=tuple(Opening(day, 0, 1440) for day in range(7)))

    check_request(day_and_night, NOW, datetime(2026, 11, 21, 23, 30, tzinfo=UTC), 4)


def test_a_booking_on_the_night_of_a_clock_change_keeps_its_distance_from_closing(restaurant: Restaurant) -> None:
    """Open until 3 in Paris, where 2:30 comes twice: half an hour before closing, and an hour and a half before."""
    openings = tuple(Opening(day, 18 * 60, 27 * 60) for day in range(7))
    paris = replace(restaurant, zone="Europe/Paris", openings=openings)
    now = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))

    check_request(paris, now, first, 2)
    with pytest.raises(Refused) as refused:
        check_request(paris, now, first.replace(fold=1), 2)
    assert refused.value.code == "closed_at_booking_time"


def test_a_stay_over_a_clock_change_lasts_as_long_as_any_other() -> None:
    """A table that is asked for at 1:30 on the night the clocks go forward is needed until 4:15 by the clock."""
    start = datetime(2027, 3, 28, 1, 30, tzinfo=ZoneInfo("Europe/Paris"))
    taken = booked("t-6", datetime(2027, 3, 28, 3, 30, tzinfo=ZoneInfo("Europe/Paris")))

    assert free_tables(TABLES[:1], (taken,), start, 2) == ()


def test_a_restaurant_without_tables_takes_no_bookings(restaurant: Restaurant) -> None:
    with pytest.raises(Refused) as refused:
        check_request(replace(restaurant, dine_in=False), NOW, EVENING, 2)
    assert refused.value.code == "no_tables"
