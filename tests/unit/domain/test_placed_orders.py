"""Who hears of an order that was placed before, and what: by its number and name, or by its name and its total."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from domain.kitchen import OrderStatus
from domain.order import Address, Fulfilment, FulfilmentKind
from domain.phrases.placed import placed_wording
from domain.placed import MAX_MISSES, PlacedOrder, said_totals
from domain.placed_tools import Wanted, wanted
from domain.restaurant import Restaurant
from domain.tools import OrderState, ToolOutcome, apply

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
HOME = Address("12 Secret Street", "D08", "Dublin")


def placed(**fields: Any) -> PlacedOrder:
    known: dict[str, Any] = {
        "id": "o-1",
        "number": 12,
        "status": "confirmed",
        "fulfilment": Fulfilment("pickup"),
        "total_cents": 3350,
        "currency": "EUR",
        "customer_name": "Anna Keller",
        "confirmed_at": NOW - timedelta(minutes=10),
        "promised_at": NOW + timedelta(minutes=20),
        "own": True,
    }
    return PlacedOrder(**(known | fields))


def find(state: OrderState, *orders: PlacedOrder, **arguments: Any) -> ToolOutcome:
    return apply(replace(state, placed=orders), "find_order", {"name": "Anna"} | arguments, NOW)


def test_the_number_and_the_name_are_enough(state: OrderState) -> None:
    outcome = find(state, placed())

    assert outcome.result["say"] == (
        "Your order, number 12, is with the kitchen, which has not started on it yet. It is due today at 7:22 pm."
    )
    assert outcome.result["order"] == {"number": 12, "status": "confirmed", "due": "2026-11-20T19:22+00:00"}
    assert outcome.state.found == placed()


@pytest.mark.parametrize("name", ["anna", "Keller", "Ana", "Madame Keller"])
def test_a_name_that_was_heard_over_the_telephone_is_the_same(state: OrderState, name: str) -> None:
    assert find(state, placed(), name=name).result["ok"]


@pytest.mark.parametrize(
    ("order", "arguments"),
    [
        (placed(), {"name": "Boris"}),
        (placed(own=False), {}),
        (placed(own=False), {"total": "30 euros"}),
        (placed(own=False), {"name": "Boris", "total": "33 euros 50"}),
        (placed(own=False), {"number": 12}),
        (placed(), {"number": 13}),
        (placed(own=False), {"name": "Ana", "total": "33.50"}),
        (placed(), {"name": "Paul Emma Anna Louis"}),
        (placed(own=False), {"name": "Martin Durand Keller Petit", "total": "33.50"}),
    ],
    ids=[
        "another name",
        "another number",
        "wrong total",
        "total alone",
        "ticket",
        "another ticket",
        "nearly the name",
        "a list of first names",
        "a list of surnames",
    ],
)
def test_nobody_else_hears_a_word_of_it(state: OrderState, order: PlacedOrder, arguments: dict[str, Any]) -> None:
    outcome = find(state, replace(order, fulfilment=Fulfilment("delivery", HOME)), **arguments)

    assert not outcome.result["ok"] and outcome.state.found is None
    told = str(outcome.result)
    assert not any(word in told for word in ("Keller", "Secret", "D08", "12", "7:22", "33"))


def test_from_another_number_the_name_and_the_total_are_enough(state: OrderState) -> None:
    outcome = find(state, placed(own=False), total="thirty-three fifty")

    assert outcome.result["ok"] and outcome.state.order_misses == 0


def test_what_is_refused_sounds_the_same_whether_there_is_an_order_or_none(state: OrderState) -> None:
    assert find(state, placed(own=False)).result == find(state).result
    assert find(state, placed(own=False), total="9 euros").result == find(state, total="9 euros").result


def test_guessing_ends(state: OrderState) -> None:
    for _ in range(MAX_MISSES):
        outcome = find(state, placed(own=False), total="9 euros")
        state = outcome.state

    assert outcome.result["error"]["code"] == "not_identified"
    assert find(state, placed()).result["error"]["code"] == "not_identified"
    assert wanted(state, "find_order", {"name": "Anna"}) is None  # nobody looks, either


def test_a_list_of_amounts_is_no_total() -> None:
    assert said_totals("10 euros, 11 euros, 12 euros", "en") == ()
    assert said_totals("", "en") == ()


@pytest.mark.parametrize(
    ("language", "text", "cents"),
    [
        ("en", "33.50", 3350),
        ("en", "thirty-three euros fifty", 3350),
        ("en", "thirty three", 3300),
        ("fr", "trente-trois euros cinquante", 3350),
        ("fr", "33,50 €", 3350),
        ("fr", "33€50", 3350),
        ("fr", "C’était 33 € 50.", 3350),
    ],
)
def test_a_total_is_understood_as_it_is_said(language: str, text: str, cents: int) -> None:
    assert cents in said_totals(text, language)


def test_only_what_may_help_is_looked_up(state: OrderState) -> None:
    assert wanted(state, "find_order", {"name": "Anna", "total": "12 euros"}) == Wanted((1200,))
    assert wanted(state, "find_order", {"name": "Anna"}) == Wanted(())
    assert wanted(state, "find_order", {"total": "12"}) is None
    assert wanted(state, "add_item", {"item": "Coke"}) is None


def test_nobody_guesses_when_the_orders_are_unknown(state: OrderState) -> None:
    outcome = apply(state, "find_order", {"name": "Anna"}, NOW)

    assert outcome.result["error"]["code"] == "no_answer" and outcome.state.order_misses == 0


def test_of_several_the_one_that_is_waited_for(state: OrderState) -> None:
    eaten = placed(id="o-0", number=3, status="done", confirmed_at=NOW - timedelta(minutes=2))
    yesterday = placed(id="o-y", number=99, status="done", promised_at=NOW - timedelta(hours=20))

    assert find(state, eaten, placed()).result["order"]["number"] == 12
    assert not find(state, yesterday).result["ok"]
    assert find(state, eaten, yesterday).result["order"]["number"] == 3


def test_what_nobody_has_closed_for_a_day_is_no_order_in_the_making(state: OrderState) -> None:
    """A kitchen without a board leaves every order as it was confirmed."""
    eaten = placed(promised_at=NOW - timedelta(hours=20))

    assert not find(state, eaten).result["ok"]
    assert find(state, replace(eaten, promised_at=NOW - timedelta(hours=1))).result["ok"]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", get_args(FulfilmentKind))
@pytest.mark.parametrize("status", get_args(OrderStatus))
def test_every_status_is_said_in_both_languages_and_nothing_of_its_lines(
    state: OrderState, restaurant: Restaurant, status: OrderStatus, kind: FulfilmentKind, language: str
) -> None:
    speaking = replace(state, restaurant=replace(restaurant, language=language))
    say = find(speaking, placed(status=status, fulfilment=Fulfilment(kind, HOME))).result["say"]

    assert "12" in say and say[0].isupper() and "{" not in say and "Secret" not in say
    assert (placed_wording(language).late in say) is False


def test_what_is_late_is_called_late_and_no_new_time_is_invented(state: OrderState) -> None:
    late = placed(status="preparing", promised_at=NOW - timedelta(minutes=5))

    assert find(state, late).result["say"] == (
        "The kitchen is preparing your order, number 12, now. It is due today at 6:57 pm."
        " That time is over, I'm sorry: it is late."
    )
    assert "late" not in find(state, replace(late, status="ready")).result["say"]


def test_an_order_that_the_till_did_not_take_is_no_order_in_the_kitchen(state: OrderState) -> None:
    assert "The team still has to look at it" in find(state, placed(unseen=True)).result["say"]


def test_the_order_in_the_cart_stays_what_it_is(state: OrderState) -> None:
    ordering = apply(state, "add_item", {"item": "Coke"}, NOW).state
    outcome = find(ordering, placed())

    assert outcome.state.cart == ordering.cart
    assert outcome.result["next"] != {"ask": "Anything else?"}
