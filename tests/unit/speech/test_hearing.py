"""What is expected to be heard, and what is mended of what was."""

from __future__ import annotations

import pytest

from devstack.speech.addresses import customer_in
from devstack.speech.expecting import asks_name, expected
from devstack.speech.lexicon import LEXICONS
from devstack.speech.repairs import repaired
from devstack.speech.whisper import likeliest
from domain.prompts import transcription_prompt
from evaluation.files import MENU_FILES, place, read

pytestmark = pytest.mark.unit

MENU = "Forestière, Galette saucisse, Canard laqué, Grande, Petite."
NAMES = expected("fr", MENU).names


@pytest.mark.parametrize(
    ("said", "language", "asks"),
    [
        ("I've added one cola. What name is it for?", "en", True),
        ("What name shall I book it under?", "en", True),
        ("Anything else?", "en", False),
        ("What name is that, you say? Anything else?", "en", False),
        ("My name is Sam.", "en", False),
        ("À quel nom, la commande ?", "fr", True),
        ("C'est à quel nom ?", "fr", True),
        ("Le total est de 12 euros. C’est bien ça ?", "fr", False),
        ("", "fr", False),
    ],
)
def test_a_name_was_asked_for_by_the_last_question(said: str, language: str, asks: bool) -> None:
    assert asks_name(said, language) is asks


def test_in_a_name_only_names_and_what_gives_them_are_not_strange() -> None:
    words = expected("fr", MENU, "À quel nom ?").words
    assert {"nom", "dupont", "lefevre"} <= {*words}
    assert not {"canard", "deux", "non", "diplome"} & {*words}
    assert expected("fr", MENU, "À quel nom ?").of_name
    assert {"canard", "deux"} <= {*expected("fr", MENU, "Et avec ceci ?").words}


def test_of_hearings_that_are_about_as_likely_the_one_with_a_name_is_taken() -> None:
    """Scores as Whisper gave them for "Au nom de Dupont."."""
    heard = [("Oh non, de dipons.", -4.9), ("Au nom de Dippon.", -5.1), ("Au nom de Dupont.", -5.4)]
    assert likeliest(heard, expected("fr", MENU, "À quel nom ?").words) == "Au nom de Dupont."
    assert (
        likeliest([("Vauquelin.", -2.0), ("Martin.", -6.0)], expected("fr", MENU, "À quel nom ?").words) == "Vauquelin."
    )


def test_without_a_vocabulary_nothing_is_expected() -> None:
    assert expected("en", " ", "What name is it for?").before == ""


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("De galettes saucisse, s'il vous plaît.", "Deux galettes saucisse, s'il vous plaît."),
        ("Bonjour, je voudrais de Forestière.", "Bonjour, je voudrais deux Forestière."),
        ("En canard laqué.", "Un canard laqué."),
        ("Je viens la sercher.", "Je viens la chercher."),
    ],
)
def test_a_number_is_put_back_where_only_one_can_stand(heard: str, meant: str) -> None:
    assert repaired(heard, "fr", NAMES) == meant


@pytest.mark.parametrize(
    "heard",
    [
        "Pas de galette saucisse.",
        "Beaucoup de fromage et de galette.",
        "En grande, s'il vous plaît.",
        "En livraison.",
        "De rien.",
        "Je voudrais de l'eau.",
        "Qu'est-ce que vous avez en canard ?",
    ],
)
def test_nothing_else_is_mended(heard: str) -> None:
    assert repaired(heard, "fr", NAMES) == heard


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("Oh, non, de Dupont.", "Dupont"),
        ("Au non de dipons.", "Dipons"),
        ("Euh, oh non, d'Artois.", "Artois"),
        ("Alors, eau nom de Le Goff", "Le Goff"),
    ],
)
def test_in_the_name_of_is_put_back_where_a_name_was_asked_for(heard: str, name: str) -> None:
    meant = repaired(heard, "fr", NAMES, of_name=True)
    assert customer_in(meant, LEXICONS["fr"], "customer_name")[0] == name
    assert repaired(heard, "fr", NAMES) == heard


@pytest.mark.parametrize("heard", ["Oh non, attendez.", "Non, pas de nom.", "Oh non, c'est trop cher."])
def test_a_refusal_stays_one_where_a_name_was_asked_for(heard: str) -> None:
    assert repaired(heard, "fr", NAMES, of_name=True) == heard


def test_no_sentence_begins_with_know() -> None:
    assert repaired("Know that's wrong, two.", "en", frozenset()) == "No, that's wrong, two."
    assert repaired("You know what, two colas.", "en", frozenset()) == "You know what, two colas."


def test_what_was_heard_as_said_is_never_mended_on_any_menu() -> None:
    names = {name: expected(place(name).language, transcription_prompt(place(name).menu)).names for name in MENU_FILES}
    said = {(case.language, one) for case in read() for one in _said(case.scenario.say)}
    assert len(said) > 80
    mended = [
        (one, name) for language, one in said for name, own in names.items() if repaired(one, language, own) != one
    ]
    assert not mended


def _said(wishes: object) -> list[str]:
    assert isinstance(wishes, tuple)
    return [wish if isinstance(wish, str) else wish.say for wish in wishes]
