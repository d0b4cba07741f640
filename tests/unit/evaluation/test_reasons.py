"""Why a call did not end right: the first cause on the way from the caller to the database."""

from __future__ import annotations

import pytest

from evaluation.outcome import Run
from evaluation.reasons import Kind, Reason, reason_of
from evaluation.record import SAYS_NOTHING, Record
from evaluation.verdict import Status, Verdict

pytestmark = pytest.mark.unit


def call(
    *moments: tuple[str, str],
    status: Status = "failed",
    only_late: bool = False,
    failure: str = "",
    gave_up: str = "",
) -> Run:
    record = Record(failure=failure, gave_up=gave_up, trouble="does not understand" if status == "caller" else "")
    for who, text in moments:
        record.note(who, text)  # type: ignore[arg-type]
    return Run(record, Verdict(status, ("wrong",), only_late=only_late))


def why(run: Run, language: str = "en") -> Kind | None:
    found = reason_of(run, language)
    return None if found is None else found.kind


def test_a_call_that_ended_right_has_none() -> None:
    assert why(call(("says", "Two colas."), ("caller", "Too colas."), status="passed")) is None


def test_what_was_heard_otherwise_is_told_sentence_by_sentence() -> None:
    run = call(
        ("says", "Two colas."), ("caller", "Two colas!"), ("assistant", "Else?"), ("says", "No."), ("caller", "Know.")
    )
    assert reason_of(run, "en") == Reason("misheard", ("«No.» as «Know.»",))


def test_numbers_in_digits_are_not_heard_otherwise() -> None:
    assert why(
        call(
            ("says", "Trois galettes à vingt heures."),
            ("caller", "3 galettes à 20 heures"),
        ),
        "fr",
    ) == ("understood")


def test_a_sentence_without_a_transcript_was_not_heard() -> None:
    run = call(("says", "No."), ("assistant", "Pardon?"), ("says", "No."), ("caller", "No."))
    assert reason_of(run, "en") == Reason("unheard", ("«No.»",))


def test_a_sentence_that_was_cut_in_two_is_one() -> None:
    assert why(call(("says", "A soup, and a salad."), ("caller", "A soup"), ("caller", "and a salad."))) == "understood"


def test_one_said_into_the_other_is_held_against_both_transcripts() -> None:
    run = call(("says", "A soup."), ("says", "No, a salad."), ("caller", "A soup."), ("caller", "No, a salad."))
    assert why(run) == "understood"


def test_a_call_in_which_nothing_but_the_waiting_was_wrong_was_late() -> None:
    assert why(call(("says", "Two."), ("caller", "Too."), only_late=True)) == "late"


def test_an_assistant_that_said_nothing_was_late() -> None:
    assert why(call(("says", "Two."), ("caller", "Too."), gave_up=SAYS_NOTHING)) == "late"


def test_a_broken_call_and_a_lost_caller_come_before_what_was_heard() -> None:
    moments = (("says", "Two."), ("caller", "Too."))
    assert why(call(*moments, failure="refused: 486")) == "call"
    assert why(call(*moments, status="caller")) == "caller"
