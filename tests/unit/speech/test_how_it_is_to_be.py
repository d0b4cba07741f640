"""How a dish is to be, said after it was named: of it, of one of several, and how it is made. Nothing of it is lost."""

from __future__ import annotations

import pytest

from tests.unit.speech.ordering import call_to, cart_is

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("Can I get a flat white please. I need it decaf.", "1 Flat white + Decaf"),
        ("A flat white.|No, it needs to be decaf.", "1 Flat white + Decaf"),
        ("A flat white.|No, actually, I wanted to change it to decaf please.", "1 Flat white + Decaf"),
        ("A flat white.|Actually, I'd like to change my order to decaf.", "1 Flat white + Decaf"),
        ("A flat white.|No I wanted decaf.", "1 Flat white + Decaf"),
        ("A flat white.|No. I want it in decaf.", "1 Flat white + Decaf"),
        ("A flat white.|No it isn't right, could you make that decaf?", "1 Flat white + Decaf"),
        ("A flat white, but I want it with oat milk and decaf.", "1 Flat white + Oat milk + Decaf"),
        ("I would like to try a flat white. Could I have that made with almond milk?", "1 Flat white + Almond milk"),
        (
            "A flat white, make it decaf, with oat milk and whipped cream.",
            "1 Flat white + Decaf + Oat milk + Whipped cream",
        ),
        ("Do you think I can get a decaf flat white?", "1 Flat white + Decaf"),
        ("A flat white, not too hot please", "1 Flat white ; not too hot"),
        ("A flat white served room temperature. Thanks!", "1 Flat white ; served room temperature"),
        ("A flat white, and can I get that lukewarm?", "1 Flat white ; lukewarm"),
        ("A flat white but make sure it isn't hot.", "1 Flat white ; not hot"),
        ("An extra hot flat white.", "1 Flat white ; extra hot"),
        ("A nice hot flat white.", "1 Flat white"),
        ("A flat white. That's just espresso, oat milk and foam.", "1 Flat white"),
    ],
)
def test_of_the_dish_just_spoken_of(said: str, line: str) -> None:
    call = call_to("coffee", *said.split("|"))
    assert cart_is(call.cart, [line]), call.lines


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("Two flat whites please. One of them needs to be decaf.", ["1 Flat white", "1 Flat white + Decaf"]),
        (
            "Two flat whites and I'd like for one to have oat milk and the other to have almond milk.",
            ["1 Flat white + Oat milk", "1 Flat white + Almond milk"],
        ),
        (
            "Two flat whites with oat milk. But I want one of them to be almond milk.",
            ["1 Flat white + Oat milk", "1 Flat white + Almond milk"],
        ),
        ("Can I get two flat whites? One of them decaf please?", ["1 Flat white", "1 Flat white + Decaf"]),
        ("Two flat whites, one decaf and one not decaf.", ["1 Flat white + Decaf", "1 Flat white"]),
        ("Three flat whites, one not decaf and the others decaf.", ["1 Flat white", "2 Flat white + Decaf"]),
    ],
)
def test_of_one_of_several(said: str, lines: list[str]) -> None:
    call = call_to("coffee", said)
    assert cart_is(call.cart, lines), call.lines


def test_what_one_of_several_cannot_have_is_asked_about_and_the_other_is_as_it_was_said() -> None:
    call = call_to("coffee", "Two flat whites, one zorglub and the other one decaf.")
    assert cart_is(call.cart, ["1 Flat white", "1 Flat white + Decaf"])
    assert "zorglub isn't on your order" in call.said


@pytest.mark.parametrize("said", ["A latte, large, with two espresso shots.", "A large latte with a shot of espresso."])
def test_a_measure_of_a_dish_is_no_other_dish(said: str) -> None:
    call = call_to("coffee", said)
    assert [line.item_name for line in call.cart.lines] == ["Latte"]
    assert call.said.endswith("What would you like instead, or nothing?")


def test_what_is_said_after_a_new_dish_is_of_it_and_not_of_the_line_before() -> None:
    call = call_to("coffee", "An Earl Grey.", "A flat white. I need it decaf.")
    assert cart_is(call.cart, ["1 Earl Grey", "1 Flat white + Decaf"])


def test_nothing_that_is_fine_takes_nothing_off() -> None:
    call = call_to("coffee", "A flat white.", "That's all.", "Pick up.", "Anna.", "No.", "Nothing, it is fine.")
    assert cart_is(call.cart, ["1 Flat white"])


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("Une reine moyenne, je la veux sans champignons.", "1 Reine [Moyenne] ; champignons"),
        ("Une reine moyenne.|Je la voudrais bien chaude.", "1 Reine [Moyenne] ; bien chaude"),
        ("Une reine moyenne, pas trop chaude.", "1 Reine [Moyenne] ; pas trop chaude"),
    ],
)
def test_in_french(said: str, line: str) -> None:
    call = call_to("chez-margot", *said.split("|"))
    assert cart_is(call.cart, [line]), (call.lines, [one.note for one in call.cart.lines])
