"""Roles as data: in both languages, with tools that exist, and bounded."""

from dataclasses import replace
from datetime import datetime

import pytest

from domain.restaurant import Restaurant
from domain.roles import MAX_ROLES, ROLES, told
from domain.tool_parameters import TOOL_NAMES
from domain.tools import EndCall, OrderState, apply

pytestmark = pytest.mark.unit


def test_every_role_has_as_many_rules_in_either_language_and_every_tool_a_role() -> None:
    counts = [{len(one.rules.splitlines()) for one in role.told.values()} for role in ROLES]

    assert all(len(count) == 1 for count in counts)
    assert {tool for role in ROLES for tool in role.tools} == TOOL_NAMES


@pytest.mark.parametrize("language", ["en", "fr"])
def test_roles_are_bounded_and_one_with_nothing_to_do_is_left_out(restaurant: Restaurant, language: str) -> None:
    eating_in = told(replace(restaurant, language=language, dine_in=True, upsell=True))
    to_take_away = told(replace(restaurant, language=language, dine_in=False))

    assert len(eating_in) <= MAX_ROLES
    assert "book_table" in eating_in and "book_table" not in to_take_away


@pytest.mark.parametrize("because", ["abuse", "prank"])
def test_nobody_is_hung_up_on_without_a_warning(state: OrderState, open_now: datetime, because: str) -> None:
    first = apply(state, "end_call", {"because": because}, open_now)
    second = apply(first.state, "end_call", {"because": because}, open_now)

    assert first.effect is None and first.result["error"]["code"] == "warn_first"
    assert "I will have to end the call" in first.result["say"]
    assert second.effect == EndCall(because)  # type: ignore[arg-type]


def test_an_ending_that_there_is_not_is_refused(state: OrderState, open_now: datetime) -> None:
    outcome = apply(state, "end_call", {"because": "boring"}, open_now)

    assert outcome.effect is None and outcome.result["error"]["allowed"] == ["done", "abuse", "prank", "wrong_number"]
    assert apply(state, "end_call", {}, open_now).effect == EndCall("done")
