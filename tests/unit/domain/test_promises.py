"""When the food is promised: never before the kitchen can, never after it has closed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import hours
from domain.errors import Refused
from domain.order import Address, Fulfilment
from domain.promises import promised_at
from domain.restaurant import DeliveryZone, Opening, Restaurant

pytestmark = pytest.mark.unit

PICKUP, EAT_IN = Fulfilment("pickup"), Fulfilment("dine_in")
NORTH = Fulfilment("delivery", Address("1 Long Road", "D09"), 400)  # half an hour away


def at(text: str) -> datetime:
    """Local time in Dublin, which is UTC in November."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Dublin"))


@pytest.fixture(scope="session")
def evening(restaurant: Restaurant) -> Restaurant:
    """Open from 17:00 to 22:00 every day."""
    return replace(restaurant, openings=tuple(Opening(day, 17 * 60, 22 * 60) for day in range(7)))


@pytest.fixture(scope="session")
def ahead(evening: Restaurant) -> Restaurant:
    return replace(evening, orders_ahead=True)


def refusal(*arguments: object, **named: object) -> Refused:
    with pytest.raises(Refused) as refused:
        promised_at(*arguments, **named)  # type: ignore[arg-type]
    return refused.value


def outcome(*arguments: object) -> datetime | str:
    """The promise, or the code of the refusal."""
    try:
        return promised_at(*arguments)  # type: ignore[arg-type]
    except Refused as refused:
        return refused.code


def test_a_promise_is_rounded_up_to_five_minutes(evening: Restaurant) -> None:
    now = at("2026-11-20 19:00")
    assert promised_at(evening, now, 0, PICKUP) == at("2026-11-20 19:20")
    assert promised_at(evening, now + timedelta(seconds=1), 0, PICKUP) == at("2026-11-20 19:25")
    assert promised_at(evening, now, 17, PICKUP) == at("2026-11-20 19:40")
    assert promised_at(evening, now, -5, PICKUP) == at("2026-11-20 19:20")


def test_a_delivery_is_promised_later_by_the_way(evening: Restaurant) -> None:
    assert promised_at(evening, at("2026-11-20 19:00"), 0, NORTH) == at("2026-11-20 19:50")


def test_a_naive_time_is_a_mistake_of_the_program(evening: Restaurant) -> None:
    naive = datetime(2026, 11, 20, 19, 0)
    for times in ((naive, None, None), (at("2026-11-20 19:00"), naive, None), (at("2026-11-20 19:00"), None, naive)):
        now, wanted, called = times
        with pytest.raises(ValueError, match="time zone"):
            promised_at(evening, now, 0, PICKUP, wanted, called)


def test_an_order_that_could_not_be_ready_before_closing_is_refused_with_the_closing_time(evening: Restaurant) -> None:
    refused = refusal(evening, at("2026-11-20 21:50"), 70, EAT_IN)

    assert (refused.code, refused.subject) == ("after_last_order", "10 pm")
    assert refused.allowed == ("2026-11-20T22:00+00:00",)
    assert promised_at(evening, at("2026-11-20 21:40"), 0, EAT_IN) == at("2026-11-20 22:00")
    assert refusal(evening, at("2026-11-20 21:40:01"), 0, EAT_IN).code == "after_last_order"


def test_a_delivery_may_arrive_after_closing_when_it_leaves_before(evening: Restaurant) -> None:
    assert promised_at(evening, at("2026-11-20 21:40"), 0, NORTH) == at("2026-11-20 22:30")
    assert refusal(evening, at("2026-11-20 21:41"), 0, NORTH).code == "after_last_order"


def test_before_opening_an_order_is_for_after_it_where_orders_are_taken_ahead(
    evening: Restaurant, ahead: Restaurant
) -> None:
    now = at("2026-11-20 16:50")

    assert promised_at(ahead, now, 0, PICKUP) == at("2026-11-20 17:20")
    refused = refusal(evening, now, 0, PICKUP)
    assert (refused.code, refused.subject) == ("closed", "today at 5 pm")


def test_an_opening_is_too_far_ahead_after_24_hours(ahead: Restaurant) -> None:
    friday_only = replace(ahead, openings=(Opening(4, 17 * 60, 22 * 60),))

    assert promised_at(friday_only, at("2026-11-19 17:00"), 0, PICKUP) == at("2026-11-20 17:20")
    assert refusal(friday_only, at("2026-11-19 16:59"), 0, PICKUP).code == "closed"


def test_a_kitchen_with_too_much_work_promises_nothing(evening: Restaurant) -> None:
    now = at("2026-11-20 17:00")

    assert promised_at(evening, now, 120, PICKUP) == at("2026-11-20 19:20")
    assert refusal(evening, now, 121, PICKUP).code == "kitchen_full"
    assert (
        refusal(replace(evening, max_load_minutes=30), now, 31, PICKUP, at("2026-11-20 21:00")).code == "kitchen_full"
    )


def test_after_the_last_orders_only_a_caller_who_rang_before_them_is_served(evening: Restaurant) -> None:
    until_half_past_nine = replace(evening, last_order_minutes=30)
    last, later = at("2026-11-20 21:30"), at("2026-11-20 21:32")

    assert promised_at(until_half_past_nine, last, 0, PICKUP) == at("2026-11-20 21:50")
    assert refusal(until_half_past_nine, later, 0, PICKUP).code == "after_last_order"
    assert refusal(until_half_past_nine, later, 0, PICKUP, called_at=later).code == "after_last_order"
    assert promised_at(until_half_past_nine, later, 0, PICKUP, called_at=last) == at("2026-11-20 21:55")
    # Not at the price of the closing time.
    assert refusal(until_half_past_nine, later, 20, PICKUP, called_at=last).code == "after_last_order"


def test_a_call_that_began_before_closing_is_confirmed_after_it_for_no_time_at_all(
    evening: Restaurant, ahead: Restaurant
) -> None:
    called, now = at("2026-11-20 21:58"), at("2026-11-20 22:01")

    assert refusal(evening, now, 0, PICKUP, called_at=called).code == "closed"
    assert promised_at(ahead, now, 0, PICKUP, called_at=called) == at("2026-11-21 17:20")


def test_a_wanted_time_is_promised_as_it_is(evening: Restaurant) -> None:
    now = at("2026-11-20 17:30")

    assert promised_at(evening, now, 0, PICKUP, at("2026-11-20 20:13")) == at("2026-11-20 20:13")
    assert promised_at(evening, now, 0, PICKUP, at("2026-11-20 22:00")) == at("2026-11-20 22:00")
    assert promised_at(evening, now, 0, NORTH, at("2026-11-20 22:30")) == at("2026-11-20 22:30")


def test_a_wanted_time_before_the_earliest_is_refused_with_the_earliest(evening: Restaurant, ahead: Restaurant) -> None:
    now = at("2026-11-20 19:02")

    refused = refusal(evening, now, 10, PICKUP, at("2026-11-20 19:30"))
    assert (refused.code, refused.field, refused.subject) == ("too_soon", "wanted_at", "today at 7:35 pm")
    assert refused.allowed == ("2026-11-20T19:35+00:00",)
    assert promised_at(evening, now, 10, PICKUP, at("2026-11-20 19:35")) == at("2026-11-20 19:35")
    early = refusal(ahead, at("2026-11-20 16:00"), 0, PICKUP, at("2026-11-20 17:00"))
    assert (early.code, early.subject) == ("too_soon", "today at 5:20 pm")
    assert refusal(evening, now, 0, PICKUP, at("2026-11-19 20:00")).code == "too_soon"


@pytest.mark.parametrize(
    "wanted",
    [
        "2026-11-20 22:01",  # after closing
        "2026-11-21 16:00",  # closed
        "2026-11-21 17:19",  # not yet ready then
        "2026-11-21 19:03",  # more than a day ahead
    ],
)
def test_a_time_outside_every_opening_is_refused_with_the_hours(ahead: Restaurant, wanted: str) -> None:
    refused = refusal(ahead, at("2026-11-20 19:02"), 0, PICKUP, at(wanted))

    assert (refused.code, refused.allowed) == ("not_at_that_time", ("from 5 pm to 10 pm",))
    assert refused.subject.endswith("we are open from 5 pm to 10 pm.")


def test_a_later_opening_is_only_for_a_restaurant_that_takes_orders_ahead(
    evening: Restaurant, ahead: Restaurant
) -> None:
    now, tomorrow = at("2026-11-20 19:02"), at("2026-11-21 17:20")

    assert refusal(evening, now, 0, PICKUP, tomorrow).code == "not_at_that_time"
    assert promised_at(ahead, now, 0, PICKUP, tomorrow) == tomorrow
    # Too late for this evening is no reason not to take it for tomorrow.
    assert promised_at(ahead, at("2026-11-20 21:55"), 0, PICKUP, tomorrow) == tomorrow


def test_a_wanted_time_keeps_to_the_last_orders(evening: Restaurant) -> None:
    until_half_past_nine = replace(evening, last_order_minutes=30)
    now = at("2026-11-20 19:00")

    assert promised_at(until_half_past_nine, now, 0, PICKUP, at("2026-11-20 21:50")) == at("2026-11-20 21:50")
    assert refusal(until_half_past_nine, now, 0, PICKUP, at("2026-11-20 21:55")).code == "after_last_order"


def test_the_earliest_time_may_be_wanted_as_well(evening: Restaurant) -> None:
    until_half_past_nine = replace(evening, last_order_minutes=30)
    now = at("2026-11-20 21:28")

    earliest = promised_at(until_half_past_nine, now, 10, PICKUP)

    assert earliest == at("2026-11-20 22:00")
    assert promised_at(until_half_past_nine, now, 10, PICKUP, earliest) == earliest


@pytest.mark.parametrize(
    ("now", "promise"),
    [
        # 18:00 to 1:00 in Paris. The clocks go back at 3 on 25 October 2026 and forward at 2 on 28 March 2027.
        ("2026-10-24T22:30+00:00", "2026-10-24T22:50+00:00"),  # 0:30 on the night that is an hour longer
        ("2026-10-24T22:41+00:00", None),
        ("2027-03-27T23:30+00:00", "2027-03-27T23:50+00:00"),  # 0:30 on the night that is an hour shorter
        ("2027-03-27T23:41+00:00", None),
        ("2027-03-28T22:30+00:00", "2027-03-28T22:50+00:00"),  # 0:30 on the night after
    ],
)
def test_a_night_of_a_clock_change_closes_by_the_wall_clock(
    restaurant: Restaurant, now: str, promise: str | None
) -> None:
    openings = tuple(Opening(day, 18 * 60, 25 * 60) for day in range(7))
    paris = replace(restaurant, zone="Europe/Paris", openings=openings)

    if promise is None:
        assert refusal(paris, datetime.fromisoformat(now), 0, PICKUP).code == "after_last_order"
    else:
        assert promised_at(paris, datetime.fromisoformat(now), 0, PICKUP) == datetime.fromisoformat(promise)


SPANS = st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), min_size=1, max_size=3)
WAYS = st.sampled_from([(PICKUP, 0), (EAT_IN, 0), (NORTH, 30)])


@st.composite
def any_kitchen(draw: st.DrawFn) -> Restaurant:
    spans = draw(SPANS)
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return Restaurant(
        id="r",
        name="R",
        language="en",
        currency="EUR",
        zone=draw(st.sampled_from(["Europe/Paris", "Europe/Dublin", "America/New_York", "Australia/Lord_Howe"])),
        openings=tuple(Opening(day, opens, opens + length) for day in days for opens, length in spans),
        delivery_zones=(),
        prep_minutes=draw(st.integers(0, 120)),
        orders_ahead=draw(st.booleans()),
        last_order_minutes=draw(st.sampled_from([0, 15, 30, 60])),
    )


# Around both clock changes too.
INSTANTS = st.datetimes(datetime(2026, 10, 20), datetime(2027, 4, 10)).map(lambda naive: naive.replace(tzinfo=UTC))


@given(any_kitchen(), INSTANTS, st.integers(-10, 120), WAYS, st.integers(0, 60))
def test_a_promise_is_never_before_the_kitchen_can_nor_after_it_closed(
    restaurant: Restaurant, now: datetime, load: int, way: tuple[Fulfilment, int], called_before: int
) -> None:
    restaurant = replace(restaurant, delivery_zones=_zones(way[1]))
    promise = outcome(restaurant, now, load, way[0], None, now - timedelta(minutes=called_before))
    if isinstance(promise, str):
        assert promise in ("closed", "after_last_order")
        return

    start = now if hours.is_open(restaurant, now) else hours.next_opening(restaurant, now)
    assert start is not None
    opening = hours.opening_at(restaurant, start)
    assert opening is not None
    assert promise - start >= timedelta(minutes=restaurant.prep_minutes + max(load, 0) + way[1])
    assert promise - timedelta(minutes=way[1]) <= opening[1]
    assert (promise.minute % 5, promise.second, promise.microsecond) == (0, 0, 0)
    assert restaurant.orders_ahead or hours.is_open(restaurant, now)
    assert start - now <= timedelta(hours=24)


@given(any_kitchen(), INSTANTS, st.integers(0, 120), st.integers(0, 120), WAYS)
def test_more_load_never_makes_a_promise_earlier_nor_possible(
    restaurant: Restaurant, now: datetime, load: int, more: int, way: tuple[Fulfilment, int]
) -> None:
    restaurant = replace(restaurant, delivery_zones=_zones(way[1]))
    calm, busy = (outcome(restaurant, now, minutes, way[0]) for minutes in (load, load + more))

    if not isinstance(busy, str):
        assert not isinstance(calm, str)
        assert calm <= busy


@given(any_kitchen(), INSTANTS, st.integers(0, 120), WAYS, st.integers(-60, 1500))
def test_a_wanted_time_is_kept_to_the_minute_or_refused(
    restaurant: Restaurant, now: datetime, load: int, way: tuple[Fulfilment, int], ahead: int
) -> None:
    restaurant = replace(restaurant, delivery_zones=_zones(way[1]))
    wanted = (now + timedelta(minutes=ahead)).replace(second=0, microsecond=0)
    promise = outcome(restaurant, now, load, way[0], wanted)
    if isinstance(promise, str):
        assert promise in ("closed", "after_last_order", "too_soon", "not_at_that_time")
        return

    leaves = wanted - timedelta(minutes=way[1])
    assert promise == wanted
    # The moment of closing itself still is in time.
    assert hours.is_open(restaurant, leaves - timedelta(microseconds=1)) or restaurant.prep_minutes == 0
    assert wanted - now >= timedelta(minutes=restaurant.prep_minutes + load + way[1])


def _zones(minutes: int) -> tuple[DeliveryZone, ...]:
    return (DeliveryZone("North", ("D09",), 0, 0, minutes),)
