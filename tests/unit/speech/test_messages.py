"""Messages for the team, typed: taken as they were said, with the number that was agreed to."""

from dataclasses import replace

import pytest

from devstack.speech.messages import about_in
from tests.unit.speech.ordering import TextCall, seeded

pytestmark = pytest.mark.unit


def call(language: str, *, shows_number: bool = True) -> TextCall:
    state = replace(seeded(language), caller_known=shows_number)
    return TextCall(
        language, state=replace(state, restaurant=replace(state.restaurant, fallback_number="+33465710001"))
    )


@pytest.mark.parametrize(
    ("language", "said", "about"),
    [
        ("en", "Hi, I left my scarf at your place last night.", "lost_property"),
        ("en", "Can you tell the manager that the side door is open?", "other"),
        ("en", "This is your supplier, the flour comes on Monday.", "supplier"),
        ("en", "I would like to make a complaint, my soup was cold yesterday.", "complaint"),
        ("en", "We want to have a private party in March.", "group"),
        ("fr", "Bonjour, j'ai oublié mon écharpe chez vous hier soir.", "lost_property"),
        ("fr", "Pouvez-vous dire au patron que la porte de côté est ouverte ?", "other"),
        ("fr", "Je suis votre fournisseur, la farine arrive lundi.", "supplier"),
        ("fr", "Je voudrais faire une réclamation, ma soupe était froide hier.", "complaint"),
        ("fr", "Nous aimerions privatiser la salle en mars.", "group"),
    ],
)
def test_a_message_is_left_in_the_callers_words(language: str, said: str, about: str) -> None:
    made = call(language)
    told = made.caller(said)
    assert made.calls == [("leave_message", {"about": about, "message": said})]
    assert "written that down" in told or "noté pour l’équipe" in told
    assert not made.cart.lines and not made.transferred


@pytest.mark.parametrize(
    ("language", "said", "message"),
    [
        ("en", "Could I leave a message for the manager?", "The side door is open."),
        ("fr", "Je peux laisser un message pour le gérant ?", "La porte de côté est ouverte."),
    ],
)
def test_whoever_only_asks_to_leave_one_is_asked_what_it_is(language: str, said: str, message: str) -> None:
    made = call(language)
    assert made.caller(said).endswith("?") and not made.used
    made.caller(message)
    assert made.calls == [("leave_message", {"about": "other", "message": message})]


@pytest.mark.parametrize(
    ("language", "said", "number", "wrong", "right"),
    [
        ("en", "I left my scarf at your place.", "087 123 4567.", "No, 087 123 4568.", "Yes, that's right."),
        ("fr", "J'ai oublié mon écharpe chez vous.", "06 12 34 56 78.", "Non, 06 12 34 56 79.", "Oui, c'est ça."),
    ],
)
def test_a_number_that_is_not_shown_is_asked_for_and_read_back(
    language: str, said: str, number: str, wrong: str, right: str
) -> None:
    made = call(language, shows_number=False)
    made.caller(said)
    made.caller(number)
    again = made.caller(wrong)
    told = made.caller(right)
    assert "568" in again.replace(" ", "") or "79" in again
    assert made.used == ["leave_message"] * 4
    assert "written that down" in told or "noté pour l’équipe" in told


def test_dishes_before_it_are_ordered_too() -> None:
    made = call("en")
    made.caller("A large pepperoni, and tell the manager that the side door is open.")
    assert [line.item_name for line in made.cart.lines] == ["Pepperoni"]
    assert made.calls[-1] == (
        "leave_message",
        {"about": "other", "message": "and tell the manager that the side door is open"},
    )


@pytest.mark.parametrize(("language", "none"), [("en", "No thanks."), ("fr", "Non merci.")])
def test_who_wants_no_call_leaves_it_without_a_number(language: str, none: str) -> None:
    made = call(language, shows_number=False)
    made.caller("I left my scarf at your place." if language == "en" else "J'ai oublié mon écharpe chez vous.")
    made.caller(none)
    assert made.calls[0][1]["phone"] == "none"


@pytest.mark.parametrize(
    "said",
    [
        "can i speak to the manager",
        "i forgot a salad",
        "tell the kitchen no onions please",
        "i left my order number at home",
        "je voudrais parler au responsable",
        "j ai oublie une salade",
        "une table pour deux",
    ],
)
def test_what_is_no_message(said: str) -> None:
    assert about_in(said) is None
