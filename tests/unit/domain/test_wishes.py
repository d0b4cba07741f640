"""A dish that the menu does not have: whatever the engine, there is no order before the caller has settled it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain import wishes
from domain.restaurant import Restaurant
from domain.tools import OrderState, ReadBack, ToolOutcome, apply
from tests.unit.domain.test_tools import CONFIRM, NOW, PICKUP, PIZZA, READ, SAM, run

pytestmark = pytest.mark.unit

SUSHI: tuple[str, dict[str, Any]] = ("add_item", {"item": "sushi"})


def told(caller: str, dish: str = "sushi") -> tuple[str, dict[str, Any]]:
    return "missing_dish", {"dish": dish, "caller": caller}


def do(state: OrderState, call: tuple[str, dict[str, Any]]) -> ToolOutcome:
    return apply(state, *call, NOW)


def answered(state: OrderState) -> OrderState:
    return replace(state, turn=state.turn + 1)


@pytest.fixture
def wished(state: OrderState) -> OrderState:
    """All that an order needs, and a dish that there is none of."""
    return do(run(state, PIZZA, PICKUP, SAM).state, SUSHI).state


def agreed(state: OrderState) -> OrderState:
    agreement = replace(state.agreement, version=state.cart.version, heard=True, answered=True, answer="Yes.")
    return replace(state, agreement=agreement)


def test_a_dish_that_was_refused_stays_open_and_every_result_asks_about_it(wished: OrderState) -> None:
    result = do(wished, ("opening_hours", {})).result
    assert result["not_found"] == ["sushi"]
    assert result["missing"][0] == "dishes"
    assert result["next"] == {"ask": "sushi isn't on your order. What would you like instead, or nothing?"}


def test_nothing_is_confirmed_before_it_is_settled_also_after_a_clear_yes(wished: OrderState) -> None:
    outcome = do(agreed(answered(wished)), CONFIRM)
    assert outcome.result["error"]["code"] == "dish_open"
    assert outcome.result["error"]["allowed"] == ["sushi"]
    assert outcome.effect is None and outcome.state.confirmed is None


def test_what_is_read_out_meanwhile_asks_for_no_yes_and_counts_for_none(wished: OrderState) -> None:
    outcome = do(wished, READ)
    assert outcome.effect is None and outcome.state.agreement.version == -1
    assert not outcome.result["say"].endswith("?")


@pytest.mark.parametrize(("language", "said"), [("en", "It is without sushi,"), ("fr", "C’est sans sushi,")])
def test_a_model_that_never_settles_it_does_not_keep_a_caller_for_ever_but_the_caller_hears_it(
    wished: OrderState, language: str, said: str
) -> None:
    speaking = replace(wished, restaurant=replace(wished.restaurant, language=language))
    nearly = replace(speaking, turn=wishes.MOST_TURNS - 1)
    assert do(nearly, READ).effect is None
    assert do(agreed(nearly), CONFIRM).result["error"]["code"] == "dish_open"

    later = replace(speaking, turn=wishes.MOST_TURNS)
    assert do(later, CONFIRM).result["error"]["code"] == "not_read_back"  # a yes to what was said before is none
    read = do(later, READ)
    assert isinstance(read.effect, ReadBack) and read.effect.sentence.startswith(said)
    assert read.result["missing"] == [] and read.result["next"].get("call") == "confirm_order"
    assert run(read.state, CONFIRM).state.confirmed is not None


def test_a_wish_that_is_longer_than_the_tool_takes_can_be_let_go_of(state: OrderState) -> None:
    longest = {"name": "x" * 120, "amount": "extra"}
    wished = do(state, ("add_item", {"item": "House wine", "modifiers": [longest]}))
    (name,) = wished.result["not_found"]

    assert do(answered(wished.state), told("let_go", name)).result["ok"]


def test_a_read_back_from_before_the_wish_is_agreed_to_no_longer(state: OrderState) -> None:
    read = run(state, PIZZA, PICKUP, SAM, READ).state
    wished = answered(do(read, SUSHI).state)
    settled = do(wished, told("let_go")).state
    outcome = do(replace(settled, agreement=replace(read.agreement, heard=True, answered=True, answer="Yes.")), CONFIRM)
    assert outcome.result["error"]["code"] == "not_read_back"


@pytest.mark.parametrize("answer", ["let_go", "chose_another"])
def test_the_caller_settles_it_and_then_the_order_goes_on(wished: OrderState, answer: str) -> None:
    settled = do(answered(wished), told(answer, "Sushi"))
    assert settled.result["ok"] and "not_found" not in settled.result
    read = do(settled.state, READ)
    assert isinstance(read.effect, ReadBack)
    assert run(read.state, CONFIRM).state.confirmed is not None


def test_the_model_cannot_settle_it_in_the_breath_in_which_it_was_asked_for(wished: OrderState) -> None:
    outcome = do(wished, told("let_go"))
    assert outcome.result["error"]["code"] == "not_asked"
    assert outcome.result["not_found"] == ["sushi"]


def test_a_model_that_knows_the_menu_tells_of_it_itself(state: OrderState) -> None:
    """Its tools' enums hold the menu's names alone: it never tries to add the dish."""
    outcome = do(state, told("asked"))
    assert outcome.result["ok"]
    assert outcome.result["say"] == "sushi isn't on your order. What would you like instead, or nothing?"
    assert outcome.result["not_found"] == ["sushi"]


def test_what_the_menu_has_is_not_missing(state: OrderState) -> None:
    outcome = do(state, told("asked", "margherita"))
    assert outcome.result["error"]["allowed"] == ["Margherita"]
    assert "not_found" not in outcome.result


def test_a_better_spelling_settles_it_at_once(state: OrderState) -> None:
    misspelt = do(state, ("add_item", {"item": "Margharita", "size": "Large"}))
    assert misspelt.result["not_found"] == ["Margharita"]
    assert "not_found" not in do(misspelt.state, PIZZA).result


def test_what_only_looks_like_it_settles_it_when_the_caller_has_chosen_it(state: OrderState) -> None:
    wished = do(state, ("add_item", {"item": "Margherita bianca"})).state
    beside = do(wished, PIZZA)
    chosen = do(answered(wished), PIZZA)
    assert beside.result["not_found"] == ["Margherita bianca"]
    assert "not_found" not in chosen.result


def test_another_dish_of_the_same_sentence_does_not(wished: OrderState) -> None:
    assert do(answered(wished), ("add_item", {"item": "Coke"})).result["not_found"] == ["sushi"]


def test_a_dish_that_nobody_waits_for_cannot_be_settled(wished: OrderState) -> None:
    outcome = do(answered(wished), told("let_go", "tacos"))
    assert outcome.result["error"]["allowed"] == ["sushi"]


def test_no_more_than_ten_are_open_and_none_twice(state: OrderState) -> None:
    for name in ["zorglub", "Zorglub!", *(f"zorglub {number}" for number in range(20))]:
        state = do(state, ("add_item", {"item": name})).state
    assert len(state.open_wishes) == 10


def test_in_french(state: OrderState, french: Restaurant) -> None:
    outcome = do(replace(state, restaurant=french), told("asked", "un zorglub"))
    assert "Que désirez-vous à la place, ou rien ?" in outcome.result["say"]


OYSTERS: tuple[str, dict[str, Any]] = ("add_item", {"item": "Oysters"})
GIANT: tuple[str, dict[str, Any]] = ("add_item", {"item": "Margherita", "size": "Giant"})


@pytest.mark.parametrize(
    ("call", "wish"),
    [(OYSTERS, "Oysters"), (GIANT, "Margherita Giant"), (("change_item", {"line": 1, "item": "Oysters"}), "Oysters")],
)
def test_what_is_sold_out_is_open_as_what_the_menu_does_not_have(
    state: OrderState, call: tuple[str, dict[str, Any]], wish: str
) -> None:
    wished = do(run(state, PIZZA, PICKUP, SAM).state, call)
    assert wished.result["not_found"] == [wish]
    assert do(agreed(answered(wished.state)), CONFIRM).result["error"]["code"] == "dish_open"
    settled = do(answered(wished.state), told("let_go", wish)).state
    assert run(settled, READ, CONFIRM).state.confirmed is not None


def test_a_model_that_reads_in_the_menu_that_a_dish_is_sold_out_tells_of_it(state: OrderState) -> None:
    assert do(state, told("asked", "oysters")).result["not_found"] == ["oysters"]


def test_another_size_than_the_one_that_is_sold_out_settles_it_once_the_caller_has_chosen_it(state: OrderState) -> None:
    wished = do(state, GIANT).state
    large = ("add_item", {"item": "Margherita", "size": "Large"})
    assert do(wished, large).result["not_found"] == ["Margherita Giant"]
    assert "not_found" not in do(answered(wished), large).result


def test_what_ran_out_after_it_was_ordered_is_no_wish(state: OrderState) -> None:
    """The confirmation takes it off the order, and says so."""
    ordered = run(state, PIZZA, ("add_item", {"item": "Coke"})).state
    items = tuple(replace(one, available=one.name != "Coke") for one in ordered.menu.items)
    changed = do(
        replace(ordered, menu=replace(ordered.menu, items=items)), ("change_item", {"line": 2, "note": "no ice"})
    )
    assert changed.result["error"]["code"] == "unavailable_item" and "not_found" not in changed.result
