"""A menu of five hundred dishes, looked up by what a caller says."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.carts import new_cart
from domain.menu import Menu, MenuCategory
from domain.menu_search import MAX_FOUND, found
from domain.tools import OrderState, apply
from tests.unit.domain.test_menu_depth import MENU

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def long() -> Menu:
    kinds = ("Chicken", "Lamb", "Prawn", "Paneer", "Vegetable")
    sauces = ("korma", "madras", "vindaloo", "jalfrezi", "bhuna", "dopiaza", "pathia", "saag", "balti", "rogan josh")
    styles = (
        "",
        " special",
        " extra hot",
        " tandoori",
        " with rice",
        " with naan",
        " family",
        " lunch",
        " light",
        " old",
    )
    curries = tuple(
        replace(MENU.items[0], id=f"i-{kind}-{sauce}{style}", name=f"{kind} {sauce}{style}", category_id="c-curry")
        for kind in kinds
        for sauce in sauces
        for style in styles
    )
    categories = (*MENU.categories, MenuCategory("c-curry", "Curries", 3))
    return replace(MENU, categories=categories, items=(*curries, *MENU.items))


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("lamb vindaloo", "Lamb vindaloo"),
        ("two vindaloos with lamb", "Lamb vindaloo"),
        ("the prawn rogan josh special please", "Prawn rogan josh special"),
        ("onion burger", "Burger"),
        ("a regina", "Regina"),
        ("lamb vindalu", "Lamb vindaloo"),
    ],
)
def test_what_was_said_finds_the_dish_first(long: Menu, said: str, first: str) -> None:
    items = found(long, said)

    assert len(items) <= MAX_FOUND
    assert [item.name for item in items[:1]] == [first]


def test_the_result_tells_prices_options_and_names_that_can_be_ordered(state: OrderState, long: Menu) -> None:
    state = replace(state, menu=long, cart=new_cart(long, state.cart.order_id))
    outcome = apply(state, "search_menu", {"query": "some burger"}, NOW)
    first = outcome.result["items"][0]

    assert first["name"] == "Burger" and "Burger" in outcome.result["say"]
    assert first["menu"].startswith("- Burger: 10.00. Allergens: not listed.")
    assert "Ketchup +0.50" in first["menu"]
    assert apply(state, "add_item", {"item": first["name"], "modifiers": [{"name": "Chips"}]}, NOW).result["ok"]


def test_nothing_alike_is_refused_with_what_kinds_there_are_and_a_wrong_name_with_the_nearest(
    state: OrderState, long: Menu
) -> None:
    state = replace(state, menu=long, cart=new_cart(long, state.cart.order_id))
    nothing = apply(state, "search_menu", {"query": "xyzzy"}, NOW).result
    wrong = apply(state, "add_item", {"item": "Lamb vindalu", "size": "Small"}, NOW).result

    assert nothing["error"]["code"] == "unknown_item"
    assert nothing["error"]["allowed"] == ["Pizzas", "Mains", "Curries"]
    assert wrong["error"]["allowed"][0] == "Lamb vindaloo"
