"""How long an engine and a caller are waited for."""

import pytest

from functions.call_handler.phrases import phrases_for
from functions.call_handler.talking.patience import (
    FILLER_AFTER_S,
    FILLER_EVERY_S,
    FIRST_AUDIO_WITHIN_S,
    MAX_STRIKES,
    REPLY_AFTER_TOOLS_S,
    REPLY_WITHIN_S,
    Patience,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def patience() -> Patience:
    return Patience(10.0, 5.0, phrases_for("en"))


def test_a_silent_caller_is_asked_once_and_then_told_goodbye(patience: Patience) -> None:
    assert patience.silent(0.0, quiet=True) is None
    assert patience.silent(9.9, quiet=True) is None
    assert patience.silent(10.0, quiet=True) == ("Are you still there?", False)
    assert patience.silent(11.0, quiet=False) is None  # being said
    assert patience.silent(12.0, quiet=True) is None
    assert patience.silent(17.0, quiet=True) == ("Thank you for calling. Goodbye!", True)


def test_a_caller_who_speaks_is_asked_again_later(patience: Patience) -> None:
    patience.silent(0.0, quiet=True)
    patience.silent(10.0, quiet=True)
    patience.caller_spoke(15.0)
    patience.caller_paused()

    assert patience.silent(20.0, quiet=True) is None
    assert patience.silent(30.0, quiet=True) == ("Are you still there?", False)


def test_silence_counts_from_when_it_is_quiet_on_both_sides(patience: Patience) -> None:
    patience.silent(0.0, quiet=True)
    patience.silent(9.0, quiet=False)

    assert patience.silent(12.0, quiet=True) is None
    assert patience.silent(22.0, quiet=True) == ("Are you still there?", False)


def test_a_reply_that_does_not_come_is_missed_once_and_too_many_are_given_up(patience: Patience) -> None:
    patience.expect_reply(0.0)

    assert patience.missing(REPLY_WITHIN_S - 0.1) is None
    assert patience.missing(REPLY_WITHIN_S) == "reply"
    assert patience.missing(REPLY_WITHIN_S + 1) is None
    for strike in range(1, MAX_STRIKES):
        assert not patience.given_up()
        patience.expect_reply(20.0 * strike, after_tools=True)
        assert patience.missing(20.0 * strike + REPLY_AFTER_TOOLS_S) == "reply"
    assert patience.given_up()


def test_a_reply_that_began_owes_its_sound(patience: Patience) -> None:
    patience.expect_reply(0.0)
    patience.reply_started(1.0)

    assert patience.missing(1.0 + FIRST_AUDIO_WITHIN_S - 0.1) is None
    assert patience.missing(1.0 + FIRST_AUDIO_WITHIN_S) == "audio"


def test_fillers_come_again_at_intervals_and_begin_anew_after_something_was_heard(patience: Patience) -> None:
    assert not patience.filler_due(0.0, owed=True)
    assert patience.filler_due(FILLER_AFTER_S, owed=True)
    assert not patience.filler_due(FILLER_AFTER_S + 1, owed=True)
    assert patience.filler_due(FILLER_AFTER_S + FILLER_EVERY_S, owed=True)
    assert not patience.filler_due(20.0, owed=False)
    assert not patience.filler_due(21.0, owed=True)
    assert patience.filler_due(21.0 + FILLER_AFTER_S, owed=True)


def test_a_reply_that_came_is_forgiven(patience: Patience) -> None:
    patience.expect_reply(0.0)
    for _ in range(MAX_STRIKES - 1):
        patience.strike()
    patience.answered()
    patience.expect_reply(20.0)
    patience.missing(20.0 + REPLY_WITHIN_S)

    assert not patience.given_up()
    assert not patience.expecting
