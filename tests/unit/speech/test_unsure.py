"""What the agent was not sure to have heard: a dish that it did not find, a name of one letter. Asked, then settled."""

from __future__ import annotations

import pytest

from tests.unit.speech.ordering import TextCall, restaurant_named

pytestmark = pytest.mark.unit


def call_to(slug: str) -> TextCall:
    state = restaurant_named(slug)
    return TextCall(state.restaurant.language, state=state)


def test_a_dish_that_was_not_found_is_said_not_to_be_on_the_order_and_asked_about() -> None:
    call = call_to("harbour-pizza")
    said = call.caller("A cheeseburger and a zorglub.")
    assert "zorglub isn't on your order" in said
    assert said.endswith("What would you like instead, or nothing?")


@pytest.mark.parametrize("answer", ["No.", "Nothing, thanks.", "That's all.", "Leave it out.", "Never mind."])
def test_it_is_left_out_once_the_caller_says_so(answer: str) -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.", answer, "That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.state.confirmed is not None
    assert call.lines == [(1, "Cheeseburger", "", ())]


def test_what_is_named_in_its_place_settles_it() -> None:
    call = call_to("harbour-pizza")
    said = call.caller("A cheeseburger and a zorglub.", "A Caesar salad.")
    assert "zorglub" not in said
    call.caller("That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.lines == [(1, "Cheeseburger", "", ()), (1, "Caesar salad", "", ())]
    assert call.state.confirmed is not None


def test_no_read_back_counts_before_the_caller_agreed_that_it_is_not_on_the_order() -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.", "It's for pickup.")
    assert "zorglub isn't on your order" in call.said
    call.caller("My name is Anna.", "What's my order?", "Yes.")
    assert call.state.confirmed is None
    assert "Is it right without it?" in " ".join(call.heard)


def test_a_dish_that_is_never_understood_comes_to_a_person() -> None:
    call = call_to("burgers")
    call.caller("A coleslaw and a zorglub.", "A zorglub.", "The zorglub.", "A zorglub!")
    assert "put you through" in call.said
    call.caller("Yes.")
    assert call.transferred and call.state.confirmed is None


def test_a_dish_that_was_not_found_in_french() -> None:
    call = call_to("chez-margot")
    said = call.caller("Une reine moyenne et un zorglub s'il vous plaît.")
    assert "zorglub n'est pas dans votre commande" in said
    call.caller("Rien d'autre.", "À emporter.", "Au nom de Dupont.", "Oui.")
    assert call.lines == [(1, "Reine", "Moyenne", ())] and call.state.confirmed is not None


def at_the_name(slug: str = "harbour-pizza") -> TextCall:
    call = call_to(slug)
    if call.language == "fr":
        call.caller("Une reine moyenne.", "C'est tout.", "À emporter.")
    else:
        call.caller("A cheeseburger.", "That's all.", "Pick up.")
    return call


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Z E D", "Zed"),
        ("Z, E, D.", "Zed"),
        ("Zed.", "Zed"),
        ("Z for zebra, E for echo, D for delta.", "Zed"),
        ("A, double N, A.", "Anna"),
        ("Yes.", "Z"),
        ("It's just Z.", "Z"),
        ("No, Zed.", "Zed"),
    ],
)
def test_a_name_of_one_letter_is_asked_to_be_spelled_once_and_then_taken(said: str, name: str) -> None:
    call = at_the_name()
    assert "spell" in call.caller("Z")
    assert call.cart.customer_name == ""
    call.caller(said)
    assert call.cart.customer_name == name
    call.caller("Yes.")
    assert call.state.confirmed is not None


def test_a_name_that_was_not_understood_is_asked_to_be_spelled() -> None:
    call = at_the_name()
    assert "spell" in call.caller("And then we may.")
    call.caller("B, O, B.")
    assert call.cart.customer_name == "Bob"


def test_a_name_of_one_letter_in_french() -> None:
    call = at_the_name("chez-margot")
    assert "épeler" in call.caller("Z")
    call.caller("Z comme Zoé, O, E.")
    assert call.cart.customer_name == "Zoe"


def test_what_is_asked_while_a_name_is_spelled_is_answered_and_the_name_asked_for_again() -> None:
    call = at_the_name()
    call.caller("Z", "Add a Caesar salad.")
    assert len(call.lines) == 2 and "spell" in call.said
    call.caller("Zed.")
    assert call.cart.customer_name == "Zed"
