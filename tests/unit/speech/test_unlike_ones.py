"""Several of one thing that are not alike: which of them is which."""

from __future__ import annotations

import pytest

from tests.unit.speech.ordering import TextCall, cart_is, restaurant_named

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (
            "Two cheeseburgers please, one using smoked bacon and the other one plain.",
            ["1 Cheeseburger + Smoked bacon", "1 Cheeseburger"],
        ),
        (
            "Can I get two cheeseburgers? I want one regular and one with smoked bacon.",
            ["1 Cheeseburger", "1 Cheeseburger + Smoked bacon"],
        ),
    ],
)
def test_one_of_them_and_the_other(said: str, lines: list[str]) -> None:
    state = restaurant_named("harbour-pizza")
    call = TextCall("en", state=state)
    call.caller(said)
    assert cart_is(call.cart, lines), call.lines
