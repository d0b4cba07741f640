"""What is marked of a call by rule: how it ended, what was said, how long it was silent."""

from dataclasses import replace

import pytest

from domain.call_marks import CallMarks, summary_of
from domain.notices import told_of_ai_by
from functions.call_handler.engines.base import CallerPauses, CallerSpeaks, ReplyAudio, ReplyEnds, ReplyStarts
from functions.call_handler.engines.costs import Usage
from functions.call_handler.talking.farewell import Over
from tests.unit.call_handler.scene import Scene

pytestmark = pytest.mark.unit

GREETING = "Hello, this is the AI assistant of Harbour Pizza. What can I get you this evening?"


@pytest.fixture
async def scene() -> Scene:
    return Scene()


def marks_of(scene: Scene, over: Over = Over.HUNG_UP) -> CallMarks:
    conversation = scene.conversation
    ended = conversation.farewell.why(over)
    return scene.keeper.marks.result(
        scene.tools.state, scene.keeper.transcript, "answered", ended, ("look_up_faq",), scene.now
    )


async def test_the_longest_silence_is_between_one_sound_and_the_next_of_either_side(scene: Scene) -> None:
    scene.keeper.marks.greeted("Hello!", 1000.0, scene.tools.state, 0.0)
    scene.now = 3.0  # two seconds after the greeting
    scene.engine_says(CallerSpeaks())
    scene.now = 9.0
    scene.engine_says(CallerPauses())
    scene.now = 12.5
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(8000)))
    scene.now = 13.0
    scene.engine_says(ReplyAudio("r1", "i1", 0, bytes(8000)), ReplyEnds("r1", "completed", "", (), Usage()))
    scene.now = 15.0  # half a second after the reply
    scene.engine_says(CallerSpeaks())

    assert marks_of(scene).longest_silence_ms == 3500


@pytest.mark.parametrize(("spoken_into_at", "told"), [(0.5, False), (4.5, True), (9.0, True)])
async def test_a_caller_was_told_of_the_ai_once_the_greeting_has_said_so(
    scene: Scene, spoken_into_at: float, told: bool
) -> None:
    said_by = told_of_ai_by(GREETING, "Harbour Pizza", "en")
    scene.playback.queue("greeting", 0, 6000 * 8, 0.0)
    scene.keeper.marks.greeted(GREETING, 6000.0, scene.tools.state, 0.0)
    scene.now = spoken_into_at
    scene.engine_says(CallerSpeaks())

    assert said_by is not None and said_by < len(GREETING)
    assert (marks_of(scene).told_of_ai_at is not None) is told


async def test_who_was_warned_and_hung_up_on_is_marked_so(scene: Scene) -> None:
    for _ in range(2):
        await scene.uses("end_call", '{"because": "abuse"}')
    await scene.replies("Goodbye.", spoken_ms=100)
    scene.passes(0.5)

    marks = marks_of(scene, Over.FAREWELL)

    assert (marks.ended, marks.warned) == ("abuse", True)
    assert marks.summary == "Asked a question. Ended for abuse, after a warning."


async def test_a_card_number_and_an_emergency_are_marked_and_not_repeated(scene: Scene) -> None:
    scene.caller_says("It's 4111 1111 1111 1111")
    scene.caller_says("My daughter is having an allergic reaction!")

    marks = marks_of(scene)

    assert (marks.card_number, marks.emergency) == (True, True)
    assert "1111" not in marks.summary and "card number" in marks.summary


async def test_a_summary_is_in_the_restaurants_language_and_counts_what_was_left(scene: Scene) -> None:
    await scene.uses("add_item", '{"item": "Regina", "quantity": 2}')
    french = replace(scene.tools.state, restaurant=replace(scene.tools.state.restaurant, language="fr"))

    assert summary_of(french, "answered", (), CallMarks()) == "Parti sans confirmer 2 plats."
