"""What a model can say of a line: amounts, what is left out, halves, notes; what becomes of what is not possible."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.carts import new_cart
from domain.menu import ServedHours
from domain.order import Cart
from domain.prompts import restaurant_instructions
from domain.restaurant import Restaurant
from domain.tools import OrderState, ToolOutcome, apply, tool_schemas
from tests.unit.domain.test_menu_depth import MENU

pytestmark = pytest.mark.unit

MONDAY_EVENING = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
BURGER = {"item": "Burger", "modifiers": [{"name": "Chips"}]}


@pytest.fixture
def deep(state: OrderState) -> OrderState:
    return replace(state, menu=MENU, cart=new_cart(MENU, state.cart.order_id))


def run(state: OrderState, *calls: tuple[str, dict[str, Any]]) -> ToolOutcome:
    outcome = None
    for name, arguments in calls:
        outcome = apply(outcome.state if outcome else state, name, arguments, MONDAY_EVENING)
    assert outcome is not None
    return outcome


def names(cart: Cart) -> list[str]:
    return [modifier.name for line in cart.lines for modifier in line.modifiers]


def codes(outcome: ToolOutcome) -> list[str]:
    return [one["code"] for one in outcome.result.get("not_possible", [])]


def test_options_are_named_with_their_amount_and_what_comes_with_the_dish_is_left_out(deep: OrderState) -> None:
    wish = {
        "item": "Burger",
        "modifiers": [{"name": "Chips"}, {"name": "Ketchup", "amount": "side"}, {"name": "Cheese", "amount": "extra"}],
        "without": ["onion"],
    }
    outcome = run(deep, ("add_item", wish))

    assert names(outcome.state.cart) == ["Ketchup on the side", "Chips", "no Onions", "extra Cheese"]
    assert outcome.result["ok"] and "not_possible" not in outcome.result


def test_an_option_that_is_not_possible_does_not_cost_the_dish_and_is_told_with_what_there_is(
    deep: OrderState,
) -> None:
    wish = {"item": "Burger", "modifiers": [{"name": "Chips"}, {"name": "Anchovies"}, {"name": "Mayo"}]}
    outcome = run(deep, ("add_item", wish))

    assert names(outcome.state.cart) == ["Mayonnaise", "Chips"]
    assert outcome.result["ok"] and codes(outcome) == ["unknown_modifier"]
    assert outcome.result["not_possible"][0]["allowed"][0] == "Ketchup"
    assert "Anchovies isn't possible with that. You can have ketchup" in outcome.result["say"]


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"name": "Chips", "amount": "light"}, "amount_not_offered"),
        ({"name": "Oil"}, "unknown_modifier"),  # a dressing, of a salad that was not chosen
        ({"name": "Cheese", "amount": "without"}, None),
        ({"name": "Bun", "amount": "without"}, "ingredient_stays"),
        ({"name": "Tomato", "amount": "without"}, "not_in_dish"),
        ({"name": "Chips"}, "duplicate_modifier"),
        ({"name": "Salad"}, "too_many_modifiers"),
    ],
)
def test_each_thing_that_is_wrong_with_one_option_leaves_the_others(
    deep: OrderState, choice: dict[str, str], code: str | None
) -> None:
    wish = {"item": "Burger", "modifiers": [{"name": "Ketchup"}, {"name": "Chips"}, choice]}
    outcome = run(deep, ("add_item", wish))

    assert outcome.result["ok"] and codes(outcome) == ([code] if code else [])
    assert {"Ketchup", "Chips"} <= set(names(outcome.state.cart))


def test_a_required_choice_that_is_not_possible_is_still_asked_for(deep: OrderState) -> None:
    outcome = run(deep, ("add_item", {"item": "Burger", "modifiers": [{"name": "Rice"}]}))

    assert outcome.result["error"]["code"] == "modifier_needed"
    assert outcome.result["error"]["allowed"] == ["Chips", "Salad"]
    assert not outcome.state.cart.lines


def test_an_option_inside_of_another_is_chosen_whatever_is_wrong_with_a_third(deep: OrderState) -> None:
    wish = {
        "item": "Burger",
        "modifiers": [{"name": "Vinaigrette", "within": "Salad"}, {"name": "Salad"}, {"name": "?"}],
    }
    outcome = run(deep, ("add_item", wish))

    assert names(outcome.state.cart) == ["Salad", "Vinaigrette"]
    assert codes(outcome) == ["unknown_modifier"]


def test_a_combo_is_added_without_the_option_that_none_of_its_parts_has(deep: OrderState) -> None:
    parts = [{"name": name} for name in ("Burger", "Cola", "Chips", "Gravy")]
    outcome = run(deep, ("add_item", {"item": "Meal", "size": "Large", "modifiers": parts}))

    assert [part.item_name for part in outcome.state.cart.lines[0].parts] == ["Burger", "Fries", "Cola"]
    assert codes(outcome) == ["unknown_modifier"]


def test_what_is_left_out_of_a_dish_that_lists_nothing_is_a_note(deep: OrderState) -> None:
    outcome = run(deep, ("add_item", {"item": "Cola", "size": "Small", "without": ["ice"], "note": "in a glass"}))

    assert outcome.state.cart.lines[0].note == "in a glass, no ice"
    assert outcome.result["cart"]["lines"][0]["note"] == "in a glass, no ice"


def test_what_a_note_says_of_an_ingredient_is_checked_and_not_noted(deep: OrderState) -> None:
    outcome = run(deep, ("add_item", BURGER | {"note": "no onions, well done"}))

    assert names(outcome.state.cart) == ["Chips", "no Onions"]
    assert outcome.state.cart.lines[0].note == "well done"


def test_halves_are_added_with_what_is_on_one_and_on_both(deep: OrderState) -> None:
    wish = {
        "first": {"item": "Margherita", "modifiers": [{"name": "Ham"}]},
        "second": {"item": "Regina"},
        "size": "Large",
        "modifiers": [{"name": "Olives"}],
    }
    outcome = run(deep, ("add_halves", wish))
    line = outcome.state.cart.lines[0]

    assert line.item_name == "half Margherita, half Regina"
    assert line.unit_cents == max(1201 + 100 + 151, 1500 + 100)
    assert names(outcome.state.cart) == ["Olives", "Ham on the Margherita half"]


def test_halves_that_are_not_had_are_refused_with_what_the_other_half_may_be(deep: OrderState) -> None:
    wish = {"first": {"item": "Margherita"}, "second": {"item": "Cola"}, "size": "Large"}
    outcome = run(deep, ("add_halves", wish))

    assert outcome.result["error"]["code"] == "halves_not_offered"
    assert "Regina" in outcome.result["error"]["allowed"]
    assert not outcome.state.cart.lines


def test_a_note_is_put_on_a_line_changed_and_taken_off(deep: OrderState) -> None:
    added = ("add_item", BURGER)
    noted = ("change_item", {"line": 1, "note": "cut in two"})
    gone = ("change_item", {"line": 1, "note": "none"})

    assert run(deep, added, noted).state.cart.lines[0].note == "cut in two"
    assert run(deep, added, noted).state.cart.version == 2
    assert run(deep, added, noted, gone).state.cart.lines[0].note == ""
    assert run(deep, added, noted, ("change_item", {"line": 1, "quantity": 2})).state.cart.lines[0].note == "cut in two"


def test_a_line_is_changed_as_far_as_it_can_be_and_a_change_that_can_t_be_is_refused(deep: OrderState) -> None:
    both = ("change_item", {"line": 1, "add_modifiers": [{"name": "Ketchup"}, {"name": "Gravy"}]})
    only = ("change_item", {"line": 1, "add_modifiers": [{"name": "Gravy"}]})

    partly, refused = run(deep, ("add_item", BURGER), both), run(deep, ("add_item", BURGER), only)

    assert names(partly.state.cart) == ["Ketchup", "Chips"] and codes(partly) == ["unknown_modifier"]
    assert refused.result["error"]["code"] == "unknown_modifier"


def test_what_is_not_served_at_this_hour_is_refused_with_its_hours_and_is_not_sold_out(
    deep: OrderState, french: Restaurant
) -> None:
    morning = (ServedHours((0, 1, 2, 3, 4), 8 * 60, 11 * 60),)
    items = tuple(replace(one, served=morning) if one.name == "Cola" else one for one in MENU.items)
    menu = replace(MENU, items=items)
    state = replace(deep, menu=menu)
    cola = {"item": "Cola", "size": "Small"}

    evening = run(state, ("add_item", cola))
    in_french = run(replace(state, restaurant=french), ("add_item", cola))
    at_ten = apply(state, "add_item", cola, datetime(2026, 11, 23, 10, 0, tzinfo=UTC))

    assert evening.result["error"]["code"] == "not_served_now"
    assert evening.result["say"] == "I'm sorry, Cola is only served from 8 am to 11 am, Monday to Friday."
    assert in_french.result["say"] == "Désolé, Cola n’est servi que de 8 heures à 11 heures, du lundi au vendredi."
    assert at_ten.result["ok"]


def test_what_is_sold_out_is_not_said_to_be_off_its_hours(deep: OrderState) -> None:
    morning = (ServedHours((0, 1, 2, 3, 4), 8 * 60, 11 * 60),)
    items = tuple(replace(one, served=morning, available=False) if one.name == "Cola" else one for one in MENU.items)

    outcome = run(replace(deep, menu=replace(MENU, items=items)), ("add_item", {"item": "Cola", "size": "Small"}))

    assert outcome.result["error"]["code"] == "unavailable_item"


def test_the_model_is_told_all_that_a_menu_can_do(deep: OrderState) -> None:
    morning = (ServedHours((5,), 8 * 60, 11 * 60),)
    items = tuple(replace(one, served=morning) if one.name == "Wine" else one for one in MENU.items)
    told = restaurant_instructions(deep.restaurant, replace(MENU, items=items), ()).splitlines()
    tools = {tool["name"]: tool["parameters"]["properties"] for tool in tool_schemas(deep.restaurant, MENU)}

    for line in (
        "## Pizzas (two halves can be had, at the price of the dearer)",
        "  - Comes with: Onions +0.40 (also: onion), Bun (always in it), Cheese +1.00",
        "  - Sauces (choose at least 0, at most 3; 2 included in the price; light 50 %, extra 150 %, side):"
        " Ketchup +0.50, Mayonnaise +0.50 (also: mayo), Truffle sauce +1.20",
        "    - Dressing of Salad (choose at least 1, at most 1): Oil, Vinaigrette +0.30",
        "  - Sauces: as for Burger",
        "  - Drink (choose one, part of the combo; the combo's size is its size): Cola, Wine +1.50",
        "  - Served only: from 8 am to 11 am, Saturday",
    ):
        assert line in told
    option = tools["add_item"]["modifiers"]["items"]["properties"]
    assert option["amount"]["enum"] == ["light", "extra", "side"]
    assert {"Vinaigrette", "Onions", "Cola"} <= set(option["name"]["enum"])
    assert tools["add_halves"]["first"]["properties"]["item"]["enum"] == ["Margherita", "Regina"]
    assert "note" in tools["change_item"] and "without" in tools["change_item"]


def test_halves_and_searching_are_tools_only_where_the_menu_needs_them(state: OrderState) -> None:
    many = replace(MENU, items=tuple(replace(MENU.items[0], id=f"i{n}", name=f"Dish {n}") for n in range(600)))
    plain = {tool["name"] for tool in tool_schemas(state.restaurant, state.menu)}
    long = {tool["name"]: tool["parameters"] for tool in tool_schemas(state.restaurant, many)}

    assert not plain & {"add_halves", "search_menu"}
    assert {"add_halves", "search_menu"} <= set(long)
    assert "enum" not in long["add_item"]["properties"]["item"]
    assert "enum" in long["set_fulfilment"]["properties"]["kind"]
