"""An option that was asked for and refused: whatever the engine, there is no order before the caller has settled it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.carts import new_cart
from domain.tools import OrderState, ToolOutcome, apply
from tests.unit.domain.test_line_tools import BURGER
from tests.unit.domain.test_menu_depth import MENU
from tests.unit.domain.test_tools import CONFIRM, NOW, PICKUP, READ, SAM, run
from tests.unit.domain.test_wishes import agreed, answered, do, told

pytestmark = pytest.mark.unit


def burger(*more: dict[str, Any], **others: Any) -> tuple[str, dict[str, Any]]:
    return "add_item", {**BURGER, "modifiers": [*BURGER["modifiers"], *more], **others}


def change(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "change_item", {"line": 1, **changes}


@pytest.fixture
def deep(state: OrderState) -> OrderState:
    ready = replace(state, menu=MENU, cart=new_cart(MENU, state.cart.order_id))
    return run(ready, PICKUP, SAM).state


def open_names(outcome: ToolOutcome) -> list[str]:
    found: list[str] = outcome.result.get("not_found", [])
    return found


ANCHOVIES = burger({"name": "Anchovies"})


def test_an_option_that_was_refused_is_asked_about_and_nothing_is_confirmed_without_an_answer(deep: OrderState) -> None:
    added = do(deep, ANCHOVIES)
    read = do(added.state, READ)
    refused = do(agreed(answered(read.state)), CONFIRM)

    assert added.result["ok"] and added.result["missing"][0] == "dishes"
    assert added.result["next"]["ask"] == "Anchovies isn't on your order. What would you like instead, or nothing?"
    assert read.effect is None
    assert refused.result["error"]["code"] == "dish_open" and refused.result["error"]["allowed"] == ["Anchovies"]
    assert refused.effect is None and refused.state.confirmed is None


def test_the_caller_lets_go_of_it_and_the_order_goes_on(deep: OrderState) -> None:
    added = do(deep, ANCHOVIES).state
    too_soon = do(added, told("let_go", "Anchovies"))
    settled = do(answered(added), told("let_go", "anchovies"))

    assert too_soon.result["error"]["code"] == "not_asked"
    assert run(settled.state, READ, CONFIRM).state.confirmed is not None


@pytest.mark.parametrize(
    ("choice", "wish"),
    [
        ({"name": "Chips", "amount": "light"}, "light Chips"),
        ({"name": "Oil"}, "Oil"),
        ({"name": "Bun", "amount": "without"}, "no Bun"),
        ({"name": "Salad"}, "Salad"),  # one too many
        ("extra gravy", "extra gravy"),
    ],
)
def test_each_way_to_be_refused_leaves_it_open_in_words_that_can_be_said(
    deep: OrderState, choice: dict[str, str] | str, wish: str
) -> None:
    named = {"name": choice} if isinstance(choice, str) else choice
    assert open_names(do(deep, burger(named))) == [wish]


@pytest.mark.parametrize("choice", [{"name": "Chips"}, {"name": "Tomato", "amount": "without"}])
def test_what_the_dish_has_or_lacks_anyway_is_no_open_wish(deep: OrderState, choice: dict[str, str]) -> None:
    assert open_names(do(deep, burger(choice))) == []


def test_a_change_that_is_refused_whole_leaves_it_open_too(deep: OrderState) -> None:
    line = do(deep, burger()).state
    refused = do(line, change(add_modifiers=[{"name": "Gravy"}]))
    assert refused.result["error"]["code"] == "unknown_modifier"
    assert open_names(refused) == ["Gravy"]


def test_an_option_of_halves_that_is_refused_is_open(deep: OrderState) -> None:
    first = {"item": "Margherita", "modifiers": [{"name": "Gravy"}]}
    wish = {"first": first, "second": {"item": "Regina"}, "size": "Large"}
    assert open_names(do(deep, ("add_halves", wish))) == ["Gravy"]


def test_a_better_spelling_settles_it_at_once_and_another_option_does_not(deep: OrderState) -> None:
    wished = do(deep, burger({"name": "Ketschup"})).state
    assert open_names(do(wished, change(add_modifiers=[{"name": "Mayo"}]))) == ["Ketschup"]
    assert open_names(do(wished, change(add_modifiers=[{"name": "Ketchup"}]))) == []


def test_what_only_looks_like_it_settles_it_when_the_caller_has_chosen_it(deep: OrderState) -> None:
    wished = do(deep, burger({"name": "black truffle sauce"})).state
    truffle = change(add_modifiers=[{"name": "Truffle sauce"}])
    assert open_names(do(wished, truffle)) == ["black truffle sauce"]
    assert open_names(do(answered(wished), truffle)) == []


def test_told_to_the_kitchen_as_a_note_it_is_on_the_order(deep: OrderState) -> None:
    wished = do(deep, ANCHOVIES).state
    assert open_names(do(wished, change(note="with anchovies if you have any"))) == []


def test_with_its_line_goes_the_wish_and_with_another_line_it_stays(deep: OrderState) -> None:
    wished = run(deep, ANCHOVIES, burger({"name": "Gravy"})).state
    assert open_names(do(wished, ("remove_item", {"line": 1}))) == ["Gravy"]
    both = run(deep, ANCHOVIES, ANCHOVIES).state
    left = do(both, ("remove_item", {"line": 1}))
    assert open_names(left) == ["Anchovies"]
    assert open_names(do(left.state, ("remove_item", {"line": 2}))) == []


def test_after_the_order_is_with_the_kitchen_nothing_is_open(deep: OrderState) -> None:
    ready = run(deep, burger(), READ).state
    done = apply(agreed(answered(ready)), *CONFIRM, NOW).state
    assert done.confirmed is not None
    assert open_names(do(done, change(add_modifiers=[{"name": "Gravy"}]))) == []
