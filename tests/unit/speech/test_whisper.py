"""Which of Whisper's hypotheses is taken."""

from __future__ import annotations

import pytest

from devstack.speech.expecting import expected
from devstack.speech.name_sounds import is_common
from devstack.speech.phrases import PHRASES
from devstack.speech.whisper import (
    SURE_OF_ALLERGENS,
    SURE_OF_NAME,
    likeliest,
    naming_allergens,
    surety,
    surety_of_allergens,
    with_negation,
)

pytestmark = pytest.mark.unit

EXPECTED = frozenset({"deux", "petit", "rein", "et", "two", "cola"})  # stems


def test_of_two_that_sound_alike_the_one_of_the_menu_is_taken() -> None:
    assert likeliest([("Deux petits trains.", -5.4), ("Deux petites reines.", -5.8)], EXPECTED) == (
        "Deux petites reines."
    )


def test_what_is_clearly_heard_is_not_bent_to_the_menu() -> None:
    assert likeliest([("Deux petits trains.", -2.0), ("Deux petites reines.", -5.8)], EXPECTED) == (
        "Deux petits trains."
    )


def test_digits_are_as_good_as_words() -> None:
    assert likeliest([("2 colas.", -1.0), ("Two colas.", -1.1)], EXPECTED) == "2 colas."


# As Whisper had them of one-word names over the telephone.
@pytest.mark.parametrize(
    ("hypotheses", "sure"),
    [
        ([("Clark.", -0.5), ("Clarke.", -2.7), ("Clark,", -2.8), ("Clark. Clark", -4.9)], True),
        ([("Turner.", -0.5), ("Turner. Turner.", -2.3), ("Turner, Turner.", -4.7)], True),
        ([("Mitchell.", -1.9), ("Mitchel.", -3.5), ("Mitchell,", -3.7), ("Mecho.", -4.0)], True),
        ([("Team.", -2.4), ("Teen.", -3.9), ("King.", -4.0), ("Tina.", -4.0)], False),
        ([("Fian.", -2.2), ("Fion.", -2.5), ("Fian", -3.4), ("Fion,", -3.6)], False),
    ],
)
def test_a_name_is_sure_where_its_sounds_have_most_of_what_may_have_been_said(
    hypotheses: list[tuple[str, float]], sure: bool
) -> None:
    assert (surety(hypotheses, hypotheses[0][0]) >= SURE_OF_NAME) is sure


@pytest.mark.parametrize(
    ("said", "language", "common"),
    [
        ("Clark.", "en", True),
        ("Kawasaki.", "en", False),
        ("It's for Orange, please.", "en", False),
        ("C'est au nom de Petit.", "fr", True),
        ("Ah oui.", "fr", False),
        ("", "fr", True),
    ],
)
def test_a_name_that_few_people_have_is_no_common_one(said: str, language: str, common: bool) -> None:
    assert is_common(said, language) is common


@pytest.mark.parametrize("language", ["en", "fr"])
def test_letters_are_expected_where_a_name_is_to_be_spelled(language: str) -> None:
    asked = f"{PHRASES[language].heard_name.format(name='Orange')} {PHRASES[language].spell_name}"
    expectation = expected(language, "Margherita, Cola", asked)
    assert expectation.of_spelling and not expectation.of_name and "Margherita" not in expectation.before
    assert expected(language, "Margherita", PHRASES[language].customer_name).of_name


def test_a_without_that_is_about_as_likely_is_kept() -> None:
    """As Whisper gave them for "Une soupe wonton sans piment"."""
    heard = [("Une sous pointe tonne, s'empiment.", -7.64), ("Une sous pointe tonne, sans piment.", -7.54)]
    lost = ("Une sous pointe tonne, piment.", -7.24)
    assert with_negation([*heard, lost], lost[0], "fr") == "Une sous pointe tonne, sans piment."
    assert with_negation(
        [("A burger without onions.", -5.0), ("A burger onions.", -4.0)], "A burger onions.", "en"
    ) == ("A burger onions.")
    assert with_negation([lost], lost[0], "fr") == lost[0]


def test_an_allergen_that_is_about_as_likely_is_taken_and_not_sure() -> None:
    """As Whisper gave them for "allergique aux œufs" and "aux cacahuètes"."""
    butter = "Je suis allergique au beurre, une crème brûlée."
    eggs = "Je suis allergique aux œufs, une crème brûlée."
    heard = [(butter, -4.27), (eggs, -4.51), ("Je suis allergique au beu, une crème brûlée.", -4.91)]
    assert list(naming_allergens(heard, butter)) == [(eggs, -4.51)]
    assert surety_of_allergens(heard, eggs) < SURE_OF_ALLERGENS
    nuts = [("Au lait.", -3.52), ("Aux œufs.", -3.55), ("Au cacayette.", -3.92), ("Au cacahuète.", -4.22)]
    assert surety_of_allergens(nuts, "Au lait.") < SURE_OF_ALLERGENS
    sure = [("Au lait.", -1.0), ("Au lait", -2.0), ("Au lit.", -4.0)]
    assert surety_of_allergens(sure, "Au lait.") > SURE_OF_ALLERGENS
