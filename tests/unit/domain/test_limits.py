"""How large an order may be before a human takes over."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import carts
from domain.errors import Refused
from domain.limits import MAX_TOTAL_CENTS
from domain.menu import ItemSize, Menu
from domain.order import Cart
from domain.restaurant import Restaurant
from domain.tools import OrderState, apply
from tests.unit.domain.agreeing import agreed

pytestmark = pytest.mark.unit


def ordered(menu: Menu, limits: Restaurant, *wishes: tuple[str, str, int]) -> Cart:
    cart = carts.new_cart(menu, "o-1")
    for item, size, quantity in wishes:
        cart = carts.add(cart, menu, item, size, quantity=quantity, limits=limits)
    return cart


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ([("Coke", "", 25)], None),
        ([("Coke", "", 50), ("Coke", "", 10)], None),  # 60 portions
        ([("Coke", "", 50), ("Coke", "", 11)], "over_limit"),
        ([("Margherita", "Large", 40)], None),  # 500.00
        ([("Margherita", "Large", 40), ("Coke", "", 1)], "over_limit"),
        ([("Margherita", "Large", 50), ("Margherita", "Large", 50)], "over_limit"),
        ([("Margherita", "Large", 100)], "bad_quantity"),
        ([("Margherita", "Large", 50)] * 40, "over_limit"),
    ],
)
def test_an_order_is_taken_up_to_the_restaurants_limits(
    menu: Menu, restaurant: Restaurant, wishes: list[tuple[str, str, int]], code: str | None
) -> None:
    with nullcontext() if code is None else pytest.raises(Refused) as refused:
        ordered(menu, restaurant, *wishes)
    assert (refused.value.code if refused else None) == code


def test_a_refused_line_leaves_the_cart_and_offers_a_human(state: OrderState, open_now: datetime) -> None:
    wish = {"item": "Margherita", "size": "Large", "quantity": 40}
    full = apply(state, "add_item", wish, open_now)

    more = apply(full.state, "add_item", {"item": "Coke"}, open_now)

    assert more.state == full.state
    assert (more.result["error"]["code"], more.result["error"]["allowed"]) == ("over_limit", ["transfer_to_human"])
    assert "500.00 EUR" in more.result["error"]["message"]
    assert more.result["say"] == "For an order of this size, the team takes it in person. I can put you through."


def test_a_restaurants_own_limits_are_kept(state: OrderState, menu: Menu, open_now: datetime) -> None:
    small = replace(state, restaurant=replace(state.restaurant, max_order_items=3, max_order_cents=2000))
    two = apply(small, "add_item", {"item": "Coke", "quantity": 2}, open_now).state

    dear = {"item": "Margherita", "size": "Large", "modifiers": ["Ham", "Olives"]}
    refusals = [
        apply(two, "add_item", {"item": "Coke", "quantity": 2}, open_now).result,
        apply(two, "change_item", {"line": 1, "quantity": 4}, open_now).result,
        apply(two, "add_item", dear, open_now).result,
    ]

    assert [result["error"]["code"] for result in refusals] == ["over_limit"] * 3
    assert "more than 3 portions or 20.00 EUR" in refusals[0]["error"]["message"]


def test_a_too_large_order_may_be_made_smaller(menu: Menu, restaurant: Restaurant) -> None:
    cart = ordered(menu, restaurant, ("Coke", "", 50))
    lowered = replace(restaurant, max_order_items=20)

    cart = carts.change(cart, menu, 1, quantity=30, limits=lowered)

    assert cart.lines[0].quantity == 30
    with pytest.raises(Refused, match="20 portions"):
        carts.change(cart, menu, 1, quantity=31, limits=lowered)


def test_the_limits_are_checked_again_at_the_confirmation(
    menu: Menu, restaurant: Restaurant, open_now: datetime
) -> None:
    cart = carts.set_fulfilment(ordered(menu, restaurant, ("Coke", "", 50)), restaurant, "pickup")
    ready = carts.set_customer(cart, "Sam")

    assert carts.confirm(ready, restaurant, agreed(ready), "c", open_now, 0).total_cents == 15_000
    for lowered in (replace(restaurant, max_order_items=49), replace(restaurant, max_order_cents=14_999)):
        with pytest.raises(Refused) as refused:
            carts.confirm(ready, lowered, agreed(ready), "c", open_now, 0)
        assert refused.value.code == "over_limit"


@given(
    price=st.integers(0, 10_000_000),
    quantities=st.lists(st.integers(1, 50), min_size=1, max_size=40),
    most_cents=st.integers(1, 10**12),
)
def test_no_total_is_ever_more_than_the_database_holds(
    menu: Menu, restaurant: Restaurant, price: int, quantities: list[int], most_cents: int
) -> None:
    item = replace(menu.items[3], sizes=(ItemSize("s", "", price),))
    dear = replace(menu, currency="VND", items=(item,))
    generous = replace(restaurant, max_order_cents=most_cents, max_order_items=2000)
    cart = carts.new_cart(dear, "o-1")
    refused = False
    for quantity in quantities:
        try:
            cart = carts.add(cart, dear, "Coke", quantity=quantity, limits=generous)
        except Refused as too_large:
            refused = too_large.code == "over_limit"

    most = min(most_cents, MAX_TOTAL_CENTS)
    assert carts.totals(cart, "FR").total_cents <= most
    assert refused is (price * sum(quantities) > most)


def test_five_lines_of_the_dearest_item_are_refused_with_a_reason(menu: Menu, restaurant: Restaurant) -> None:
    dear = replace(menu, items=(replace(menu.items[3], sizes=(ItemSize("s", "", 10_000_000),)),), currency="IDR")
    without_limits = replace(restaurant, max_order_cents=10**12, max_order_items=2000)
    cart = carts.new_cart(dear, "o-1")

    for _ in range(4):
        cart = carts.add(cart, dear, "Coke", quantity=50, limits=without_limits)
    with pytest.raises(Refused, match=r"21474836\.47 IDR") as refused:
        carts.add(cart, dear, "Coke", quantity=50, limits=without_limits)

    assert refused.value.code == "over_limit"
