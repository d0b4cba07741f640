"""What a scripted caller answers, whatever engine asks."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.caller import ASKED_AT_MOST, HangUp, Press, Say, ScriptedCaller
from tests.unit.evaluation.places import PEPPERONI, case

pytestmark = pytest.mark.unit


def caller(menu: str = "harbour-pizza", **fields: Any) -> ScriptedCaller:
    made = ScriptedCaller(case(menu, **fields))
    made.opening()
    return made


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("I've added 1 Large Pepperoni. Anything else?", "No, that's all, thank you."),
        ("Is that for pick-up, delivery or eating in?", "Pick-up, please."),
        ("May I have your name?", "My name is Ann."),
        ("Which size would you like for the Pepperoni: Small, Medium or Large?", "Large."),
        ("So that's 1 Large Pepperoni. The total is 15 euros. Is that right?", "Yes, that's right."),
        ("Would you like some garlic bread with that?", "No, thank you."),
        ("We don't have the Vanilla Pepperoni. Would you like Pepperoni instead?", "Yes, please."),
        ("Pepper isn't on your order. What would you like instead, or nothing?", "1 Large Pepperoni."),
        ("I've added 1 Pepperoni, and no ham. Is it right without it?", "Nothing, thank you."),
        ("Sorry, I didn't catch that.", "One large pepperoni."),
        ("What would you like to order?", "One large pepperoni."),
    ],
)
def test_an_english_question_gets_its_answer(asked: str, answer: str) -> None:
    assert caller().reply(asked) == Say(answer)


def test_a_caller_does_not_let_go_of_an_option_or_a_wish_that_it_wants() -> None:
    line = PEPPERONI | {"options": ["Extra cheese"], "note": "well done"}
    order = {"lines": [line], "total_cents": 1500, "fulfilment": "pickup", "name": "Ann"}
    asked = "I've added 1 Large Pepperoni. So {} isn't on your order. What would you like instead, or nothing?"
    wanting = [
        caller(expect=[{"order": order}]).reply(asked.format(said)) for said in ("cheese", "well done", "pineapple")
    ]
    assert wanting == [Say("With extra cheese."), Say("With well done."), Say("Nothing, thank you.")]


def test_who_takes_the_dish_that_is_offered_says_once_more_what_is_to_be_on_it() -> None:
    line = PEPPERONI | {"options": ["Extra cheese"], "note": "blonde"}
    order = {"lines": [line], "total_cents": 1650, "fulfilment": "pickup", "name": "Ann"}
    asked = "We don't have blonde Pepperoni. Would you like Pepperoni instead?"
    assert caller(expect=[{"order": order}]).reply(asked) == Say("Yes, please, with Extra cheese and blonde.")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Et avec ceci ?", "Non, c'est tout, merci."),
        ("C'est à emporter, en livraison ou sur place ?", "Ce sera à emporter, s'il vous plaît."),
        ("C'est à quel nom ?", "Au nom de Ann."),
        ("Quelle taille pour Reine : Petite, Moyenne ou Grande ?", "Grande."),
        ("Le total est de 15 euros. C’est bien ça ?", "Oui, c'est bien ça."),
    ],
)
def test_a_french_question_gets_its_answer(asked: str, answer: str) -> None:
    wanted = {
        "lines": [{"item": "Reine", "size": "Grande"}],
        "total_cents": 1500,
        "fulfilment": "pickup",
        "name": "Ann",
    }
    assert caller("chez-margot", say=["Une grande reine."], expect=[{"order": wanted}]).reply(asked) == Say(answer)


def test_a_required_option_is_chosen_as_the_expected_line_has_it() -> None:
    burger = {"item": "Beetroot burger", "options": ["With chips", "Pickles"]}
    wanted = {"lines": [burger], "total_cents": 1150, "fulfilment": "pickup"}
    asked = "For Beetroot burger, what would you like: With chips, With green salad or With sweet potato fries?"
    assert caller(expect=[{"order": wanted}]).reply(asked) == Say("With chips.")


def test_a_question_about_something_else_than_was_wanted_is_protested_against() -> None:
    asked = "Which size would you like for the Calzone: Small or Large?"
    assert caller().reply(asked) == Say("No, I didn't ask for that.")


def test_further_wishes_are_said_before_that_is_all() -> None:
    rung = caller(say=["A large pepperoni.", "And a cola."])
    assert rung.reply("Anything else?") == Say("And a cola.")
    assert rung.reply("Anything else?") == Say("No, that's all, thank you.")


def test_answers_to_one_question_come_in_order_and_the_last_one_stays() -> None:
    rung = caller(answers={"confirm": ["No, two of them.", "Yes."]})
    assert [rung.reply("Is that right?") for _ in range(3)] == [Say("No, two of them."), Say("Yes."), Say("Yes.")]


def test_words_of_its_own_come_before_what_a_question_is_usually_answered_with() -> None:
    rung = caller(asked=[{"about": "zone|that far", "say": "Then I will collect it."}])
    assert rung.reply("I'm sorry, we don't deliver that far. Anything else?") == Say("Then I will collect it.")
    assert rung.reply("I'm sorry, we don't deliver that far. Anything else?") == Say("No, that's all, thank you.")


def test_a_question_that_the_caller_does_not_understand_is_the_caller_s_fault() -> None:
    rung = caller()
    assert rung.reply("Do penguins have knees?") == HangUp()
    assert "does not understand" in rung.trouble and not rung.gave_up


def test_a_question_that_the_script_has_no_answer_to_is_the_caller_s_fault() -> None:
    rung = caller()
    assert rung.reply("What is the address?") == HangUp()
    assert "no answer to address" in rung.trouble


def test_an_assistant_that_asks_the_same_again_and_again_is_given_up() -> None:
    rung = caller()
    moves = [rung.reply("What name is it for?") for _ in range(ASKED_AT_MOST + 1)]
    assert moves[-1] == HangUp() and rung.gave_up and not rung.trouble


def test_acts_in_brackets_are_done() -> None:
    rung = caller(answers={"confirm": ["(presses 1)"], "name": ["(hangs up)"]})
    assert rung.reply("Is that right?") == Press("1")
    assert rung.reply("What name is it for?") == HangUp()


def test_after_the_confirmation_the_other_side_may_hang_up_first() -> None:
    assert caller().reply("Your order is confirmed, 15 euros in all. Goodbye!") == HangUp(patient=True)


def test_an_interrupting_sentence_is_taken_out_of_turn() -> None:
    rung = caller(say=["A large pepperoni.", {"say": "No, a small one.", "interrupt_ms": 900}])
    assert rung.interrupting() == Say("No, a small one.", 900)
    assert rung.interrupting() is None


def test_every_sentence_that_may_be_said_is_known_before_the_call() -> None:
    known = caller(answers={"more": "No."}).sentences()
    assert {"One large pepperoni.", "No.", "Large.", "Pick-up, please.", "My name is Ann."} <= set(known)
    assert PEPPERONI["item"] + "." in known


@pytest.mark.parametrize(
    ("menu", "asked", "answer"),
    [
        ("harbour-pizza", "Could you spell the name for me, please?", "A for Alpha, N for November, N for November."),
        (
            "chez-margot",
            "J'ai entendu Anne. Pouvez-vous épeler le nom, s'il vous plaît ?",
            "A comme Antoine, N comme Nicolas, N comme Nicolas.",
        ),
    ],
)
def test_a_name_is_spelled_where_that_is_asked_for(menu: str, asked: str, answer: str) -> None:
    item = PEPPERONI if menu == "harbour-pizza" else {"item": "Reine", "size": "Grande"}
    order = {"lines": [item], "total_cents": 1500, "fulfilment": "pickup", "name": "Ann"}
    rung = caller(menu, expect=[{"order": order}])
    assert answer in rung.sentences()
    assert rung.reply(asked) == Say(answer)


def test_a_name_that_is_read_back_wrongly_is_not_agreed_to() -> None:
    rung = caller()
    read = "So that's 1 Large Pepperoni, for pickup, in the name of {}. The total is 15 euros. Is that right?"
    assert rung.reply(read.format("Hugh")) == Say("No, the name is wrong.")
    assert rung.reply(read.format("Anne")) == Say("Yes, that's right.")
    assert rung.reply(read.format("Hugh")) == Say("No, the name is wrong.")
    assert rung.reply(read.format("Hugh")) == Say("Yes, that's right.")
