"""What was heard beside what was said, and which sentences are listened to."""

from __future__ import annotations

import pytest

from domain.menu import Menu
from evaluation.files import place
from evaluation.hearing import sentences
from evaluation.hearing.marks import Mark, alike, marked

pytestmark = pytest.mark.unit


def pizza(said: str, heard: str) -> Mark:
    return marked(said, heard, place("harbour-pizza").menu, "en")


def pho() -> Menu:
    return place("pho-belleville").menu


def test_what_was_heard_as_said_has_nothing_wrong() -> None:
    assert pizza("Two garlic breads, please.", "2 garlic breads please") == Mark(4, 0, 2, (), (), ())


def test_a_dish_that_was_heard_otherwise_is_lost() -> None:
    mark = pizza("One calzone and a tiramisu.", "One fall down and a tiramisu.")
    assert (mark.wrong, mark.menu_lost, mark.invented) == (2, ("calzone",), ())


def test_a_dish_nobody_said_is_told() -> None:
    assert pizza("One of those, please.", "A calzone, please.").invented == ("calzone",)


def test_a_dish_that_sounds_alike_or_is_written_in_two_words_is_kept() -> None:
    assert pizza("A cheeseburger.", "A cheese burger.").menu_lost == ()
    assert pizza("A cheese burger.", "A cheeseburger.").menu_lost == ()
    assert pizza("Extra mozzarella sticks.", "Extra mozarela sticks.").menu_lost == ()


def test_a_number_or_a_not_that_was_lost_is_told() -> None:
    assert marked("Non, pas deux nems, trois.", "Non, de nems, trois.", pho(), "fr").closed_lost == ("2", "pas")


def test_a_name_is_compared_without_what_stands_about_it() -> None:
    assert alike("C'est au nom de Lebreton.", "C'est au nom de le Breton.", "fr")
    assert not alike("My name is Zed.", "My name is Ann.", "en")


def test_held_out_sentences_are_sixty_and_none_is_a_scenarios() -> None:
    held_out = sentences.held_out()
    languages = [one.language for one in held_out]
    assert (languages.count("en"), languages.count("fr")) == (30, 30)
    assert not {one.said for one in held_out} & {one.said for one in sentences.of_scenarios()}


def test_all_that_callers_answer_is_listened_to_with_its_question() -> None:
    said = {(one.said, one.topic) for one in sentences.of_scenarios() if one.place.name == "creperie-armor"}
    assert ("Jégou.", "name") in said
    assert ("Ce sera à emporter, s'il vous plaît.", "fulfilment") in said
    assert ("Oui, c'est bien ça.", "confirm") in said
    assert not any(one.startswith("(") for one, _ in said)
