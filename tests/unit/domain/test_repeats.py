from datetime import UTC, datetime
from typing import Any

import pytest

from domain.repeats import Repeats
from domain.tools import OrderState, apply

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
SUSHI = {"item": "sushi"}


def results(state: OrderState, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    repeats = Repeats()
    return [repeats.judged(name, said, apply(state, name, said, NOW).result) for name, said in calls]


def test_the_same_illegal_call_is_explained_the_second_time_and_not_made_a_third(state: OrderState) -> None:
    first, second, third, fourth = results(state, *[("add_item", SUSHI)] * 4)

    assert first["error"]["code"] == second["error"]["code"] == "unknown_item"
    assert "refused before" not in first["error"]["message"]
    assert "refused before for the same reason" in second["error"]["message"]
    assert third["error"]["code"] == fourth["error"]["code"] == "repeated_call"
    assert third["next"] == {"call": "transfer_to_human", "when": "the caller agrees to it"}
    assert third["say"] == first["say"]


def test_another_call_and_another_reason_begin_anew(state: OrderState) -> None:
    told = results(state, ("add_item", SUSHI), ("add_item", {"item": "ramen"}), ("add_item", SUSHI))

    assert [one["error"]["message"] for one in told] == [told[0]["error"]["message"]] * 3


def test_a_confirmation_that_came_too_early_is_no_repetition(state: OrderState) -> None:
    calls = [("add_item", {"item": "Coke"}), ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Sam"})]
    for name, arguments in calls:
        state = apply(state, name, arguments, NOW).state
    told = results(state, *[("confirm_order", {})] * 4)

    assert [one["error"]["code"] for one in told] == ["not_read_back"] * 4


def test_each_result_names_the_next_best_step(state: OrderState) -> None:
    steps = []
    for name, arguments in (
        ("read_cart", {}),
        ("add_item", {"item": "Margherita"}),
        ("add_item", {"item": "Coke"}),
        ("set_fulfilment", {"kind": "delivery"}),
        ("set_fulfilment", {"kind": "pickup"}),
        ("set_customer", {"name": "Sam"}),
        ("read_cart", {}),
    ):
        outcome = apply(state, name, arguments, NOW)
        state = outcome.state
        steps.append(outcome.result["next"])

    assert steps == [
        {"ask": "What would you like to order?"},
        {"ask": "Which size would you like for the Margherita: small or large?"},
        {"ask": "Anything else?"},
        {"ask": "What address should we deliver to?"},
        {"ask": "What name is the order for?"},
        {"call": "read_cart"},
        {"call": "confirm_order", "when": "the caller said a clear yes to the read-back"},
    ]
