"""An allergy that was hardly heard is asked about, and never dropped nor put in another's place."""

from __future__ import annotations

import pytest

from devstack.speech.allergy_sounds import Alike, allergen_like
from devstack.speech.expecting import expected
from devstack.speech.repairs import repaired
from domain.allergens import CODES, code_of, word, words_in
from tests.unit.speech.ordering import TextCall, restaurant_named

pytestmark = pytest.mark.unit

WHICH = "C'est bien une allergie : {} ?"


def french_call() -> TextCall:
    return TextCall("fr", state=restaurant_named("chez-margot"))


@pytest.mark.parametrize("heard", ["au veut", "aux vœux", "aux veufs"])
def test_what_sounds_nearly_like_one_is_asked(heard: str) -> None:
    call = french_call()
    said = call.caller(f"Je suis allergique {heard}, une crème brûlée.")
    assert said.endswith((WHICH.format("œufs"), WHICH.format("œuf"))) and not call.cart.allergies
    said = call.caller("Oui, c'est ça.")
    assert list(call.cart.allergies) == ["œufs"] and "Crème brûlée contient" in said


@pytest.mark.parametrize(
    ("heard", "allergen"), [("aux eux", "œufs"), ("aux zeux", "œufs"), ("osarachide", "arachides")]
)
def test_what_sounds_the_same_is_taken(heard: str, allergen: str) -> None:
    call = french_call()
    call.caller("Je suis allergique." if " " not in heard else f"Je suis allergique {heard}.")
    if " " not in heard:
        call.caller(f"{heard}.")
    assert list(call.cart.allergies) == [allergen]


def test_what_sounds_like_the_same_one_twice_is_taken() -> None:
    call = french_call()
    call.caller("Je suis allergique au veut.", "Aux vœux.")
    assert list(call.cart.allergies) == ["œufs"]


def test_a_no_asks_to_what_and_the_word_itself_is_taken_when_it_is_heard_again() -> None:
    call = french_call()
    assert call.caller("Je suis allergique aux poivrons. Une crème brûlée.").endswith(WHICH.format("poisson"))
    assert call.caller("Non.").endswith("C'est une allergie à quoi ?")
    assert not call.cart.allergies
    call.caller("Aux poivrons.")
    call.caller("Non, aux poivrons.")
    assert list(call.cart.allergies) == ["poivrons"]


def test_one_that_is_known_does_not_let_another_pass() -> None:
    call = french_call()
    said = call.caller("Je suis allergique aux noix et au veut.")
    assert list(call.cart.allergies) == ["fruits à coque"]
    assert said.endswith(WHICH.format("œufs"))
    call.caller("Oui.")
    assert "œufs" in call.cart.allergies and len(call.cart.allergies) == 2


def test_one_that_is_never_understood_is_on_the_order_and_goes_to_a_person() -> None:
    call = french_call()
    call.caller("Une crème brûlée, et je suis allergique.")
    for heard in ("Bonjour.", "Aventure.", "D'accord.", "Ah bon."):
        if not call.transferred:
            call.caller(heard)
    assert call.transferred and list(call.cart.allergies) == ["un aliment que je n'ai pas compris"]
    assert call.state.confirmed is None


def test_what_is_none_of_the_fourteen_is_taken_once_it_was_heard_twice() -> None:
    call = french_call()
    assert call.caller("Je suis allergique au kiwi.").endswith("C'est une allergie à quoi ?")
    call.caller("Au kiwi.")
    assert list(call.cart.allergies) == ["kiwi"]


@pytest.mark.parametrize(
    ("heard", "like"),
    [
        ("christacé", Alike("crustacé", same=False)),
        ("glutaine", Alike("gluten", same=True)),
        ("bonjour", None),
        ("fraises", None),
        ("pollen", None),
    ],
)
def test_like_an_allergen(heard: str, like: Alike | None) -> None:
    assert allergen_like(heard, "fr") == like


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_allergen_is_expected_to_be_said_and_sounds_like_itself(language: str) -> None:
    words = expected(language, "Salade.").words
    for code in CODES:
        like = allergen_like(word(code, language), language)
        assert like is not None and like.same and code_of(like.name) == code
    assert {one for one in words_in(language) if " " not in one and code_of(one) is None} == set()
    assert {"gluten", "lupin"} <= {*words} and ("oeuf" if language == "fr" else "egg") in words


@pytest.mark.parametrize("heard", ["allergie qu'aux", "d'allergie qu'aux", "d'allergique aux"])
def test_an_allergy_is_one_however_its_words_were_parted(heard: str) -> None:
    text = repaired(f"Je suis {heard} arachides, une salade.", "fr", frozenset())
    assert text == "Je suis allergique aux arachides, une salade."


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("allergie causeux", "allergique aux seux"),
        ("allergie collectose", "allergique aux lectose"),
        ("allergie qu'elle a moutarde", "allergique à la moutarde"),
        ("allergicaleuse", "allergique"),
        ("allergique comme mon fils", "allergique comme mon fils"),
        ("une allergie connue", "une allergie connue"),
    ],
)
def test_what_ran_into_the_allergy_is_told_apart(heard: str, meant: str) -> None:
    assert repaired(f"Je suis {heard}.", "fr", frozenset()) == f"Je suis {meant}."


def test_an_allergen_that_may_as_well_be_another_is_asked_until_the_caller_agrees() -> None:
    call = french_call()
    call.caller("Une crème brûlée, et je suis allergique.")
    assert call.unsurely("Au lait.").endswith(WHICH.format("lait"))
    assert call.unsurely("Au lait.").endswith(WHICH.format("lait"))
    assert not call.cart.allergies
    call.caller("Oui.")
    assert list(call.cart.allergies) == ["lait"]


def test_a_warning_that_a_noise_cut_off_is_said_again_and_one_that_was_heard_is_not() -> None:
    call = TextCall("en")
    warning = call.caller("I have a milk allergy. A large Margherita please.")
    assert "milk" in warning.lower()
    begun = " ".join(warning.split()[:3])
    assert call.cut_off(begun) == warning
    assert call.cut_off(begun) == warning
    assert call.cut_off(begun) != warning  # a noise that comes again and again
    again = TextCall("en")
    again.caller("I have a milk allergy. A large Margherita please.")
    assert again.unheard() != warning
