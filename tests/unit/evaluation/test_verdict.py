"""What is right and wrong in the end of a call."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.record import Record
from evaluation.scenarios import Way
from evaluation.verdict import Verdict, amounts_said, same_street, verdict
from tests.unit.evaluation.places import GREETING, PEPPERONI, case, ending, line, order, record

pytestmark = pytest.mark.unit


def judged(*stored: Any, said: Record | None = None, strays: tuple[str, ...] = (), **fields: Any) -> Verdict:
    return verdict(case(**fields), "text", said or record(), ending(*stored, strays=strays), silence_ms=5000)


def test_the_expected_order_read_out_and_agreed_to_is_right() -> None:
    assert judged(order()) == Verdict("passed")


def test_a_call_in_which_only_the_waiting_was_wrong_says_so() -> None:
    slow = record()
    slow.replied(6000, after_tools=False)
    assert judged(order(), said=slow).only_late
    assert not judged(order(name="Bob"), said=slow).only_late


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ((), "0 orders in the database"),
        ((order(), order()), "2 orders in the database"),
        ((order(line("Pepperoni", "Small")),), "right is the size Large"),
        ((order(line("Pepperoni", "Large", 2)),), "right is 1"),
        ((order(line("Pepperoni", "Large"), line("Cola", "Small")),), "nobody asked for 1 × Cola Small"),
        ((order(line("Pepperoni", "Large", options=("Mushrooms",))),), "nobody asked for mushrooms"),
        ((order(line("Pepperoni", "Large", note="cut in eight")),), "a note that nobody asked for"),
        ((order(total_cents=1400),), "the total is 14.00"),
        ((order(name="Anne"),), "the name is 'Anne'"),
    ],
)
def test_any_other_row_is_wrong_and_is_named(stored: tuple[Any, ...], problem: str) -> None:
    found = judged(*stored)
    assert found.status == "failed"
    assert any(problem in one for one in found.problems), found.problems


def test_a_note_may_leave_out_small_words_of_the_one_that_is_right() -> None:
    wanted = {"item": "Pepperoni", "size": "Large", "note": "light on the cheese"}
    expect = [{"order": {"lines": [wanted], "total_cents": 1500, "fulfilment": "pickup", "name": "Ann"}}]
    assert judged(order(line("Pepperoni", "Large", note="light cheese")), expect=expect).status == "passed"
    assert judged(order(line("Pepperoni", "Large", note="light")), expect=expect).status == "failed"


def test_an_order_that_no_end_allows_is_a_wrong_order_and_a_missing_one_is_not() -> None:
    assert judged(order(total_cents=1400)).wrong_order
    assert judged(order(), expect=[{"nothing": True}]).wrong_order
    assert not judged().wrong_order


def test_a_misheard_name_is_wrong_and_makes_no_wrong_order() -> None:
    found = judged(order(name="Bob"))
    assert found.status == "failed" and not found.wrong_order


@pytest.mark.parametrize(("name", "status"), [("Anne", "passed"), ("Bob", "failed")])
def test_by_audio_a_name_has_to_sound_right(name: str, status: str) -> None:
    found = verdict(case(), "audio", record(), ending(order(name=name)), silence_ms=5000)
    assert found.status == status


@pytest.mark.parametrize(
    ("street", "way", "fits"),
    [
        ("22 Harbor Road", "audio", True),
        ("22 Harbor Road", "text", False),
        ("32 Harbour Road", "audio", False),
        ("22 Barber Row", "audio", False),
    ],
)
def test_a_street_has_its_number_and_by_audio_the_sound_of_its_name(street: str, way: Way, fits: bool) -> None:
    assert same_street(street, "22 Harbour Road", way) == fits


def test_lines_of_the_same_thing_count_together() -> None:
    wanted = {"lines": [PEPPERONI | {"quantity": 2}], "total_cents": 3000, "fulfilment": "pickup"}
    twice = order(line("Pepperoni", "Large"), line("Pepperoni", "Large"), total_cents=3000)
    assert judged(twice, said=record("30 euros"), expect=[{"order": wanted}]).status == "passed"


@pytest.mark.parametrize(
    "stored", [line("Pepperoni", "Large", options=("no Onions",)), line("Pepperoni", "Large", note="no onion please")]
)
def test_what_is_left_out_may_be_an_option_or_a_note(stored: Any) -> None:
    wanted = {"lines": [PEPPERONI | {"without": ["onion"]}], "total_cents": 1500, "fulfilment": "pickup"}
    assert judged(order(stored), expect=[{"order": wanted}]).status == "passed"
    assert judged(order(), expect=[{"order": wanted}]).status == "failed"


@pytest.mark.parametrize(
    "stored", [line("Pepperoni", "Large", options=("Crispy onions",)), line("Pepperoni", "Large", note="extra onion")]
)
def test_more_of_it_is_not_left_out(stored: Any) -> None:
    wanted = {"lines": [PEPPERONI | {"without": ["onion"]}], "total_cents": 1500, "fulfilment": "pickup"}
    assert judged(order(stored), expect=[{"order": wanted}]).status == "failed"


def test_a_row_beside_the_right_one_fails() -> None:
    assert judged(order(), strays=("a changed menu_item",)).problems == ("a changed menu_item",)


def test_the_total_that_is_said_has_to_be_the_stored_one() -> None:
    assert "the total that was said is not the stored 15.00" in judged(order(), said=record("16 euros")).problems


def test_an_order_that_is_written_before_the_caller_answered_fails() -> None:
    hasty = Record()
    hasty.note("assistant", GREETING)
    hasty.note("caller", "One large pepperoni for Ann, pick-up.")
    hasty.note("tool", "read_cart")
    hasty.note("assistant", "1 Large Pepperoni, 15 euros. Is that right?")
    hasty.note("tool", "confirm_order")
    hasty.note("caller", "Yes.")
    assert "the order is written before the caller answered to its read-back" in judged(order(), said=hasty).problems


def test_a_greeting_that_does_not_say_that_an_ai_speaks_fails() -> None:
    silent = record()
    silent.moments.pop(0)
    assert "the caller was not told at the beginning that an AI speaks" in judged(order(), said=silent).problems


def test_a_silence_that_is_too_long_fails() -> None:
    slow = record()
    slow.replied(5001, after_tools=True)
    assert judged(order(), said=slow).problems == ("a silence of 5.0 s",)


def test_words_that_have_to_be_heard_or_must_not_be() -> None:
    assert judged(order(), hears=["pepperoni|salami"]).status == "passed"
    assert judged(order(), hears=["milk"]).problems == ("the caller never heard: milk",)
    assert judged(order(), never_hears=["confirmed"]).problems == ("the caller heard: confirmed",)


def test_a_run_whose_caller_misbehaved_is_told_apart_unless_it_left_a_wrong_order() -> None:
    lost = record()
    lost.trouble = "the script has no answer"
    assert judged(said=lost).status == "caller"
    assert judged(order(total_cents=1400), said=lost).status == "failed"


def test_what_is_pending_is_reported_apart_and_is_wrong_once_it_passes() -> None:
    assert judged(pending="halves are not read").status == "pending"
    assert judged(order(), pending="halves are not read").status == "passes"


@pytest.mark.parametrize(
    ("text", "language", "cents"),
    [
        ("The total is 27.50 euros.", "en", 2750),
        ("The total is twenty-seven euros fifty.", "en", 2750),
        ("Le total est de 27 euros 50.", "fr", 2750),
        ("Le total est de vingt-sept euros cinquante.", "fr", 2750),
        ("That's €8 in all.", "en", 800),
    ],
)
def test_amounts_are_found_in_digits_and_in_words(text: str, language: str, cents: int) -> None:
    assert cents in amounts_said(text, language)
