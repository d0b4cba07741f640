"""What only time brings out in a conversation, by a clock that the test turns."""

import asyncio

import pytest

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    CaptionFailed,
    EngineEvent,
    EngineGone,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    StillReplying,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.talking import whisper
from functions.call_handler.talking.conversation import MAX_TOOL_ROUNDS
from functions.call_handler.talking.farewell import BRIDGE_TRANSFERS_WITHIN_S, FAREWELL_WITHIN_S, Over
from functions.call_handler.talking.patience import (
    FILLER_AFTER_S,
    FIRST_AUDIO_WITHIN_S,
    REPLY_WITHIN_S,
    STALL_S,
    TURN_AT_MOST_S,
    TURN_SILENT_S,
)
from functions.call_handler.talking.unheard import MOST_IN_A_ROW, WITHOUT_WORDS_S
from tests.unit.call_handler.scene import QUIET, Engine, Scene

pytestmark = pytest.mark.unit

NOISE = bytes((0x20, 0xA0)) * 80


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_whoever_takes_an_attended_transfer_is_told_why_by_the_engines_voice(scene: Scene) -> None:
    scene.conversation.farewell.attended = True
    await scene.uses("transfer_to_human", '{"reason": "wants a large party."}', spoken_ms=100)
    scene.passes(0.2)
    assert scene.engine.done[-1] == (
        "speak",
        "This is the assistant, with a caller for you. The reason: wants a large party.",
    )

    await scene.replies("This is the assistant …", spoken_ms=300)

    assert scene.media.done[-2:] == [("whisper", 2400), ("transfer", "+331", "attended")]
    assert not scene.keeper.transcript.lines() or "assistant" not in scene.keeper.transcript.lines()[-1].text


async def test_an_engine_that_does_not_whisper_keeps_nobody_waiting(scene: Scene) -> None:
    scene.conversation.farewell.attended = True
    await scene.uses("transfer_to_human", '{"reason": "asked"}', spoken_ms=100)
    scene.passes(0.2)
    assert not any(act[0] == "transfer" for act in scene.media.done)

    scene.passes(whisper.WITHIN_S + 0.1)

    assert scene.media.done[-1] == ("transfer", "+331", "auto")


@pytest.mark.parametrize("told", [True, False])
async def test_a_transfer_that_nobody_takes_goes_on_with_the_assistant(scene: Scene, told: bool) -> None:
    await scene.uses("transfer_to_human", '{"reason": "asked"}', spoken_ms=100)
    scene.passes(0.2)
    assert scene.media.done[-1] == ("transfer", "+331", "auto")
    scene.conversation.caller_audio(b"ringing")

    if told:
        scene.conversation.transfer_failed()
    else:
        scene.passes(BRIDGE_TRANSFERS_WITHIN_S)
    scene.conversation.caller_audio(b"hello?")

    assert [act[:2] for act in scene.engine.done[-3:]] == [("remember", "system"), ("speak", ""), ("hear", b"hello?")]
    assert ("hear", b"ringing") not in scene.engine.done
    assert not scene.conversation.over.done()


async def test_a_reply_spoken_over_is_marked_as_cut_in_the_transcript(scene: Scene) -> None:
    scene.engine_says(
        ReplyStarts("r1"),
        ReplyText("r1", "i1", "We are open until eleven.", whole=True),
        ReplyAudio("r1", "i1", 0, bytes(2000 * 8)),
    )
    scene.passes(0.5)
    scene.engine_says(CallerSpeaks(0.0))

    [line] = scene.keeper.transcript.lines()
    assert (line.text, line.cut) == ("We are open until eleven.", True)
    assert ("clear",) in scene.media.done
    assert ("truncate", "i1", 500) in scene.engine.done


@pytest.mark.parametrize(
    ("tool", "reason", "over"),
    [
        ("", "caller_hung_up", Over.HUNG_UP),
        ("", "transferred", Over.TRANSFERRED),
        ("", "superseded", Over.SUPERSEDED),
        ("transfer_to_human", "transferred", Over.TRANSFERRED),
        ("transfer_to_human", "the attempt is over", Over.TRANSFERRED),
        ("transfer_to_human", "caller_hung_up", Over.FAREWELL),
        ("end_call", "caller_hung_up", Over.FAREWELL),
    ],
)
async def test_what_a_stop_means_depends_on_what_was_under_way(
    scene: Scene, tool: str, reason: str, over: Over
) -> None:
    if tool:
        await scene.uses(tool, '{"reason": "asked"}' if tool == "transfer_to_human" else "{}", spoken_ms=100)
        scene.passes(0.2)
    scene.conversation.stopped(reason)

    assert scene.conversation.over.result() is over


async def test_the_call_is_hung_up_as_soon_as_the_bridge_says_that_the_goodbye_was_heard(scene: Scene) -> None:
    await scene.uses("end_call", spoken_ms=1000)
    scene.now += 0.9  # by the bridge's clock, which is ahead, all of it is played
    [mark] = [act[1] for act in scene.media.done if act[0] == "mark"][-1:]
    assert not any(act[0] == "hangup" for act in scene.media.done)

    scene.conversation.played(mark)

    assert scene.media.done[-1][0] == "hangup"


async def test_a_goodbye_that_the_engine_never_says_does_not_keep_the_line_open(scene: Scene) -> None:
    await scene.uses("end_call")
    assert scene.engine.done[-1] == ("speak", "")

    scene.passes(1.0)
    assert ("hangup", "completed") not in scene.media.done
    scene.passes(FAREWELL_WITHIN_S)
    assert scene.media.done[-1] == ("hangup", "completed")
    scene.passes(10.0)

    assert scene.conversation.over.result() is Over.FAREWELL


async def test_an_engine_that_does_not_reply_is_asked_and_then_given_up(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses())

    scene.passes(REPLY_WITHIN_S - 1)
    assert scene.engine.done == []
    scene.passes(1.0)
    assert scene.engine.done == [("speak", "")]
    scene.passes(REPLY_WITHIN_S)
    assert scene.engine.done == [("speak", "")] * 2
    scene.passes(REPLY_WITHIN_S)

    assert scene.keeper.lost == [EngineGone("the engine does not reply")]
    assert not scene.engine.alive


async def test_a_reply_that_failed_is_asked_for_again_soon(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"), ReplyEnds("r1", "failed", "busy", (), Usage()))

    scene.passes(2.0)

    assert scene.engine.done == [("speak", "")]


async def test_a_model_that_only_uses_tools_is_made_to_speak_and_then_stopped(scene: Scene) -> None:
    for _ in range(MAX_TOOL_ROUNDS):
        await scene.uses("read_cart")
    assert scene.engine.done[-1] == ("speak", "There's nothing in your order yet.")

    await scene.uses("read_cart")

    assert scene.conversation.over.result() is Over.ENGINE_FAILED


async def test_the_latency_is_from_the_pause_to_the_first_sound_only(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses())
    scene.now += 0.5
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(800)), ReplyAudio("r1", "i1", 0, bytes(800)))

    assert scene.keeper.latencies == [0.5]


async def test_what_the_caller_says_while_the_engine_is_away_is_kept_for_it(scene: Scene) -> None:
    scene.engine_says(EngineGone("1006"))
    scene.conversation.caller_audio(b"one")
    scene.conversation.caller_audio(b"two")
    second = Engine()

    scene.conversation.join(second)

    assert second.done == [("hear", b"one"), ("hear", b"two")]
    assert scene.keeper.lost == [EngineGone("1006")]


async def test_events_of_an_engine_that_was_replaced_mean_nothing(scene: Scene) -> None:
    first, scene.engine = scene.engine, Engine()
    scene.conversation.join(scene.engine)

    scene.conversation.on_engine(first, ReplyStarts("old"))
    scene.conversation.on_engine(first, ReplyAudio("old", "i", 0, bytes(800)))
    scene.conversation.on_engine(first, EngineGone("late"))
    await asyncio.sleep(0)

    assert scene.media.done == []
    assert scene.keeper.lost == []


# --- No silence without an end -------------------------------------------------------------------------------------


async def test_a_reply_that_stalls_after_its_first_sounds_is_cancelled_and_asked_for_again(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(3 * 8 * 200)))

    scene.passes(0.6)
    assert scene.engine.done == []
    scene.passes(STALL_S)

    assert scene.engine.done == [("cancel",), ("speak", "")]


async def test_a_reply_without_a_first_sound_is_cancelled_and_asked_for_again(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"))

    scene.passes(FIRST_AUDIO_WITHIN_S)

    assert scene.engine.done == [("cancel",), ("speak", "")]


async def test_while_something_is_owed_the_caller_hears_that_somebody_is_there(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"))
    scene.passes(0.1)

    scene.passes(FILLER_AFTER_S)

    assert scene.media.done == [("prompt", "one_moment")]


async def test_while_no_engine_is_there_the_caller_hears_that_somebody_is(scene: Scene) -> None:
    scene.engine_says(EngineGone("1011"))
    scene.passes(0.1)

    scene.passes(FILLER_AFTER_S)

    assert scene.media.done == [("prompt", "one_moment")]


async def test_a_caller_who_thinks_hears_no_filler(scene: Scene) -> None:
    await scene.replies("Anything else?", spoken_ms=500)
    scene.passes(1.0)

    scene.passes(FILLER_AFTER_S * 3)

    assert ("prompt", "one_moment") not in scene.media.done


async def test_a_turn_that_the_engine_never_ends_is_ended_when_the_line_is_quiet(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks())
    for _ in range(int(TURN_SILENT_S) + 1):
        scene.conversation.caller_audio(QUIET)
        scene.passes(1.0)

    assert [act for act in scene.engine.done if act[0] != "hear"] == [("end_turn",), ("speak", "")]


async def test_silence_after_a_turn_that_never_ends_counts_from_the_callers_last_sound(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks())
    scene.conversation.caller_audio(NOISE)
    while ("prompt", "one_moment") not in scene.media.done and scene.now < 10.0:
        scene.conversation.caller_audio(QUIET)
        scene.passes(0.25)

    assert scene.now <= 3.5


async def test_noise_that_the_engine_takes_for_a_caller_ends_too(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks())
    for _ in range(int(TURN_AT_MOST_S) - 1):
        scene.conversation.caller_audio(NOISE)
        scene.passes(1.0)
    assert ("end_turn",) not in scene.engine.done

    scene.conversation.caller_audio(NOISE)
    scene.passes(1.0)

    assert [act for act in scene.engine.done if act[0] != "hear"] == [("end_turn",), ("speak", "")]


async def test_a_reply_refused_because_one_is_being_made_is_asked_for_when_that_ends(scene: Scene) -> None:
    await scene.uses("add_item", '{"item": "Regina"}')
    assert scene.engine.done[-1] == ("speak", "")
    scene.engine_says(ReplyStarts("other"), StillReplying())

    scene.engine_says(ReplyAudio("other", "i9", 0, bytes(80)), ReplyEnds("other", "completed", "", (), Usage()))

    assert [act for act in scene.engine.done if act[0] == "speak"] == [("speak", "")] * 2


async def test_a_sentence_refused_because_a_reply_is_being_made_is_still_said(scene: Scene) -> None:
    scene.conversation.speak("Are you still there?")
    scene.engine_says(ReplyStarts("other"), StillReplying())

    scene.engine_says(ReplyAudio("other", "i9", 0, bytes(80)), ReplyEnds("other", "completed", "", (), Usage()))

    assert scene.engine.done == [("speak", "Are you still there?")] * 2


async def test_a_refused_sentence_that_the_caller_spoke_over_is_not_said(scene: Scene) -> None:
    scene.conversation.speak("Are you still there?")
    scene.engine_says(ReplyStarts("other"), CallerSpeaks(), StillReplying(), CallerPauses())

    scene.engine_says(ReplyEnds("other", "cancelled", "", (), Usage()))

    assert scene.engine.done[-1] == ("speak", "")


@pytest.mark.parametrize("status", ["completed", "incomplete"])
async def test_a_reply_that_says_nothing_is_asked_for_again_at_once(scene: Scene, status: str) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"))

    scene.engine_says(ReplyEnds("r1", status, "", (), Usage()))  # type: ignore[arg-type]

    assert scene.engine.done == [("speak", "")]


async def test_an_engine_that_only_gives_empty_replies_is_lost(scene: Scene) -> None:
    for number in range(3):
        scene.engine_says(ReplyStarts(f"r{number}"), ReplyEnds(f"r{number}", "completed", "", (), Usage()))

    assert len(scene.keeper.lost) == 1


async def test_keys_pressed_during_a_reply_are_told_when_it_has_ended(scene: Scene) -> None:
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(8 * 3000)))
    scene.conversation.pressed("1")
    scene.passes(2.0)
    assert ("speak", "") not in scene.engine.done

    scene.engine_says(ReplyEnds("r1", "completed", "", (), Usage()))

    assert scene.engine.done[-2:] == [("remember", "caller", "(1)"), ("speak", "")]


async def test_a_model_that_only_ends_the_call_without_a_word_says_goodbye_and_leaves(scene: Scene) -> None:
    for _ in range(12):
        await scene.uses("end_call")

    goodbyes = [act for act in scene.engine.done if act == ("speak", "Thank you for calling. Goodbye!")]
    assert goodbyes
    assert not scene.conversation.over.done()
    scene.passes(0.1)
    scene.passes(FAREWELL_WITHIN_S)
    assert scene.media.done[-1] == ("hangup", "completed")


# --- Once, and no more ---------------------------------------------------------------------------------------------


async def test_a_tool_call_told_again_in_the_next_reply_is_performed_once(scene: Scene) -> None:
    call = ToolCall("same", "add_item", '{"item": "Regina"}')
    scene.engine_says(ReplyStarts("r1"), ReplyEnds("r1", "completed", "", (call, call), Usage()))
    await scene.conversation.settle_tools()
    scene.engine_says(ReplyStarts("r2"), ReplyEnds("r2", "completed", "", (call,), Usage()))
    await scene.conversation.settle_tools()

    assert len(scene.tools.state.cart.lines) == 1
    assert scene.engine.done.count(("answer", "same")) == 1


async def test_a_replys_end_told_twice_counts_once(scene: Scene) -> None:
    end = ReplyEnds("r1", "completed", "", (ToolCall("c1", "add_item", '{"item": "Regina"}'),), Usage(text_in=5))
    scene.engine_says(ReplyStarts("r1"), end, end)
    await scene.conversation.settle_tools()

    assert len(scene.tools.state.cart.lines) == 1
    assert scene.keeper.usage.text_in == 5
    assert scene.engine.done.count(("speak", "")) == 1


async def test_what_was_heard_before_an_underrun_counts_when_the_caller_interrupts(scene: Scene) -> None:
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(8 * 3000)))
    scene.now += 3.5  # it is played, and the engine is late with the rest
    scene.plays()
    scene.engine_says(ReplyAudio("r1", "i1", 0, bytes(8 * 3000)))
    scene.now += 1.0

    scene.engine_says(CallerSpeaks())

    assert scene.engine.done == [("truncate", "i1", 4000)]


# --- Heard before agreed -------------------------------------------------------------------------------------------

SENTENCE = "So that's 1 Regina, for pickup, in the name of Ann. The total is 13 euros. Is that right?"
ORDER = (
    ("add_item", {"item": "Regina"}),
    ("set_fulfilment", {"kind": "pickup"}),
    ("set_customer", {"name": "Ann"}),
)
READ: tuple[str, dict[str, str]] = ("read_cart", {})
CONFIRM: tuple[str, dict[str, str]] = ("confirm_order", {})


async def read_out(scene: Scene, ms: int = 6000, text: str = SENTENCE) -> str:
    """The cart is complete and being read to the caller, who has heard nothing yet."""
    await scene.replies(tools=(*ORDER, READ))
    return await scene.replies(text, spoken_ms=ms)


async def test_a_yes_after_the_whole_read_back_is_an_order(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.caller_says("Yes, that is right.")

    await scene.replies(tools=(CONFIRM,))

    assert [order.total_cents for order in scene.keeper.orders] == [1300]


async def test_reading_and_confirming_in_one_reply_is_no_order(scene: Scene) -> None:
    await scene.replies(tools=(*ORDER, READ, CONFIRM))

    assert scene.keeper.orders == []
    assert scene.tools.state.confirmed is None


async def test_confirming_before_the_read_back_was_played_is_no_order(scene: Scene) -> None:
    await read_out(scene)
    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


async def test_a_read_back_that_was_talked_over_has_to_be_read_again(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(0.4)
    scene.caller_says("uh huh wait")
    await scene.replies(tools=(CONFIRM,))
    assert scene.keeper.orders == []

    await scene.replies(tools=(READ,))
    await scene.replies(SENTENCE, spoken_ms=6000)
    scene.passes(6.5)
    scene.caller_says("Yes.")
    await scene.replies(tools=(CONFIRM,))
    assert len(scene.keeper.orders) == 1


async def test_a_read_back_that_only_just_began_is_not_heard_however_short_it_is(scene: Scene) -> None:
    await read_out(scene, ms=300)
    scene.now += 0.05
    scene.caller_says("Yes.")

    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


async def test_a_yes_into_the_closing_question_counts(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(5.7)  # items and total were said: the question is what remains
    scene.caller_says("Yes please.")

    await scene.replies(tools=(CONFIRM,))

    assert len(scene.keeper.orders) == 1


async def test_while_the_caller_is_speaking_again_nothing_is_agreed(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.caller_says("Yes.")
    scene.engine_says(ReplyStarts("r9"), CallerSpeaks())
    scene.engine_says(ReplyEnds("r9", "completed", "", (ToolCall("c9", "confirm_order", "{}"),), Usage()))
    await scene.conversation.settle_tools()

    assert scene.keeper.orders == []


async def test_confirming_without_the_callers_answer_is_no_order(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)

    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


@pytest.mark.parametrize("words", ["Yes but the total is wrong", "not yet", "uh-huh", "oui enfin non, une petite"])
async def test_words_that_are_no_clear_yes_are_no_order_whatever_the_model_makes_of_them(
    scene: Scene, words: str
) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.caller_says(words)

    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


async def test_words_that_come_after_the_tool_are_waited_for(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.engine_says(CallerSpeaks(), CallerPauses(), CallerTurn("u1"))
    scene.engine_says(ReplyStarts("r9"))
    scene.engine_says(ReplyEnds("r9", "completed", "", (ToolCall("c9", "confirm_order", "{}"),), Usage()))
    await asyncio.sleep(0)
    scene.engine_says(CallerSaid("u1", "No, wait!", Usage()))
    await scene.conversation.settle_tools()

    assert scene.keeper.orders == []


async def test_a_total_that_was_heard_before_a_yes_into_the_closing_question_is_marked_as_said(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(5.9)
    scene.caller_says("Yes.")
    await scene.replies(tools=(CONFIRM,))

    assert len(scene.keeper.orders) == 1
    marks = scene.keeper.marks.result(
        scene.tools.state, scene.keeper.transcript, "order_confirmed", "caller", ("read_cart",), scene.now
    )
    assert marks.total_said is True


async def test_a_voice_that_says_another_total_is_corrected_by_the_domains_own_sentence(scene: Scene) -> None:
    await read_out(scene, text="One Regina for Ann, to collect, that's 30 euros. Is that right?")
    assert scene.engine.done[-1] == ("speak", SENTENCE)
    scene.passes(6.5)
    scene.caller_says("Yes.")
    await scene.replies(tools=(CONFIRM,))
    assert scene.keeper.orders == []

    await scene.replies(tools=(READ,))
    await scene.replies(SENTENCE, spoken_ms=6000)
    scene.passes(6.5)
    scene.caller_says("Yes.")
    await scene.replies(tools=(CONFIRM,))
    assert len(scene.keeper.orders) == 1


async def test_a_new_engine_has_to_read_the_cart_again(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.engine_says(EngineGone("1011"))
    scene.engine = Engine()
    scene.conversation.join(scene.engine)
    scene.caller_says("Yes.")

    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


async def test_a_yes_followed_by_a_hang_up_is_heard_to_its_end(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    scene.engine_says(CallerSpeaks())
    scene.conversation.stopped("caller_hung_up")
    finishing = asyncio.create_task(scene.conversation.finish_turn(4.0))
    await asyncio.sleep(0)
    assert scene.engine.done[-1][0] == "hear"  # the silence that lets the engine notice the turn's end

    scene.engine_says(CallerPauses(), CallerTurn("u1"), CallerSaid("u1", "Yes.", Usage()))
    await scene.replies(tools=(CONFIRM,))
    await finishing

    assert len(scene.keeper.orders) == 1


async def test_who_talks_on_at_the_longest_time_of_a_call_is_hung_up_on(scene: Scene) -> None:
    await scene.uses("end_call")
    scene.conversation.leave("I have to end our call here. Goodbye!", "time_limit")
    await scene.replies("I have to end our call here. Goodbye!", spoken_ms=1000)
    await scene.uses("end_call")

    scene.caller_says("And another thing!")
    await scene.replies("Yes?", spoken_ms=100)
    scene.passes(FAREWELL_WITHIN_S)

    assert ("hangup", "completed") in scene.media.done
    assert scene.conversation.farewell.why(Over.FAREWELL) == "time_limit"


async def test_a_number_on_the_keypad_after_the_read_back_is_no_yes_for_its_last_key(scene: Scene) -> None:
    await read_out(scene)
    scene.passes(6.5)
    for key in "0871234561#":
        scene.conversation.pressed(key)

    await scene.replies(tools=(CONFIRM,))

    assert scene.keeper.orders == []


@pytest.mark.parametrize("keys", ["1", "#", "1#"])
async def test_a_yes_key_after_the_read_back_is_an_order(scene: Scene, keys: str) -> None:
    await read_out(scene)
    scene.passes(6.5)
    for key in keys:
        scene.conversation.pressed(key)

    await scene.replies(tools=(CONFIRM,))

    assert len(scene.keeper.orders) == 1


@pytest.mark.parametrize("has_paused", [True, False])
async def test_who_speaks_while_the_goodbye_is_being_asked_for_is_not_hung_up_on(
    scene: Scene, has_paused: bool
) -> None:
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(800)), ReplyAudioEnds("r1"))
    scene.engine_says(ReplyEnds("r1", "completed", "", (ToolCall("c1", "end_call", "{}"),), Usage()))
    scene.engine_says(CallerSpeaks())  # the tool has not run yet
    if has_paused:
        scene.engine_says(CallerPauses(), CallerTurn("u1"), CallerSaid("u1", "Wait, a cola too!", Usage()))
    await scene.conversation.settle_tools()
    if not has_paused:
        scene.engine_says(CallerPauses(), CallerTurn("u1"), CallerSaid("u1", "Wait, a cola too!", Usage()))

    await scene.replies("A cola. Anything else?", spoken_ms=100)
    scene.passes(FAREWELL_WITHIN_S)

    assert ("hangup", "completed") not in scene.media.done


@pytest.mark.parametrize(("because", "hung_up"), [("abuse", True), ("done", False)])
async def test_a_caller_who_was_warned_and_goes_on_is_hung_up_on_while_they_speak(
    scene: Scene, because: str, hung_up: bool
) -> None:
    for _ in range(2):
        await scene.uses("end_call", f'{{"because": "{because}"}}')
    scene.caller_says("And another thing!")

    await scene.replies("Goodbye.", spoken_ms=100)
    scene.passes(FAREWELL_WITHIN_S)

    assert (("hangup", "completed") in scene.media.done) is hung_up


async def test_the_time_from_a_turns_end_to_its_words_is_told_with_the_engine(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks())
    scene.passes(2.0)
    scene.engine_says(CallerPauses(), CallerTurn("u1"))
    scene.passes(0.25)
    scene.engine_says(CallerSaid("u1", "A Regina.", Usage()))

    [(engine, seconds)] = scene.keeper.recognitions
    assert engine == "main"
    assert seconds == pytest.approx(0.25)


async def test_words_that_came_late_count_from_their_own_turn_and_lost_ones_not_at_all(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), CallerTurn("u1"))
    scene.passes(1.0)
    scene.engine_says(CallerSpeaks(), CallerPauses(), CallerTurn("u2"), CaptionFailed("u2", "failed"))
    scene.passes(0.5)
    scene.engine_says(CallerSaid("u1", "A Regina.", Usage()), CallerSaid("u3", "Nobody saw it begin.", Usage()))

    [(engine, seconds)] = scene.keeper.recognitions
    assert engine == "main"
    assert seconds == pytest.approx(1.5)


async def test_an_engine_that_took_over_did_not_hear_the_turns_of_the_one_before(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), CallerTurn("u1"), EngineGone("lost"))
    scene.passes(1.0)
    scene.engine = Engine()
    scene.conversation.join(scene.engine)
    scene.engine_says(CallerTurn("u1"), CallerSaid("u1", "A Regina.", Usage()))

    assert scene.keeper.recognitions == []


# --- A sound without words ------------------------------------------------------------------------------------------

WARNING = "The Hawaiian has milk in it. Shall I leave it out? Anything else?"


async def cut_by_a_noise(scene: Scene, played_s: float) -> None:
    """The warning takes six seconds."""
    await scene.replies(WARNING, spoken_ms=6000)
    scene.passes(played_s)
    scene.engine_says(CallerSpeaks(), CallerPauses())


def said_word_for_word(scene: Scene) -> list[str]:
    return [act[1] for act in scene.engine.done if act[0] == "speak"]


@pytest.mark.parametrize(
    ("played_s", "again"), [(0.5, WARNING), (3.0, "Shall I leave it out? Anything else?"), (5.9, "Anything else?")]
)
async def test_what_a_noise_cut_off_is_said_again_from_its_sentence_on(
    scene: Scene, played_s: float, again: str
) -> None:
    await cut_by_a_noise(scene, played_s)
    scene.engine_says(CallerTurn("t1"), CallerSaid("t1", "", Usage()))
    scene.passes(WITHOUT_WORDS_S - 0.1)
    assert not said_word_for_word(scene)
    scene.passes(0.2)
    assert said_word_for_word(scene) == [again]


async def test_what_is_cut_off_again_and_again_is_not_talked_against(scene: Scene) -> None:
    for _ in range(MOST_IN_A_ROW + 2):
        await cut_by_a_noise(scene, 0.5)
        scene.passes(WITHOUT_WORDS_S + 0.1)
    assert said_word_for_word(scene) == [WARNING] * MOST_IN_A_ROW


@pytest.mark.parametrize(
    "then",
    [
        (CallerTurn("t1"), CallerSaid("t1", "No, thanks.", Usage())),
        (CallerTurn("t1"), CaptionFailed("t1", "failed")),
        (ReplyStarts("r9"),),
    ],
    ids=["words", "words that nobody wrote down", "a reply"],
)
async def test_what_is_answered_is_not_said_again(scene: Scene, then: tuple[EngineEvent, ...]) -> None:
    await cut_by_a_noise(scene, 0.5)
    scene.engine_says(*then)
    scene.passes(WITHOUT_WORDS_S + 0.1)
    assert not said_word_for_word(scene)


async def test_a_reply_that_was_heard_is_not_said_again_after_a_noise(scene: Scene) -> None:
    await cut_by_a_noise(scene, 6.5)
    scene.passes(WITHOUT_WORDS_S + 0.1)
    assert not said_word_for_word(scene)


async def test_a_greeting_that_a_noise_cut_off_is_said_again_for_its_notices(scene: Scene) -> None:
    scene.keeper.transcript.greeting("Hello, Harbour Pizza. I am an automatic assistant. What would you like?")
    scene.playback.queue("", 0, 8 * 5000, 0.0)
    scene.passes(2.0)
    scene.engine_says(CallerSpeaks(), CallerPauses())
    scene.passes(WITHOUT_WORDS_S + 0.1)
    assert said_word_for_word(scene) == ["I am an automatic assistant. What would you like?"]
