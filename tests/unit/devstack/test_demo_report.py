from dataclasses import replace
from datetime import UTC, datetime

import pytest

from devstack.demo.report import Expected, differences, timings
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.order import ChosenModifier
from domain.vat import same_rate
from stores.orders import Order, OrderLine

pytestmark = pytest.mark.unit

OLIVES = ModifierGroup("g", "Extras", 0, 2, (ModifierOption("o", "Olives", 150),))
MENU = Menu(
    "r",
    "EUR",
    "en",
    (MenuCategory("c", "Pizzas"),),
    (MenuItem("i", "c", "Margherita", (ItemSize("s", "Large", 1300),), same_rate(1000), modifier_groups=(OLIVES,)),),
)
EXPECTED = Expected(((2, "Margherita", "Large", ("Olives",)),), "pickup", "Anna")
LINE = OrderLine(1, "i", "Margherita", "Large", 2, 1450, 2900, (ChosenModifier("o", "g", "Olives", 150),), "")
NOW = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
ORDER = Order(
    id="x",
    restaurant_id="r",
    number=1,
    call_id="c",
    status="confirmed",
    fulfilment="pickup",
    fee_cents=0,
    total_cents=2900,
    currency="EUR",
    confirmed_at=NOW,
    promised_at=NOW,
    vat=(),
    lines=(LINE,),
    customer_name="Anna",
    address=None,
)


def test_the_expected_order_has_no_differences() -> None:
    assert differences((ORDER,), EXPECTED, MENU) == []


@pytest.mark.parametrize(
    ("order", "what"),
    [
        (replace(ORDER, total_cents=2901), "total"),
        (replace(ORDER, lines=(replace(LINE, quantity=1),)), "lines"),
        (replace(ORDER, lines=(replace(LINE, modifiers=()),)), "lines"),
        (replace(ORDER, fulfilment="delivery"), "fulfilment"),
        (replace(ORDER, customer_name="Hannah"), "customer"),
    ],
)
def test_each_difference_is_named(order: Order, what: str) -> None:
    (difference,) = differences((order,), EXPECTED, MENU)
    assert difference.startswith(what)


def test_two_orders_are_one_too_many_and_none_is_one_too_few() -> None:
    assert differences((ORDER, ORDER), EXPECTED, MENU) == ["2 orders in the database, expected exactly one"]
    assert differences((), EXPECTED, MENU) == ["0 orders in the database, expected exactly one"]


def test_timings_that_were_not_seen_are_null_and_not_zero() -> None:
    told = timings({}, {}, 0.0, [])
    assert set(told.values()) == {None}
    assert timings({"turns": [10.0, 30.0, 20.0]}, {"joined": 2.5}, 2.0, [40.0, 60.0]) == {
        "invite_to_200": None,
        "invite_to_greeting": None,
        "invite_to_handler": 500.0,
        "turn_p50": 20.0,
        "turn_p95": 30.0,
        "barge_in": 60.0,
    }
