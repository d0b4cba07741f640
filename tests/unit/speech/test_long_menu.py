"""Orders from a menu of five hundred dishes: nothing of it stands in the instructions, all is looked up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.carts import new_cart
from domain.menu import Menu, MenuCategory
from domain.prompts import has_whole_menu
from domain.tools import OrderState
from tests.unit.speech.ordering import ORDER_ID, TextCall, restaurant_named

pytestmark = pytest.mark.unit

_KINDS = ("Chicken", "Lamb", "Prawn", "Paneer", "Vegetable")
_SAUCES = ("korma", "madras", "vindaloo", "jalfrezi", "bhuna", "dopiaza", "pathia", "saag", "balti", "karahi")
_STYLES = ("", "special", "tandoori", "house", "royal", "smoked", "family", "lunch", "dry", "old style")


@pytest.fixture(scope="module")
def long_menu() -> OrderState:
    state = restaurant_named("indian")
    model = next(item for item in state.menu.items if item.name == "Raita")
    curries = tuple(
        replace(model, id=f"{kind} {sauce} {style}", name=f"{kind} {sauce} {style}".strip(), category_id="c-curry")
        for kind in _KINDS
        for sauce in _SAUCES
        for style in _STYLES
    )
    others = tuple(item for item in state.menu.items if item.name not in ("Chicken korma", "Raita"))
    categories = (*state.menu.categories, MenuCategory("c-curry", "Curries", 99))
    menu: Menu = replace(state.menu, categories=categories, items=(*curries, *others))
    assert not has_whole_menu(state.restaurant, menu)
    return replace(state, menu=menu, cart=new_cart(menu, ORDER_ID))


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("A lamb vindaloo special, please.", [(1, "Lamb vindaloo special", "", ())]),
        (
            "Two chicken kormas and a prawn madras",
            [(2, "Chicken korma", "", ()), (1, "Prawn madras", "", ())],
        ),
        ("a pint of Cobra and four poppadoms", [(1, "Cobra", "Pint", ()), (4, "Poppadom", "", ())]),
        (
            "one lamb rogan josh, very hot, and a poppadom",
            [(1, "Lamb rogan josh", "", ("Very hot",)), (1, "Poppadom", "", ())],
        ),
    ],
)
def test_a_first_sentence_is_looked_up_and_ordered(long_menu: OrderState, said: str, lines: list[object]) -> None:
    call = TextCall("en", state=long_menu)
    call.caller(said)
    assert call.lines == lines, call.said
    assert "search_menu" in call.used


def test_an_order_from_a_long_menu_ends_right(long_menu: OrderState) -> None:
    call = TextCall("en", state=long_menu)
    call.caller("A chicken korma.", "And a prawn balti royal.", "That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.lines == [(1, "Chicken korma", "", ()), (1, "Prawn balti royal", "", ())]
    assert call.state.confirmed is not None and call.cart.customer_name == "Anna"


def test_a_name_that_several_dishes_have_is_asked_about_though_one_of_them_was_found_before(
    long_menu: OrderState,
) -> None:
    call = TextCall("en", state=long_menu)
    call.caller("A lamb vindaloo.", "And a vindaloo.")
    assert call.lines == [(1, "Lamb vindaloo", "", ())]
    assert "?" in call.said and "vindaloo" in call.said


def test_what_a_long_menu_does_not_have_is_not_ordered(long_menu: OrderState) -> None:
    call = TextCall("en", state=long_menu)
    call.caller("A zorglub and a chicken korma.")
    assert call.lines == [(1, "Chicken korma", "", ())]
    assert "zorglub isn't on your order" in call.said


def test_a_price_on_a_long_menu_is_looked_up(long_menu: OrderState) -> None:
    call = TextCall("en", state=long_menu)
    assert "euros" in call.caller("How much is the chicken korma?")
    assert call.lines == []
