"""Names of a menu in place of what French speech-to-text made of them."""

from __future__ import annotations

import pytest

from devstack.speech.expecting import expected
from devstack.speech.menu_sounds import as_on_menu, distance, phonemes
from domain.prompts import transcription_prompt
from evaluation.files import MENU_FILES, place, read

pytestmark = pytest.mark.unit

MENU = "bo boun, Phở, Bò bún, Bœuf, Œuf coulant, Blanquette de veau, Galette saucisse, Margherita, Grande."
EXPECTED = expected("fr", MENU)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Une complète avec l'ascoulant.", "Une complète avec l'Œuf coulant."),
        ("Une blanquette de voe et un café.", "Une Blanquette de veau et un café."),
        ("Deux bobou nos crevettes.", "Deux Bò bún au crevettes."),
        ("Un faux au bœuf.", "Un Phở au bœuf."),
        ("Il me faut 200 grandes margaritas.", "Il me faut 200 grandes Margherita."),
    ],
)
def test_strange_words_are_the_name_that_they_sound_like(heard: str, meant: str) -> None:
    assert as_on_menu(heard, EXPECTED) == meant


@pytest.mark.parametrize(
    "heard",
    [
        "2 galettes saucisse, s'il vous plaît.",  # a number is in no name
        "Il me faut une grande.",
        "Bonjour, un grand fossé.",  # a size is said, not misheard
        "Je voudrais un boulot.",
        "Une galette, saucissons.",  # a pause lies between two things
    ],
)
def test_nothing_else_is_touched(heard: str) -> None:
    assert as_on_menu(heard, EXPECTED) == heard


def test_two_names_that_fit_are_none() -> None:
    assert as_on_menu("Une marita.", expected("fr", "Marina, Maritta, Marika.")) == "Une Maritta."
    assert as_on_menu("Une marisa.", expected("fr", "Marina, Maritta, Marika.")) == "Une marisa."


def test_a_caller_is_no_dish() -> None:
    assert as_on_menu("Margarita.", expected("fr", MENU, "À quel nom ?")) == "Margarita."


def test_english_is_left_as_it_was_heard() -> None:
    assert as_on_menu("A margarita.", expected("en", MENU)) == "A margarita."


def test_what_was_heard_as_said_is_never_changed_on_any_menu() -> None:
    said = {
        wish if isinstance(wish, str) else wish.say
        for case in read()
        if case.language == "fr"
        for wish in case.scenario.say
    }
    assert len(said) > 30
    for name in MENU_FILES:
        expectation = expected("fr", transcription_prompt(place(name).menu))
        assert [one for one in said if as_on_menu(one, expectation) != one] == [], name


def test_like_phonemes_are_nearer() -> None:
    assert distance(phonemes("voe"), phonemes("veau")) < distance(phonemes("va"), phonemes("veau"))
    assert distance("a", "a") == 0
