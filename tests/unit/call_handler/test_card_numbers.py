"""A card number that the caller says aloud is kept nowhere, and they are asked not to say it."""

from datetime import UTC, datetime

import pytest

from domain.card_numbers import MASK
from functions.call_handler.engines.base import (
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    Engine,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
    ToolCall,
)
from functions.call_handler.engines.cascade import CascadeEngine
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.live import LiveEngine
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.remembering.transcript import Transcript, TranscriptLine
from tests.unit.call_handler.scene import Scene

pytestmark = pytest.mark.unit

NUMBER = "It's 4111 1111 1111 1111."


@pytest.fixture
async def scene() -> Scene:
    return Scene()


def words(scene: Scene) -> list[str]:
    return [line.text for line in scene.keeper.transcript.lines()]


async def test_the_reply_is_interrupted_by_the_request_not_to_say_it(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerTurn("u1"), ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(8000)))
    scene.engine_says(CallerSaid("u1", NUMBER, Usage()))
    scene.engine_says(ReplyAudio("r1", "i1", 0, bytes(8000)), ReplyEnds("r1", "cancelled", "", (), Usage()))

    assert ("clear",) in scene.media.done
    assert ("cancel",) in scene.engine.done
    assert scene.engine.done[-1][0] == "speak" and "card number" in scene.engine.done[-1][1]
    assert scene.media.done.count(("play", 8000)) == 1


async def test_it_is_kept_neither_in_the_transcript_nor_by_the_engine_nor_in_the_recording(scene: Scene) -> None:
    scene.now = 100.0
    scene.engine_says(CallerSpeaks(500.0))
    scene.now = 106.0
    scene.engine_says(CallerTurn("u1"), CallerSaid("u1", NUMBER, Usage()))

    assert words(scene) == [f"It's {MASK}."]
    assert ("forget", "u1", f"It's {MASK}.") in scene.engine.done
    assert ("blank", 7.5) in scene.media.done  # from a second before the first sound


async def test_its_first_groups_are_taken_out_once_its_last_is_said(scene: Scene) -> None:
    for now, group in ((30.0, "4111 1111"), (35.0, "1111 1111")):
        scene.now = now
        scene.engine_says(CallerSpeaks(), CallerTurn(f"u{now}"), CallerSaid(f"u{now}", group, Usage()))

    assert words(scene) == [MASK, MASK]
    assert ("blank", 6.0) in scene.media.done
    assert [act for act in scene.engine.done if act[0] == "forget"] == [
        ("forget", "u30.0", ""),
        ("forget", "u35.0", ""),
    ]


async def test_a_number_said_before_anybody_listened_is_blanked_as_well(scene: Scene) -> None:
    scene.now = 1.0
    scene.engine_says(CallerSpeaks(), CallerTurn("u1"), CallerSaid("u1", NUMBER, Usage()))

    assert ("blank", 17.0) in scene.media.done  # the bridge keeps 15 s for a handler


async def test_what_was_ordered_beside_the_number_is_left_to_the_engine(scene: Scene) -> None:
    scene.caller_says("Two Reginas please, my card number is 4111 1111 1111 1111.")

    [forgotten] = [act for act in scene.engine.done if act[0] == "forget"]
    assert forgotten[2] == f"Two Reginas please, my card number is {MASK}."


@pytest.mark.parametrize("keys", ["4111111111111111", "4111111111111111#", "4111111111111111#1227#123#"])
async def test_keys_that_are_a_card_number_are_not_told_to_the_model(scene: Scene, keys: str) -> None:
    for digit in keys:
        scene.conversation.pressed(digit)
    scene.passes(2.0)

    assert not [act for act in scene.engine.done if act[0] == "remember"]
    assert scene.keeper.marks.known.card_number
    assert "card number" in scene.engine.done[-1][1]


async def test_keys_that_complete_a_card_number_pressed_in_groups_are_not_told_to_the_model(scene: Scene) -> None:
    for group in ("4111", "1111", "1111", "1111#"):
        for digit in group:
            scene.conversation.pressed(digit)
        scene.passes(2.0)
        await scene.replies("Yes?", spoken_ms=100)

    assert [act[2] for act in scene.engine.done if act[0] == "remember"] == ["(4111)", "(1111)", "(1111)"]
    assert scene.keeper.marks.known.card_number


@pytest.mark.parametrize("kind", [RealtimeEngine, CascadeEngine, LiveEngine])
def test_every_engine_can_be_asked_for_all_that_a_conversation_asks(kind: type) -> None:
    asked = {name for name in vars(Engine) if not name.startswith("_")}

    assert asked <= set(dir(kind))


async def test_a_model_cannot_put_it_into_a_note_nor_repeat_it_on_the_record(scene: Scene) -> None:
    await scene.uses("add_item", '{"item": "Regina", "note": "card 4111 1111 1111 1111"}')
    await scene.replies("Your card is 4111 1111 1111 1111.", spoken_ms=100)

    assert scene.tools.state.cart.lines == ()
    assert words(scene) == [f"Your card is {MASK}."]


async def test_a_number_that_a_handler_before_heard_the_beginning_of_is_not_kept_either() -> None:
    for first, second in (("4111", "1111 1111 1111"), (MASK, "1111 1111"), (f"My card number is {MASK}.", "1111")):
        earlier = Transcript([TranscriptLine("caller", first, datetime.now(UTC), "earlier-0")])
        scene = Scene(earlier)

        scene.caller_says(second)

        assert MASK in words(scene)[-1]
        assert "1" not in "".join(words(scene))


async def test_an_escape_does_not_hide_it_in_a_tool(scene: Scene) -> None:
    call = ToolCall("c1", "set_customer", '{"name": "\\u0034111 1111 1111 1111"}')

    answer = await scene.tools.run(call)

    assert answer is not None and "card_number" in answer
    assert scene.tools.state.cart.customer_name == ""


async def test_who_follows_the_conversation_is_not_told_it(scene: Scene) -> None:
    told: list[tuple[str, str]] = []
    scene.conversation.on_said = lambda who, text: told.append((who, text))
    scene.engine_says(CallerSpeaks(), CallerTurn("u1"), CallerSaid("u1", NUMBER, Usage()))
    await scene.replies("Your card is 4111 1111 1111 1111.", spoken_ms=100)

    assert told == [("caller", f"It's {MASK}."), ("assistant", f"Your card is {MASK}.")]
