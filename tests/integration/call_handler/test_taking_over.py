"""A call goes on in another handler: from the checkpoint, without asking again and without ordering twice."""

import signal
from typing import Any

import pytest

from domain.restaurant import Restaurant
from protocols.call_lane import ConnectedLine, EndedLine
from protocols.media import Clear
from stores import checkpoints
from tests.fakes.engine import FakeEngine, FakeSession
from tests.integration.call_handler.conftest import (
    Handler,
    Lane,
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    fill_cart,
    new_id,
    read_and_agree,
    written,
)

pytestmark = pytest.mark.integration


def told(session: FakeSession) -> list[tuple[str, str]]:
    items = [event["item"] for event in session.of("conversation.item.create")]
    return [(item["role"], item["content"][0]["text"]) for item in items if item["type"] == "message"]


async def test_a_killed_handlers_call_goes_on_where_it_stopped(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any, postgres: Any
) -> None:
    call_id = new_id()
    first_handler = await start_handler(engine)
    first_bridge = await bridge_for(call_id, attempt=1, greeting="Good evening!")
    first_lane = await ring(first_handler, first_bridge)
    first = await engine.session()
    await first_lane.until(ConnectedLine)
    await fill_cart(first, first_bridge)
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.turns == 2)
    first_handler.process.kill()

    second_handler = await start_handler(engine)
    bridge = await bridge_for(call_id, attempt=2, early_frames=3, resumed=True)
    lane, second = await connect(ring(second_handler, bridge), engine)
    await second.expect("response.create")
    await second.reply("Sorry about that. Where were we?", audio_ms=200)
    await bridge.quiet()
    await second.caller_says("Yes.")
    await second.reply(calls=[("confirm_order", {})])
    [unheard] = await second.tool_outputs(1)
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    [confirmed] = await second.tool_outputs(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert told(second)[0] == ("assistant", "Good evening!")
    assert told(second)[1] == ("user", "One small Margherita to take away, for Ada.")
    assert told(second)[-1][0] == "system"
    assert "Margherita" in told(second)[-1][1]
    assert second.heard == bridge.frames_sent
    assert unheard["error"]["code"] == "not_read_back"  # what an earlier handler read out is not agreed to here
    assert confirmed["order"] == {"number": 1}
    assert ended.outcome == "order_confirmed"
    assert len((await written(postgres))[0]) == 1


async def test_a_handler_that_was_frozen_does_not_undo_what_was_agreed_with_the_next_one(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    call_id = new_id()
    frozen, next_handler = await start_handler(engine), await start_handler(engine)
    first_bridge = await bridge_for(call_id, attempt=1)
    _, first = await connect(ring(frozen, first_bridge), engine)
    await first.caller_says("Good evening.")
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.turns == 1)
    frozen.process.send_signal(signal.SIGSTOP)
    bridge = await bridge_for(call_id, attempt=2, resumed=True)
    lane, second = await connect(ring(next_handler, bridge), engine)
    await second.expect("response.create")
    await second.reply(calls=[("add_item", {"item": "Margherita", "size": "Small"})])
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.cart.lines)

    await first_bridge.lose()
    frozen.process.send_signal(signal.SIGCONT)
    await frozen.log_says("call lost")
    kept = await checkpoints.load(redis, call_id)

    assert kept is not None
    assert kept.attempt == 2
    assert len(kept.cart.lines) == 1
    await bridge.hang_up()
    await lane.until(EndedLine)


async def test_an_order_that_was_confirmed_before_is_not_ordered_again(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any, postgres: Any
) -> None:
    call_id = new_id()
    first_handler = await start_handler(engine)
    first_bridge = await bridge_for(call_id, attempt=1)
    first_lane = await ring(first_handler, first_bridge)
    first = await engine.session()
    await first_lane.until(ConnectedLine)
    await fill_cart(first, first_bridge)
    await first.reply(calls=[("confirm_order", {})])
    await first.tool_outputs(1)
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.order_id is not None)
    first_lane.leave()

    bridge = await bridge_for(call_id, attempt=2)
    lane = await _ring_until_taken(ring, first_handler, bridge)
    second = await engine.session()
    await second.expect("response.create")
    await second.reply(calls=[("add_item", {"item": "Margherita", "size": "Large"}), ("confirm_order", {})])
    added, confirmed = await second.tool_outputs(2)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    orders, events = await written(postgres)
    assert added["error"]["code"] == "already_confirmed"
    assert confirmed["order"] == {"number": 1}
    assert (len(orders), len(events)) == (1, 1)
    assert ended == EndedLine("order_confirmed", orders[0]["id"])


async def _ring_until_taken(ring: Ring, handler: Handler, bridge: Any) -> Lane:
    async def taken() -> Lane | None:
        lane = await ring(handler, bridge)
        return lane if lane.status == 200 else None

    found: Lane = await eventually(taken)
    return found


async def test_a_handler_that_takes_over_speaks_first_though_nothing_was_kept(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id(), attempt=2, greeting="Good evening!", resumed=True)

    lane, session = await connect(ring(handler, bridge), engine)
    await session.expect("response.create", timeout_s=2.0)
    await session.reply("Sorry! What would you like?", audio_ms=200)
    await bridge.hears(200 * 8)

    assert told(session)[0] == ("assistant", "Good evening!")
    assert told(session)[1][0] == "system"
    assert "what they would like" in told(session)[1][1]
    assert "above" not in told(session)[1][1]  # nothing is
    await bridge.hang_up()
    await lane.until(EndedLine)


async def test_a_caller_may_speak_over_one_moment_when_another_handler_has_come(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id(), attempt=2, greeting="Good evening!", greeting_ms=5000, resumed=True)

    lane, session = await connect(ring(handler, bridge), engine)
    await session.expect("response.create", timeout_s=2.0)
    await session.caller_says("Hello?")

    await bridge.expect(Clear)
    await bridge.hang_up()
    await lane.until(EndedLine)


async def test_a_call_that_no_handler_had_before_starts_with_the_greeting(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, restaurant: Restaurant
) -> None:
    bridge = await bridge_for(new_id(), attempt=3, greeting="Good evening!")

    lane, session = await connect(ring(handler, bridge), engine)
    await bridge.caller_speaks(2)
    await session.hears(2 * 160)

    assert told(session) == [("assistant", "Good evening!")]
    assert session.of("response.create") == []
    await bridge.hang_up()
    assert await lane.until(EndedLine) == EndedLine("abandoned")


async def test_what_the_caller_has_not_let_go_of_keeps_the_order_open_in_the_next_handler_too(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any, postgres: Any
) -> None:
    call_id = new_id()
    first_handler = await start_handler(engine)
    first_bridge = await bridge_for(call_id, attempt=1)
    first_lane = await ring(first_handler, first_bridge)
    first = await engine.session()
    await first_lane.until(ConnectedLine)
    await fill_cart(first, first_bridge)
    sushi, anchovies = {"item": "Sushi"}, {"line": 1, "add_modifiers": [{"name": "Anchovies"}]}
    await first.reply(calls=[("add_item", sushi), ("change_item", anchovies), ("confirm_order", {})])
    *refused, unsettled = await first.tool_outputs(3)
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and len(saved.open_wishes) == 2)
    first_handler.process.kill()

    second_handler = await start_handler(engine)
    bridge = await bridge_for(call_id, attempt=2, resumed=True)
    lane, second = await connect(ring(second_handler, bridge), engine)
    await second.expect("response.create")
    await second.reply("Sorry about that. Where were we?", audio_ms=200)
    await bridge.quiet()
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    [still_unsettled] = await second.tool_outputs(1)
    names = still_unsettled["error"]["allowed"]
    await second.expect("response.create")
    await second.caller_says("Then without.")
    await second.reply(calls=[("missing_dish", {"dish": name, "caller": "let_go"}) for name in names])
    settled = await second.tool_outputs(2)
    await second.expect("response.create")
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    [confirmed] = await second.tool_outputs(1)
    await bridge.hang_up()
    await lane.until(EndedLine)

    assert [one["error"]["code"] for one in refused] == ["unknown_item", "unknown_modifier"]
    assert unsettled["error"]["code"] == still_unsettled["error"]["code"] == "dish_open"
    assert names == ["Sushi", "Anchovies"]
    assert '"not_found":["Sushi","Anchovies"]' in told(second)[-1][1]
    assert all(one["ok"] for one in settled) and confirmed["order"] == {"number": 1}
    assert len((await written(postgres))[0]) == 1
