"""The ways a call ends: each with exactly one final line, or with none when another handler has to go on."""

import asyncio
from typing import Any

import aiohttp
import pytest

from domain.restaurant import Restaurant
from functions.call_handler.talking.engine_line import RECONNECTS
from protocols.call_lane import AliveLine, EndedLine
from protocols.media import Hangup, TransferRequest
from stores import checkpoints
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import (
    CALLER,
    Handler,
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
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def test_a_caller_who_hangs_up_without_a_word_abandoned_the_call(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await bridge.hang_up()

    assert await lane.rest() == [EndedLine("abandoned")]
    await asyncio.wait_for(session.closed.wait(), PATIENCE_S)
    await asyncio.wait_for(bridge.closed.wait(), PATIENCE_S)


async def test_the_model_says_goodbye_before_the_call_is_hung_up(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("That is all.")
    await session.reply(calls=[("end_call", {})])
    await session.expect("response.create")
    await session.reply("Goodbye!", audio_ms=400)
    await bridge.expect(Hangup)

    assert len(bridge.played) == 400 * 8
    assert await lane.rest() == [EndedLine("answered")]


async def test_a_caller_who_goes_on_talking_is_not_hung_up_on(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("That is all.")
    await session.reply("Goodbye!", audio_ms=2000, calls=[("end_call", {})])
    await bridge.hears(200 * 8)
    await session.caller_says("No, wait, a drink too.")
    await session.reply("Which one?", audio_ms=200)
    await bridge.hears(len(bridge.played) + 200 * 8)
    await asyncio.sleep(0.5)

    assert bridge.of(Hangup) == []
    await bridge.hang_up()
    assert await lane.until(EndedLine) == EndedLine("answered")


async def test_a_transfer_is_made_when_its_announcement_was_heard(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("I want to talk to a person.")
    await session.reply(calls=[("transfer_to_human", {"reason": "asked for a person"})])
    await session.expect("response.create")
    await session.reply("One moment, I'm putting you through.", audio_ms=400)
    transfer: TransferRequest = await bridge.expect(TransferRequest)

    assert (transfer.transfer.target, transfer.transfer.reason) == ("+33100000001", "asked for a person")
    assert len(bridge.played) == 400 * 8
    assert await lane.rest() == [EndedLine("transferred")]


async def test_a_client_that_goes_away_aborts_the_call_and_frees_the_handler(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("One Margherita.")

    lane.leave()
    await asyncio.wait_for(bridge.closed.wait(), PATIENCE_S)
    await asyncio.wait_for(session.closed.wait(), PATIENCE_S)

    assert await eventually(lambda: redis.exists(f"call:{bridge.call_id}:checkpoint"))

    async def free_again() -> int:
        next_lane = await ring(handler, await bridge_for(new_id()))
        return next_lane.status

    assert await eventually(free_again, lambda status: status == 200)


async def test_a_lost_media_socket_ends_the_lane_without_a_final_line(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await bridge.lose()

    assert [line for line in await lane.rest() if not isinstance(line, AliveLine)] == []
    await asyncio.wait_for(session.closed.wait(), PATIENCE_S)


async def test_an_engine_that_drops_is_dialled_again_and_told_what_was_said(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    await session.drop()
    await handler.log_says("dialling again")
    await bridge.caller_speaks(5)
    second = await engine.session()
    await second.expect("response.create")
    await second.reply(calls=[("confirm_order", {})])
    [unheard] = await second.tool_outputs(1)
    await second.expect("response.create")
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    [confirmed] = await second.tool_outputs(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    told = [event["item"] for event in second.of("conversation.item.create") if event["item"]["type"] == "message"]
    assert ("user", "One small Margherita to take away, for Ada.") in [
        (item["role"], item["content"][0]["text"]) for item in told
    ]
    assert told[-1]["role"] == "system"
    await second.hears(len(bridge.frames_sent))
    assert second.heard == bridge.frames_sent
    assert unheard["cart"]["lines"][0]["item"] == "Margherita"
    assert unheard["error"]["code"] == "not_read_back"
    assert confirmed["order"] == {"number": 1}
    assert ended.outcome == "order_confirmed"
    assert len((await written(postgres))[0]) == 1


async def test_an_engine_that_drops_again_and_again_ends_the_call_as_failed_and_keeps_the_cart(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    redis: Any,
    postgres: Any,
    restaurant: Restaurant,
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    for _ in range(RECONNECTS):
        await session.drop()
        session = await engine.session()
        await session.expect("session.update")
    await session.drop()
    ended = await lane.until(EndedLine)

    assert ended.outcome == "failed"
    assert "engine" in ended.reason
    kept = await checkpoints.load(redis, bridge.call_id)
    assert kept is not None
    assert len(kept.cart.lines) == 1

    async def logged() -> Any:
        async with postgres.app.tenant(restaurant.id) as connection:
            return await connection.fetchval("select unconfirmed_encrypted from call_log where id = $1", bridge.call_id)

    assert await eventually(logged)


async def test_a_caller_who_says_yes_and_hangs_up_has_ordered(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    await session.speech_starts()
    await bridge.hang_up()
    await session.hears(len(bridge.frames_sent) + 1000)  # the silence that ends the turn
    await session.speech_stops("Yes, please.")
    await session.reply(calls=[("confirm_order", {})])
    ended = await lane.until(EndedLine)

    assert ended.outcome == "order_confirmed"
    assert len((await written(postgres))[0]) == 1


async def test_a_cart_that_nobody_agreed_to_is_left_to_the_restaurant_with_the_number(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, postgres: Any, restaurant: Restaurant
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("One small Margherita.")
    await session.reply(calls=[("add_item", {"item": "Margherita", "size": "Small"})])
    await session.tool_outputs(1)

    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    async def left() -> Any:
        async with postgres.platform.platform() as connection:
            return await connection.fetchval(
                "select event -> 'data' from outbox where type = 'com.alloresto.cart.abandoned' and restaurant_id = $1",
                restaurant.id,
            )

    data = await eventually(left)
    assert ended.outcome == "answered"
    assert (data["reason"], data["totalCents"], data["caller"]) == ("caller_hung_up", 900, CALLER)
    assert data["lines"] == [{"name": "Margherita", "size": "Small", "quantity": 1, "modifiers": []}]
    assert (await written(postgres))[0] == []


async def test_a_stopping_handler_finishes_its_call_and_takes_no_other(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, bridge_for: MakeBridge, ring: Ring, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    handler.terminate()
    await handler.log_says("Shutting down")
    await eventually(lambda: _refuses_connections(handler))
    await fill_cart(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    await session.tool_outputs(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert ended.outcome == "order_confirmed"
    assert await handler.ended() in (0, -15)
    assert len((await written(postgres))[0]) == 1


async def _refuses_connections(handler: Handler) -> bool:
    try:
        async with aiohttp.ClientSession() as other, other.get(f"{handler.url}/health/ready"):
            return False
    except aiohttp.ClientConnectionError:
        return True


async def test_a_call_at_its_limit_is_ended_with_a_word(
    start_handler: StartHandler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    handler = await start_handler(engine, MAX_CALL_S="0.5")
    lane, session = await connect(ring(handler, bridge), engine)

    asked = await session.expect("response.create")
    await session.reply("I have to end our call here. Goodbye!", audio_ms=200)
    await bridge.expect(Hangup)

    assert "Goodbye" in asked["response"]["instructions"]
    assert await lane.until(EndedLine) == EndedLine("abandoned")


async def test_a_silent_caller_is_asked_once_and_then_told_goodbye(
    start_handler: StartHandler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    handler = await start_handler(engine, IDLE_ASK_S="0.4", IDLE_END_S="0.4")
    lane, session = await connect(ring(handler, bridge), engine)

    first = await session.expect("response.create")
    await session.reply("Are you still there?", audio_ms=200)
    second = await session.expect("response.create")
    await session.reply("Goodbye!", audio_ms=200)
    await bridge.expect(Hangup)

    assert "still there" in first["response"]["instructions"]
    assert "Goodbye" in second["response"]["instructions"]
    assert await lane.until(EndedLine) == EndedLine("abandoned")


async def test_keys_that_the_caller_pressed_are_told_to_the_engine(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    for digit in "75":
        await bridge.press(digit)
    await session.expect("response.create")

    last = session.of("conversation.item.create")[-1]["item"]
    assert (last["role"], last["content"][0]["text"]) == ("user", "(75)")
