"""A message for the team: said to be left only to be kept, and another number only once it was read back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.agreement import Agreement
from domain.left_messages import LONGEST, LeftMessage, with_message
from domain.tools import KeepMessage, OrderState, ReadBack, ToolOutcome, Transfer, apply

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
LOST = {"about": "lost_property", "message": "I left a black scarf on the chair by the window."}


@pytest.fixture
def known(state: OrderState) -> OrderState:
    return replace(state, caller_known=True)


def leave(state: OrderState, **more: Any) -> ToolOutcome:
    return apply(state, "leave_message", LOST | more, NOW)


def answered(outcome: ToolOutcome, words: str) -> OrderState:
    """The caller heard the question and said this."""
    heard = Agreement(outcome.state.cart.version, heard=True, answered=True, answer=words)
    return replace(outcome.state, agreement=heard)


def test_a_message_is_kept_for_the_number_that_the_caller_shows(known: OrderState) -> None:
    outcome = leave(known, name="Nora")
    assert outcome.effect == KeepMessage(LeftMessage("lost_property", LOST["message"], "Nora"))
    assert outcome.result["ok"] and outcome.result["left"] and "calling from" in outcome.result["say"]
    assert outcome.state.messages == ()  # the handler says so, once it is written


def test_whoever_shows_no_number_is_asked_for_one_or_says_that_they_want_no_call(state: OrderState) -> None:
    asked = leave(state)
    assert asked.result["error"]["code"] == "number_needed" and asked.effect is None
    none = leave(state, phone="none")
    assert none.effect == KeepMessage(LeftMessage("lost_property", LOST["message"], wants_call=False))
    assert "number" not in none.result["say"]


def test_another_number_is_read_back_and_kept_after_a_yes_to_just_that(state: OrderState) -> None:
    asked = leave(state, phone="087 123 4567")
    assert isinstance(asked.effect, ReadBack) and asked.effect.about == "087 123 456 7"
    assert (asked.result["left"], asked.result["next"]["call"]) == (False, "leave_message")

    refused = leave(answered(asked, "No, it ends in nine."), phone="087 123 4567")
    assert refused.result["error"]["code"] == "not_agreed" and refused.effect is None
    other = leave(answered(asked, "Yes."), phone="087 123 4568")
    assert isinstance(other.effect, ReadBack)  # a yes to one number is none to another

    kept = leave(answered(asked, "Yes."), phone="087 123 4567")
    assert isinstance(kept.effect, KeepMessage) and kept.effect.message.phone == "+353871234567"


def test_a_yes_to_the_number_confirms_no_order(state: OrderState) -> None:
    ordered = state
    for name, arguments in (
        ("add_item", {"item": "Margherita", "size": "Large"}),
        ("set_fulfilment", {"kind": "pickup"}),
        ("set_customer", {"name": "Sam"}),
        ("read_cart", {}),
    ):
        ordered = apply(ordered, name, arguments, NOW).state
    asked = leave(ordered, phone="087 123 4567")
    confirmed = apply(answered(asked, "Yes."), "confirm_order", {}, NOW)
    assert confirmed.effect is None and confirmed.result["error"]["code"] == "not_read_back"


@pytest.mark.parametrize("said", ["12", "the number on the door", "+999", "06 12 34"])
def test_what_is_no_phone_number_is_asked_again(state: OrderState, said: str) -> None:
    outcome = leave(state, phone=said)
    assert outcome.result["error"]["code"] == "bad_number" and outcome.effect is None


@pytest.mark.parametrize(
    "wrong",
    [{"message": "x" * (LONGEST + 1)}, {"message": " "}, {"about": "gossip"}, {"message": "a\x00b"}, {"name": "🦜"}],
)
def test_a_message_is_bounded_plain_text_of_a_known_kind(known: OrderState, wrong: dict[str, Any]) -> None:
    outcome = leave(known, **wrong)
    assert outcome.result["error"]["code"] == "bad_argument" and outcome.effect is None


@pytest.mark.parametrize("text", ["My wife can't breathe, tell the manager", "Dites au chef que ma fille s’étouffe"])
def test_nobody_in_danger_leaves_a_message(known: OrderState, text: str) -> None:
    team = replace(known, restaurant=replace(known.restaurant, fallback_number="+33100000001"))
    outcome = leave(team, message=text)
    assert outcome.effect == Transfer("+33100000001", "emergency")
    assert not outcome.result["ok"] and "112" in outcome.result["say"]
    alone = leave(replace(known, restaurant=replace(known.restaurant, fallback_number="")), message=text)
    assert alone.effect is None and "112" in alone.result["say"]


def test_a_call_leaves_one_message_of_each_kind() -> None:
    first, second = LeftMessage("group", "Forty people"), LeftMessage("complaint", "Cold soup")
    both = with_message(with_message((), first), second)
    assert with_message(both, LeftMessage("group", "Fifty people")) == (second, LeftMessage("group", "Fifty people"))
    assert with_message(both, second) == both
