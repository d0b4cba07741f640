"""Delivery zones, promises, FAQ and table bookings."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.delivery import promised_at, zone_for
from domain.errors import Refused
from domain.faqs import look_up
from domain.order import Fulfilment
from domain.reservations import STAY, DiningTable, Reservation, check_request, free_tables
from domain.restaurant import DeliveryZone, FaqEntry, Restaurant

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


def test_french_and_british_postcodes_find_their_zones(restaurant: Restaurant) -> None:
    zones = (
        DeliveryZone("Paris 11", ("75011", "75012"), 1500, 200, 20),
        DeliveryZone("Soho", ("W1D",), 1500, 200, 20),
        DeliveryZone("One street", ("W1D 3QF",), 1000, 100, 5),
    )
    abroad = replace(restaurant, delivery_zones=zones)
    names = [
        zone.name if zone else "" for zone in (zone_for(abroad, p) for p in ("75 011", "7501", "w1d 4hs", "W1D3QF"))
    ]
    assert names == ["Paris 11", "", "Soho", "One street"]


def test_a_promise_on_a_round_minute_is_not_moved(restaurant: Restaurant) -> None:
    now = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
    assert promised_at(restaurant, now, 0, Fulfilment("pickup")) == now + timedelta(minutes=20)
    a_second_later = promised_at(restaurant, now + timedelta(seconds=1), 0, Fulfilment("pickup"))
    assert a_second_later == now + timedelta(minutes=25)
    with pytest.raises(ValueError, match="time zone"):
        promised_at(restaurant, now.replace(tzinfo=None), 0, Fulfilment("pickup"))


def test_a_load_that_no_kitchen_has_counts_as_three_hours(restaurant: Restaurant) -> None:
    now = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
    promised = [promised_at(restaurant, now, load, Fulfilment("pickup")) - now for load in (-5, 175, 180, 181, 9999)]
    assert promised == [timedelta(minutes=minutes) for minutes in (20, 195, 200, 200, 200)]


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


def test_a_restaurant_without_tables_takes_no_bookings(restaurant: Restaurant) -> None:
    with pytest.raises(Refused) as refused:
        check_request(replace(restaurant, dine_in=False), NOW, EVENING, 2)
    assert refused.value.code == "no_tables"
