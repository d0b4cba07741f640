"""Table bookings: the policy, the table that a party gets, and the other times when there is none."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import BusyTimes, Calendar, Span
from domain.errors import Refused
from domain.reservations import (
    MAX_JOINED,
    MOST_ROWS,
    Book,
    DiningTable,
    Hold,
    Rules,
    answer,
    check_request,
    id_of_call,
    seatings,
    seats_of,
)
from domain.restaurant import Opening, Restaurant

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
STAY = timedelta(minutes=105)
RULES = Rules()


def table(name: str, seats: int, *, least: int = 1, beside: str = "", is_open: bool = True) -> DiningTable:
    return DiningTable(name, "Main", name, seats, least, frozenset(beside.split()), is_open)


TWO, FOUR, SIX = table("2", 2), table("4", 4), table("6", 6)


def held(one: DiningTable, start: datetime = EVENING, stay: timedelta = STAY) -> Hold:
    return Hold(f"of {one.id}", one.id, start, start + stay)


def names(found: Iterable[DiningTable]) -> str:
    return " ".join(one.name for one in found)


def open_all_day(restaurant: Restaurant, zone: str = "UTC") -> Restaurant:
    return replace(restaurant, zone=zone, openings=tuple(Opening(day, 0, 1440) for day in range(7)), exceptions=())


# --- The policy ----------------------------------------------------------------------------------------------------


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
        check_request(restaurant, RULES, NOW, starts_at, covers)
    assert (refused.value.code if refused else None) == code


def test_the_staff_are_bound_by_the_opening_hours_only(restaurant: Restaurant) -> None:
    late = datetime(2026, 11, 22, 22, 55, tzinfo=UTC)  # five minutes before closing

    check_request(restaurant, RULES, late, late - timedelta(minutes=10), 30, by_staff=True)
    check_request(restaurant, RULES, NOW, late, 30, by_staff=True)
    with pytest.raises(Refused) as refused:
        check_request(restaurant, RULES, NOW, datetime(2026, 11, 23, 19, 0, tzinfo=UTC), 2, by_staff=True)
    assert refused.value.code == "closed_at_booking_time"


def test_a_restaurant_open_day_and_night_takes_a_booking_before_midnight(restaurant: Restaurant) -> None:
    check_request(open_all_day(restaurant), RULES, NOW, datetime(2026, 11, 21, 23, 30, tzinfo=UTC), 4)


def test_a_booking_on_the_night_of_a_clock_change_keeps_its_distance_from_closing(restaurant: Restaurant) -> None:
    """Open until 3 in Paris, where 2:30 comes twice: half an hour before closing, and an hour and a half before."""
    openings = tuple(Opening(day, 18 * 60, 27 * 60) for day in range(7))
    paris = replace(restaurant, zone="Europe/Paris", openings=openings)
    now = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
    first = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)

    check_request(paris, RULES, now, first, 2)
    with pytest.raises(Refused) as refused:
        check_request(paris, RULES, now, first.replace(fold=1), 2)
    assert refused.value.code == "closed_at_booking_time"


@pytest.mark.parametrize(("dine_in", "rules"), [(False, RULES), (True, Rules(taken=False))])
def test_a_restaurant_that_takes_no_bookings_takes_none(restaurant: Restaurant, dine_in: bool, rules: Rules) -> None:
    with pytest.raises(Refused) as refused:
        answer(replace(restaurant, dine_in=dine_in), Book(rules), NOW, EVENING, 2)
    assert refused.value.code == "no_tables"


def test_a_stay_is_as_long_as_its_party_is_large() -> None:
    rules = Rules(stay_minutes=(90, 105, 120, 150))
    lengths = [rules.stay(covers) // timedelta(minutes=1) for covers in (1, 2, 3, 4, 5, 6, 7, 100)]
    assert lengths == [90, 90, 105, 105, 120, 120, 150, 150]


# --- The table -----------------------------------------------------------------------------------------------------


def test_the_table_that_fits_best_is_given_first() -> None:
    assert [names(one) for one in seatings((SIX, TWO, FOUR), 2)] == ["2", "4", "6"]
    assert [names(one) for one in seatings((SIX, TWO, FOUR), 3)] == ["4", "6"]
    assert seatings((SIX, TWO, FOUR), 7) == ()


def test_a_table_is_not_given_to_fewer_than_it_is_kept_for_nor_one_of_a_closed_room() -> None:
    tables = (table("round", 8, least=5), table("terrace", 4, is_open=False), FOUR)
    assert [names(one) for one in seatings(tables, 4)] == ["4"]
    assert [names(one) for one in seatings(tables, 5)] == ["round"]


def test_tables_are_joined_only_when_no_single_one_is_enough_and_each_is_beside_another() -> None:
    row = (table("a", 2, beside="b"), table("b", 2, beside="a c"), table("c", 2, beside="b"), SIX)

    assert [names(one) for one in seatings(row, 4)] == ["6", "a b", "b c"]
    assert [names(one) for one in seatings(row, 6)] == ["6", "a b c"]
    assert seatings(row, 7) == ()


def test_a_table_that_joins_two_others_may_itself_seat_few() -> None:
    row = (table("a", 2, beside="bar"), table("bar", 1, beside="a big"), table("big", 6, beside="bar"))
    assert [names(one) for one in seatings(row, 8)] == ["a bar big"]


@given(
    seats=st.lists(st.integers(1, 8), min_size=1, max_size=6),
    pairs=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8),
    covers=st.integers(1, 20),
)
def test_seatings_are_all_the_smallest_connected_rows_that_are_enough(
    seats: list[int], pairs: set[tuple[int, int]], covers: int
) -> None:
    beside = {(a, b) for one, two in pairs for a, b in ((one, two), (two, one)) if a != b}
    tables = [
        table(str(n), number, beside=" ".join(str(b) for a, b in beside if a == n and b < len(seats)))
        for n, number in enumerate(seats)
    ]

    def connected(row: tuple[int, ...]) -> bool:
        reached, left = {row[0]}, set(row[1:])
        while near := {one for one in left if any((there, one) in beside for there in reached)}:
            reached, left = reached | near, left - near
        return not left

    rows = [row for size in range(1, MAX_JOINED + 1) for row in combinations(range(len(seats)), size)]
    enough = [set(row) for row in rows if sum(seats[n] for n in row) >= covers and connected(row)]
    wanted = {frozenset(map(str, row)) for row in enough if not any(other < row for other in enough)}

    found = seatings(tuple(tables), covers)

    assert {frozenset(one.id for one in row) for row in found} == wanted
    assert list(map(len, found)) == sorted(map(len, found))


# --- The answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "is_free"),
    [(-STAY, True), (-STAY + timedelta(minutes=1), False), (timedelta(), False), (STAY, True)],
)
def test_a_table_is_taken_from_its_start_until_just_before_its_end(
    restaurant: Restaurant, offset: timedelta, is_free: bool
) -> None:
    book = Book(RULES, (SIX,), (held(SIX, EVENING + offset),))
    found = answer(open_all_day(restaurant), book, NOW, EVENING, 2)
    assert bool(found.seating) is is_free
    assert found.ends_at - found.starts_at == STAY


def test_a_stay_over_a_clock_change_lasts_as_long_as_any_other(restaurant: Restaurant) -> None:
    """A table that is asked for at 1:30 on the night the clocks go forward is needed until 4:15 by the clock."""
    start = datetime(2027, 3, 28, 1, 30, tzinfo=PARIS)
    book = Book(RULES, (SIX,), (held(SIX, datetime(2027, 3, 28, 3, 30, tzinfo=PARIS)),))

    found = answer(open_all_day(restaurant, "Europe/Paris"), book, start - timedelta(hours=9), start, 2)

    assert found.ends_at.astimezone(PARIS).strftime("%H:%M") == "04:15"
    assert not found.possible


def test_when_nothing_is_free_the_nearest_times_that_are_come_in_order(restaurant: Restaurant) -> None:
    book = Book(RULES, (FOUR,), (held(FOUR, EVENING, timedelta(minutes=60)),))

    found = answer(open_all_day(restaurant), book, NOW, EVENING + timedelta(minutes=5), 4)

    assert not found.possible
    assert [one.strftime("%H:%M") for one in found.others] == ["20:00", "20:15", "20:30"]


def test_other_times_keep_to_the_opening_hours_and_are_on_another_day_only_if_there_are_none(
    restaurant: Restaurant,
) -> None:
    """Open from 18 to 23 on Saturdays and Sundays: the last table is at 22:15."""
    hours = replace(restaurant, openings=(Opening(5, 1080, 1380), Opening(6, 1080, 1380)), zone="UTC", exceptions=())
    until_late = held(FOUR, EVENING - timedelta(hours=1), timedelta(hours=4))
    all_night = held(FOUR, EVENING - timedelta(hours=1), timedelta(hours=6))

    late = answer(hours, Book(RULES, (FOUR,), (until_late,)), NOW, EVENING + timedelta(hours=1), 2)
    never = answer(hours, Book(RULES, (FOUR,), (all_night,)), NOW, EVENING + timedelta(hours=1), 2)

    assert [one.strftime("%a %H:%M") for one in late.others] == ["Sat 22:00", "Sat 22:15"]
    assert [one.strftime("%a %H:%M") for one in never.others] == ["Sun 20:00"]


def test_the_same_time_on_other_days_is_the_same_on_the_wall_when_the_clocks_change(restaurant: Restaurant) -> None:
    start = datetime(2026, 10, 24, 20, 0, tzinfo=PARIS)
    full = Hold("x", "4", start - timedelta(hours=6), start + timedelta(hours=6))

    paris = open_all_day(restaurant, "Europe/Paris")
    found = answer(paris, Book(RULES, (FOUR,), (full,)), start - timedelta(days=1), start, 2)

    assert [one.astimezone(PARIS).strftime("%d %H:%M") for one in found.others] == ["25 20:00", "26 20:00", "27 20:00"]


def test_a_party_that_no_table_could_ever_seat_is_offered_no_other_time(restaurant: Restaurant) -> None:
    found = answer(open_all_day(restaurant), Book(RULES, (TWO,)), NOW, EVENING, 5)
    assert (found.possible, found.others) == (False, ())


def test_a_restaurant_without_tables_takes_requests(restaurant: Restaurant) -> None:
    found = answer(restaurant, Book(), NOW, EVENING, 5)
    assert (found.by_request, found.possible, found.seating) == (True, True, ())


def in_calendar(*spans: Span, by_start: bool = False, age: timedelta = timedelta(minutes=1)) -> Calendar:
    busy = BusyTimes(NOW, NOW + timedelta(days=30), spans, by_start)
    return Calendar(NOW - age, busy)


def test_a_time_that_the_calendar_closes_is_nobodys_and_others_are_proposed(restaurant: Restaurant) -> None:
    wedding = in_calendar(Span(EVENING + timedelta(hours=1), EVENING + timedelta(hours=5)))
    book = Book(RULES, (TWO, FOUR), calendar=wedding)
    place = open_all_day(restaurant)

    found = answer(place, book, NOW, EVENING, 2)
    assert (found.possible, found.closed) == (False, True)
    assert max(found.others) == EVENING - timedelta(minutes=45)  # its guests have left when it begins
    assert answer(place, book, NOW, EVENING - timedelta(minutes=45), 2).possible
    assert answer(place, book, NOW, EVENING + timedelta(hours=5), 2).possible
    assert not answer(place, book, NOW, EVENING, 2, by_staff=True).possible
    assert not answer(place, Book(RULES, calendar=wedding), NOW, EVENING, 2).possible
    assert answer(place, Book(RULES, calendar=wedding), NOW, EVENING, 2).others == found.others
    assert answer(place, Book(RULES, calendar=wedding), NOW, EVENING, 2, by_staff=True).by_request


def test_a_calendar_that_counts_places_says_when_one_may_come_and_not_for_how_long(restaurant: Restaurant) -> None:
    full = in_calendar(Span(EVENING, EVENING + timedelta(minutes=15)), by_start=True)
    book, place = Book(RULES, (TWO, FOUR), (held(TWO),), calendar=full), open_all_day(restaurant)

    assert not answer(place, book, NOW, EVENING, 2).possible
    assert answer(place, book, NOW, EVENING - timedelta(minutes=15), 2).possible
    assert answer(place, book, NOW, EVENING, 1, changing="of 2").possible  # its own place is among those taken


@pytest.mark.parametrize(
    ("calendar", "unsure"),
    [
        (None, False),
        (Calendar(), True),
        (in_calendar(Span(EVENING, EVENING + STAY), age=timedelta(minutes=16)), True),
        (replace(in_calendar(), busy=BusyTimes(NOW, EVENING)), True),
        (in_calendar(), False),
    ],
)
def test_where_the_calendar_is_not_known_the_tables_have_their_say(
    restaurant: Restaurant, calendar: Calendar | None, unsure: bool
) -> None:
    found = answer(open_all_day(restaurant), Book(RULES, (FOUR,), calendar=calendar), NOW, EVENING, 4)
    assert (names(found.seating), found.unsure) == ("4", unsure)


def test_a_reservation_that_is_changed_does_not_stand_in_its_own_way(restaurant: Restaurant) -> None:
    book = Book(RULES, (SIX,), (held(SIX),))
    later = EVENING + timedelta(minutes=30)

    assert not answer(open_all_day(restaurant), book, NOW, later, 2).possible
    assert answer(open_all_day(restaurant), book, NOW, later, 2, changing="of 6").possible


MINUTES = st.integers(0, 24 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))


@given(
    taken=st.lists(st.tuples(st.sampled_from([TWO, FOUR, SIX]), MINUTES), max_size=12),
    covers=st.integers(1, 8),
    wish=MINUTES,
)
def test_whatever_is_held_an_answer_gives_only_free_tables_and_true_alternatives(
    restaurant: Restaurant, taken: list[tuple[DiningTable, timedelta]], covers: int, wish: timedelta
) -> None:
    place, day = open_all_day(restaurant), datetime(2026, 11, 21, tzinfo=UTC)
    book = Book(RULES, (TWO, FOUR, SIX), tuple(held(one, day + start) for one, start in taken))

    found = answer(place, book, NOW, day + wish, covers)

    assert not (found.seating and found.others)
    if found.seating:
        assert seats_of(found.seating) >= covers
        mine = [one for one in book.holds if one.table_id in {t.id for t in found.seating}]
        assert all(one.ends_at <= found.starts_at or one.starts_at >= found.ends_at for one in mine)
    for other in found.others:
        assert answer(place, book, NOW, other, covers).seating


def test_a_room_in_which_all_tables_are_joined_is_looked_through_within_bounds() -> None:
    """Of 60 tables there are half a million rows of four, and a page or a caller waits for the answer."""
    all_names = [f"{number:02}" for number in range(60)]
    room = tuple(table(name, 2, beside=" ".join(set(all_names) - {name})) for name in all_names)

    found = seatings(room, 8)

    assert (len(found[0]), seats_of(found[0])) == (MAX_JOINED, 8)
    assert len(found) <= MOST_ROWS * 60


def test_a_call_makes_the_same_reservation_whichever_handler_does_it() -> None:
    assert id_of_call("call-1") == id_of_call("call-1") != id_of_call("call-2")
