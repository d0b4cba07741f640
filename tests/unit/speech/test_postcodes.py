"""Postcodes as speech-to-text writes them, and that nothing else becomes one."""

from __future__ import annotations

import pytest

from devstack.speech.expecting import expected
from devstack.speech.lexicon import LEXICONS
from devstack.speech.phrases import PHRASES
from devstack.speech.postcodes import codes_of, with_postcodes
from domain.prompts import restaurant_instructions
from tests.unit.speech.ordering import TextCall, restaurant_named

pytestmark = pytest.mark.unit

CODES = ("D13", "D05", "NW2")


def test_the_codes_are_those_of_the_zones_in_the_instructions() -> None:
    state = restaurant_named("harbour-pizza")
    told = restaurant_instructions(state.restaurant, state.menu, state.faq)
    assert codes_of(told) == tuple(code for zone in state.restaurant.delivery_zones for code in zone.postcodes)
    assert codes_of("Any other text (D13).") == ()


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Two pizzas, delivered to 22 Harbor Road, the 13, please.", "Harbor Road, D13, please."),
        ("Delivery to 14 Fordwich Road and W-2, a biryani.", "Fordwich Road, NW2, a biryani."),
        ("To 3 Sutton Lane, D-05.", "Sutton Lane, D05."),
    ],
)
def test_one_that_was_heard_otherwise_is_put_back_behind_a_street(heard: str, meant: str) -> None:
    assert with_postcodes(heard, CODES, LEXICONS["en"], "items", "en").endswith(meant)


@pytest.mark.parametrize("heard", ["14 Ford which Road, and W-2.", "14 Ford which rode, and W-two."])
def test_one_is_put_back_in_the_answer_to_where(heard: str) -> None:
    assert with_postcodes(heard, CODES, LEXICONS["en"], "address", "en").endswith(", NW2.")


@pytest.mark.parametrize(
    ("heard", "awaited"),
    [
        ("I'd like the 13, please.", "items"),
        ("22 Harbour Road, and I'd like the 13.", "items"),
        ("22 Harbour Road, D15.", "address"),
        ("And two of those.", "anything_else"),
    ],
)
def test_nothing_else_becomes_one(heard: str, awaited: str) -> None:
    assert with_postcodes(heard, CODES, LEXICONS["en"], awaited, "en") == heard  # type: ignore[arg-type]


def test_a_postcode_misheard_behind_a_street_is_no_quantity() -> None:
    call = TextCall("en", state=restaurant_named("harbour-pizza"))
    call.caller("Two large vegetarian pizzas, delivered to 22 Harbor Road, the 13, please.")
    assert [(line[0], line[1]) for line in call.lines] == [(2, "Vegetarian")]
    where = call.cart.fulfilment
    assert where is not None and where.address is not None and where.address.postcode == "D13"


def test_the_restaurant_s_postcodes_are_expected_where_an_address_was_asked_for() -> None:
    asked = f"À emporter, non. {PHRASES['fr'].address}"
    assert "69001, 69002" in expected("fr", "Reine", asked, ("69001", "69002")).before
    assert "69001" not in expected("fr", "Reine", PHRASES["fr"].anything_else, ("69001", "69002")).before
    assert expected("fr", "Reine", asked).before == expected("fr", "Reine").before


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("8 rue au bercanze, 7511.", "8 rue au bercanze, 75011."),
        ("8 rue Oberkampf, 75 11 11.", "8 rue Oberkampf, 75011."),
        ("3 place Sathonay, 750 0011.", "3 place Sathonay, 75011."),
        ("8 rue Oberkampf, 75012.", "8 rue Oberkampf, 75012."),  # another postcode, outside the zones
        ("8 rue Oberkampf, 13.", "8 rue Oberkampf, 13."),
        ("8 rue Oberkampf, 93 100 0.", "8 rue Oberkampf, 93 100 0."),
    ],
)
def test_a_number_that_is_no_postcode_is_the_one_code_it_is_nearest_to(heard: str, meant: str) -> None:
    assert with_postcodes(heard, ("75011", "75020"), LEXICONS["fr"], "address", "fr") == meant


def test_a_number_that_is_as_near_to_two_codes_is_none() -> None:
    heard = "8 rue Oberkampf, 7501."
    assert with_postcodes(heard, ("75011", "75012"), LEXICONS["fr"], "address", "fr") == heard
