"""The caller speaks over the assistant: silence at once, and the engine learns what was heard."""

import asyncio

import pytest

from protocols.media import Clear, Mark, Media
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import Handler, MakeBridge, Ring, connect, new_id

pytestmark = pytest.mark.integration


async def test_a_reply_spoken_over_is_cleared_and_cut_where_the_caller_stopped_hearing_it(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    item_id = await session.reply("A very long answer.", audio_ms=3000)
    await bridge.hears(600 * 8)
    heard_ms = len(bridge.played) / 8
    await session.speech_starts()
    await bridge.expect(Clear)
    truncated = await session.expect("conversation.item.truncate")

    assert truncated["item_id"] == item_id
    assert truncated["content_index"] == 0
    assert heard_ms - 150 <= truncated["audio_end_ms"] <= heard_ms + 400
    assert session.errors == []


async def test_audio_of_the_old_reply_that_comes_late_is_not_played(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    old = await session.response_starts()
    await session.audio_delta("item_old", 1000)
    await bridge.hears(200 * 8)
    await session.speech_starts()
    await bridge.expect(Clear)
    before = len(bridge.of(Media))
    await session.audio_delta("item_old", 400, response_id=old)
    await session.speech_stops("Stop!")
    new_item = await session.reply("All right.", audio_ms=200)
    await bridge.expect(Mark)

    late = bridge.of(Media)[before:]
    assert sum(len(message.media.payload) for message in late) == 200 * 8
    assert new_item != "item_old"
    assert session.errors == []


async def test_speaking_while_nothing_is_played_cuts_nothing(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    await session.reply("Short.", audio_ms=100)
    await bridge.hears(100 * 8)
    await asyncio.sleep(0.1)  # the last mark comes back
    await session.caller_says("One Margherita.")
    await session.reply(calls=[("add_item", {"item": "Margherita", "size": "Small"})])
    await session.tool_outputs(1)

    assert bridge.of(Clear) == []
    assert session.of("conversation.item.truncate") == []


async def test_speaking_over_the_greeting_stops_it_and_cuts_nothing(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id(), greeting="Good evening!", greeting_ms=5000)
    _, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("A table for two, please.")
    await bridge.expect(Clear)
    await session.reply("For when?", audio_ms=200)
    await bridge.hears(200 * 8)

    assert session.of("conversation.item.truncate") == []


async def test_a_tool_call_that_was_interrupted_is_not_performed(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    await session.response_starts()
    await session.response_ends([("add_item", {"item": "Margherita", "size": "Small"})], status="cancelled")
    [output] = await session.tool_outputs(1)
    await session.caller_says("Wait.")
    await session.reply(calls=[("read_cart", {})])
    [cart] = await session.tool_outputs(1)

    assert output["error"]["code"] == "interrupted"
    assert cart["cart"]["lines"] == []


async def test_no_reply_is_asked_for_while_the_caller_speaks_but_it_is_when_the_engine_forgets_it(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    await session.response_starts()
    await session.speech_starts(cancel=False)
    await session.response_ends([("read_cart", {})])
    await session.tool_outputs(1)
    while_speaking = session.of("response.create")
    await session.speech_stops("")
    await session.expect("response.create", timeout_s=5)

    assert while_speaking == []
