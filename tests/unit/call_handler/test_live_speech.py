"""Who speaks in a session without turns."""

import pytest

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.live_speech import INTERRUPTED_GAP_S, REPLY_GAP_S, TURN_GAP_S, Speech

pytestmark = pytest.mark.unit

LOUD, QUIET = b"\x20" * 160, b"\xff" * 160


def kinds(events: list[EngineEvent]) -> list[type[EngineEvent]]:
    return [type(event) for event in events]


def test_sound_begins_a_reply_and_silence_ends_it() -> None:
    speech = Speech()
    speech.due = Usage(dollars=0.5)

    begins = [*speech.text("Good "), *speech.sound(QUIET, 0.0), *speech.sound(LOUD, 0.1)]
    pause = [*speech.text("evening."), *speech.sound(QUIET, 0.2), *speech.tick(0.3)]
    ends = [*speech.tick(0.1 + REPLY_GAP_S), *speech.sound(QUIET, 2.0)]

    assert kinds(begins) == [ReplyStarts, ReplyText, ReplyAudio]
    assert kinds(pause) == [ReplyText, ReplyAudio]
    assert kinds(ends) == [ReplyText, ReplyAudioEnds, ReplyEnds]
    whole, _, end = ends
    assert isinstance(whole, ReplyText)
    assert (whole.text, whole.whole) == ("Good evening.", True)
    assert isinstance(end, ReplyEnds)
    assert (end.status, end.usage.dollars) == ("completed", 0.5)


def test_a_turn_ends_when_no_more_words_come() -> None:
    speech = Speech()

    begins = [*speech.words("A ", 200.0, 0.0), *speech.words("Regina.", 0.0, 0.3)]
    early = speech.tick(0.9)
    ends = speech.tick(0.3 + TURN_GAP_S)

    assert begins == [CallerSpeaks(200.0)]
    assert early == []
    assert kinds(ends) == [CallerPauses, CallerTurn, CallerSaid]
    assert isinstance(ends[-1], CallerSaid)
    assert ends[-1].text == "A Regina."


def test_a_reply_ends_the_callers_turn_first() -> None:
    speech = Speech()
    speech.words("A Regina.", 0.0, 0.0)

    assert kinds(speech.sound(LOUD, 0.1)) == [CallerPauses, CallerTurn, CallerSaid, ReplyStarts, ReplyAudio]


def test_a_reply_that_stops_short_was_interrupted() -> None:
    speech = Speech()
    speech.sound(LOUD, 0.0)

    overlap = speech.words("No, ", 0.0, 0.1)
    stops = speech.tick(INTERRUPTED_GAP_S)
    ends = speech.tick(0.1 + TURN_GAP_S)

    assert overlap == []
    assert kinds(stops) == [CallerSpeaks, ReplyText, ReplyAudioEnds, ReplyEnds]
    assert isinstance(stops[-1], ReplyEnds)
    assert stops[-1].status == "cancelled"
    assert kinds(ends) == [CallerPauses, CallerTurn, CallerSaid]


def test_a_mhm_does_not_interrupt() -> None:
    speech = Speech()
    speech.sound(LOUD, 0.0)
    speech.words("Mhm.", 0.0, 0.1)

    goes_on = [event for at in (0.2, 0.4, 0.6, 0.8) for event in [*speech.sound(LOUD, at), *speech.tick(at)]]

    assert kinds(goes_on) == [ReplyAudio, ReplyAudio, ReplyAudio, ReplyAudio, CallerTurn, CallerSaid]


def test_a_fixture_is_a_reply_with_words_of_its_own_and_no_silence_ends_it() -> None:
    speech = Speech()
    speech.sound(LOUD, 0.0)

    begins = speech.fixture_begins("That is nine euros.", 1.0)
    within = [*speech.text("about nine"), *speech.sound(QUIET, 2.0), *speech.tick(5.0)]
    ends = speech.reply_ends()

    assert kinds(begins) == [ReplyText, ReplyAudioEnds, ReplyEnds, ReplyStarts, ReplyText]
    assert kinds(within) == [ReplyAudio]
    assert isinstance(ends[0], ReplyText)
    assert ends[0].text == "That is nine euros."
