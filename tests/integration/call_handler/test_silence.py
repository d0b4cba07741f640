"""What an engine can leave a caller with is silence: how long that lasts, over the real sockets and in real time."""

import time

import pytest

from protocols.call_lane import EndedLine
from protocols.media import Clear, Hangup, Prompt
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import Handler, Ring, StartHandler, connect, fill_cart

pytestmark = pytest.mark.integration

SILENCE_AT_MOST_S = 3.5
SECOND = 50  # frames


async def test_audio_that_stops_in_the_middle_of_a_reply_is_followed_by_another_reply(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("A Margherita, please.")
    await session.response_starts()
    for _ in range(3):
        await session.audio_delta("item_a", 200)

    await bridge.hears(3 * 200 * 8)
    await session.expect("response.cancel", timeout_s=SILENCE_AT_MOST_S)
    await session.response_ends(status="cancelled")
    await session.expect("response.create", timeout_s=1.0)


async def test_a_turn_that_the_engine_never_ends_is_answered(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.speech_starts()
    spoken_at = time.monotonic()
    await bridge.caller_speaks(SECOND // 10)

    await bridge.expect(Prompt, timeout_s=SILENCE_AT_MOST_S)
    heard_after_s = time.monotonic() - spoken_at
    await session.expect("input_audio_buffer.commit")
    await session.expect("response.create")

    assert heard_after_s <= SILENCE_AT_MOST_S


async def test_a_reply_that_is_refused_for_another_is_asked_for_when_that_ends(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("A Margherita, please.")
    await session.response_starts()
    await session.response_ends(calls=[("read_cart", {})])
    await session.response_starts()  # the engine's own, begun in the same moment
    await session.expect("response.create")
    await session.speaks("One moment.", 200)

    await session.response_ends()

    await session.expect("response.create", timeout_s=1.0)
    assert [error["code"] for error in session.errors] == ["conversation_already_has_active_response"]


@pytest.mark.parametrize(
    ("status", "output"), [("completed", []), ("completed", None), ("incomplete", []), ("incomplete", None)]
)
async def test_a_reply_with_nothing_in_it_is_asked_for_again(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    status: str,
    output: list[object] | None,
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("A Margherita, please.")
    reply = await session.response_starts()

    response = {"id": reply, "status": status, "status_details": None, "output": output, "usage": None}
    await session.send("response.done", response=response)

    await session.expect("response.create", timeout_s=1.0)


async def test_keys_pressed_in_a_reply_are_answered_after_it(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.expect("conversation.item.create")  # the greeting
    await session.caller_says("A Margherita, please.")
    await session.response_starts()
    await session.audio_delta("item_a", 3000)

    for digit in "21":
        await bridge.press(digit)
    told = await session.expect("conversation.item.create")
    assert session.of("response.create") == []
    await session.response_ends()

    await session.expect("response.create", timeout_s=1.0)
    assert told["item"]["content"][0]["text"] == "(21)"
    assert session.errors == []


async def test_an_engine_that_is_busy_for_a_moment_is_dialled_again(
    start_handler: StartHandler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    handler = await start_handler(engine)
    engine.refusals = [429, 503]

    lane, session = await connect(ring(handler, bridge), engine)

    await session.expect("session.update")
    await bridge.hang_up()
    assert await lane.until(EndedLine) == EndedLine("abandoned")


async def test_a_model_that_ends_the_call_again_and_again_after_the_order_says_goodbye_once(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    await session.expect("response.create")

    for _ in range(12):
        await session.reply(calls=[("end_call", {})])
        await session.tool_outputs(1)
    await session.expect("response.create")
    await session.reply("Thank you for calling. Goodbye!", audio_ms=200)
    await bridge.expect(Hangup)
    ended = await lane.until(EndedLine)

    assert confirmed["ok"]
    assert ended.outcome == "order_confirmed"


async def test_a_caller_who_interrupts_after_an_underrun_is_taken_to_have_heard_what_was_played(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("What do you have?")
    await session.response_starts()
    await session.audio_delta("item_a", 1000)
    await bridge.hears(1000 * 8)
    await bridge.quiet()  # it ran dry
    await session.audio_delta("item_a", 3000)
    await bridge.hears(1500 * 8)

    await session.speech_starts()
    cut = await session.expect("conversation.item.truncate")
    await bridge.expect(Clear)

    assert 1400 <= cut["audio_end_ms"] <= 2100
    assert session.errors == []
