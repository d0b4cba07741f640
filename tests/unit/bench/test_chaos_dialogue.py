import json

import pytest

from bench.chaos.dialogue import Dialogue, Step, Wish
from bench.chaos.tones import ASK_HZ, CONFIRMED_HZ, READ_BACK_HZ

pytestmark = pytest.mark.unit

WISH = Wish("Anna Byrne", 2, (1250, 1520))


def tools_of(step: Step) -> list[str]:
    return [tool.name for tool in step.tools]


def answered(dialogue: Dialogue, step: Step, say: str = "") -> None:
    for tool in step.tools:
        dialogue.tool_answered(tool.name, json.dumps({"ok": True, "say": say}))


def read_back(dialogue: Dialogue) -> None:
    """Up to the end of the read-back."""
    dialogue.ordered(WISH)
    answered(dialogue, dialogue.next_step(), "2 salads, right?")
    dialogue.said(dialogue.next_step())


def test_an_order_is_put_into_the_cart_and_read_back() -> None:
    dialogue = Dialogue()
    dialogue.ordered(WISH)
    step = dialogue.next_step()
    assert tools_of(step) == ["add_item", "set_fulfilment", "set_customer", "read_cart"]
    answered(dialogue, step, "2 salads, right?")
    assert dialogue.next_step() == Step("2 salads, right?", READ_BACK_HZ, 2.5)


def test_a_yes_to_a_read_back_confirms_and_the_confirmation_ends_the_call() -> None:
    dialogue = Dialogue()
    read_back(dialogue)
    dialogue.agreed()
    step = dialogue.next_step()
    assert tools_of(step) == ["confirm_order"]
    answered(dialogue, step, "Ready at eight.")
    last = dialogue.next_step()
    assert (last.text, last.hertz, tools_of(last)) == ("Ready at eight.", CONFIRMED_HZ, ["end_call"])


def test_a_yes_without_a_read_back_in_this_session_has_the_cart_read_first() -> None:
    dialogue = Dialogue()
    dialogue.resumed('It stands: {"lines": [{"line": 1}], "fulfilment": "pickup", "customer_name": "Anna Byrne"}.')
    dialogue.agreed()
    assert tools_of(dialogue.next_step()) == ["read_cart"]


def test_a_resumed_call_adds_only_what_the_cart_lacks() -> None:
    dialogue = Dialogue()
    dialogue.resumed('It stands: {"lines": [{"line": 1}], "fulfilment": null, "customer_name": ""}.')
    dialogue.wish = WISH
    assert tools_of(dialogue.next_step()) == ["set_fulfilment", "set_customer", "read_cart"]


def test_a_resumed_call_whose_order_stands_says_so_and_orders_nothing() -> None:
    dialogue = Dialogue()
    dialogue.resumed('It stands: {"lines": [{"line": 1}], "confirmed": true}.')
    step = dialogue.next_step()
    assert (step.hertz, tools_of(step)) == (CONFIRMED_HZ, ["end_call"])


def test_a_resumed_call_of_an_unknown_caller_asks_what_is_wanted() -> None:
    dialogue = Dialogue()
    dialogue.resumed('It stands: {"lines": [], "confirmed": false}.')
    assert dialogue.next_step().hertz == ASK_HZ


def test_a_refused_confirmation_has_the_cart_read_again() -> None:
    dialogue = Dialogue()
    read_back(dialogue)
    dialogue.agreed()
    dialogue.next_step()
    dialogue.tool_answered("confirm_order", json.dumps({"ok": False, "error": {"code": "not_answered"}}))
    assert tools_of(dialogue.next_step()) == ["read_cart"]


def test_what_was_not_said_to_its_end_is_said_again() -> None:
    dialogue = Dialogue()
    step = Step("2 salads, right?", READ_BACK_HZ)
    dialogue.postponed(step)
    assert dialogue.next_step() == step
