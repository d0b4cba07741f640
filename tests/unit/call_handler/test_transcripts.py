"""Who said what, and what a handler that takes over is told."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain import carts
from domain.call_marks import CallMarks
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem
from domain.order import Offer
from domain.restaurant import Restaurant
from domain.tool_outcomes import OpenWish
from domain.tools import OrderState
from domain.vat import same_rate
from functions.call_handler.engines.base import Line
from functions.call_handler.engines.costs import Usage
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering import resume
from functions.call_handler.remembering.transcript import MAX_LINES, Transcript
from stores.checkpoints import ToolUse

ORDER = str(uuid.uuid4())

pytestmark = pytest.mark.unit


def state(language: str = "en") -> OrderState:
    restaurant = Restaurant(str(uuid.uuid4()), "Harbour Pizza", language, "EUR", "Europe/Paris")
    item = MenuItem(str(uuid.uuid4()), "c", "Regina", (ItemSize(str(uuid.uuid4()), "", 1300),), same_rate(1000))
    menu = Menu(restaurant.id, "EUR", language, (MenuCategory("c", "Pizzas"),), (item,))
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Regina")
    return OrderState(restaurant, menu, (), cart, "call-1")


def test_the_callers_words_stand_where_they_were_said_however_late_they_are_known() -> None:
    transcript = Transcript()
    transcript.caller_turn("u1")
    transcript.assistant_says("a1", "For ", whole=False)
    transcript.assistant_says("a1", "when?", whole=False)
    transcript.caller_said("u1", "A table, please.")

    assert [(line.who, line.text) for line in transcript.lines()] == [
        ("caller", "A table, please."),
        ("assistant", "For when?"),
    ]


def test_a_turn_without_words_is_left_out_but_counts_as_having_spoken() -> None:
    transcript = Transcript()
    transcript.caller_turn("u1")

    assert transcript.lines() == []
    assert transcript.caller_spoke()


def test_a_very_long_call_forgets_its_beginning() -> None:
    transcript = Transcript()
    for number in range(MAX_LINES + 5):
        transcript.caller_said(f"u{number}", str(number))

    assert len(transcript.lines()) == MAX_LINES
    assert transcript.lines()[0].text == "5"


def test_a_checkpoint_restores_the_call() -> None:
    before, transcript = state(), Transcript()
    transcript.greeting("Good evening!")
    transcript.caller_said("u1", "One Regina.")
    started = datetime(2026, 11, 21, 18, tzinfo=UTC)

    used = {"add_item": ToolUse(done=2, refused=1)}
    before = replace(before, offered=Offer("item", 1), warned=True, open_wishes=(OpenWish("sushi"),))
    marks = CallMarks(card_number=True)

    saved = resume.checkpoint(
        before, transcript, Usage(text_in=7), attempt=1, started_at=started, order_id=None, tools=used, marks=marks
    )
    fresh = OrderState(before.restaurant, before.menu, (), carts.new_cart(before.menu, ORDER), "call-1")

    assert resume.restored_state(fresh, saved) == before
    assert [line.text for line in resume.restored_transcript(saved).lines()] == ["Good evening!", "One Regina."]
    assert resume.restored_usage(saved) == Usage(text_in=7)
    assert saved.turns == 1
    assert saved.tools == used
    assert saved.marks.card_number


def test_a_fresh_engine_is_told_what_was_said_and_what_is_in_the_cart() -> None:
    transcript = Transcript()
    transcript.caller_said("u1", "Une Regina.")
    transcript.assistant_says("a1", "Très bien, et avec ça ?", whole=True)
    transcript.cut("a1")

    *said, last = resume.recollection(state("fr"), transcript, phrases_for("fr"))

    assert said == [Line("caller", "Une Regina."), Line("assistant", "Très bien, et avec ça ? …")]
    assert last.who == "system"
    assert "Regina" in last.text
    assert "reprenez" in last.text


def test_a_fresh_engine_is_told_of_a_dish_that_was_not_found_and_is_not_settled() -> None:
    wished = replace(state(), open_wishes=(OpenWish("sushi"),))
    assert '"not_found":["sushi"]' in resume.recollection(wished, Transcript(), phrases_for("en"))[-1].text


def test_a_fresh_engine_that_knows_only_the_greeting_is_told_to_ask_anew() -> None:
    transcript = Transcript()
    transcript.greeting("Bonsoir !")
    before = state("fr")
    nothing = OrderState(before.restaurant, before.menu, (), carts.new_cart(before.menu, ORDER), "call-1")

    greeting, told = resume.recollection(nothing, transcript, phrases_for("fr"))

    assert greeting == Line("assistant", "Bonsoir !")
    assert told == Line("system", phrases_for("fr").resumed_blank)
