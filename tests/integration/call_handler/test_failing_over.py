"""An engine is lost in mid-order: the next one of the restaurant's order takes over, with the cart, within 3 s."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from domain.restaurant import Restaurant
from functions.call_handler.talking.conversation import RETRY_AFTER_FAILURE_S
from functions.call_handler.talking.patience import STALL_S
from protocols.media import Prompt
from stores import breakers, restaurants
from tests.fakes.engine import FakeEngine, FakeSession
from tests.integration.call_handler.conftest import (
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

pytestmark = pytest.mark.integration

WITHIN_S = 3.0


@pytest.fixture
async def backup() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as fake:
        yield fake


@pytest.fixture
async def two_engines(start_handler: StartHandler, engine: FakeEngine, backup: FakeEngine) -> Handler:
    further = [{"kind": "realtime", "name": "backup", "url": backup.base_url, "model": "local", "voice": "alloy"}]
    return await start_handler(engine, ENGINES=json.dumps(further))


async def closes(session: FakeSession) -> None:
    await session.drop()


async def fails_every_reply(session: FakeSession) -> None:
    await session.caller_says("And a drink.")
    for _ in range(2):
        await session.response_starts()
        await session.response_ends(status="failed")
        await asyncio.sleep(0.05)


async def falls_silent_in_a_reply(session: FakeSession) -> None:
    await session.caller_says("And a drink.")
    await session.response_starts()
    await session.audio_delta("item_half", 200)


@pytest.mark.parametrize(
    ("loss", "noticed_after_s"),
    [(closes, 0.0), (fails_every_reply, RETRY_AFTER_FAILURE_S), (falls_silent_in_a_reply, STALL_S)],
)
async def test_the_next_engine_speaks_in_time_and_the_order_is_as_it_was(
    two_engines: Handler,
    engine: FakeEngine,
    backup: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    loss: Callable[[FakeSession], Awaitable[None]],
    noticed_after_s: float,
) -> None:
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    _, first = await connect(ring(two_engines, bridge), engine)
    await fill_cart(first, bridge)
    before = len(bridge.played)

    lost_at = time.monotonic()
    await loss(first)
    second = await backup.session()
    await second.expect("response.create")
    await second.reply("Sorry. So, a Margherita.", audio_ms=200)
    await bridge.hears(before + 200 * 8)
    took_s = time.monotonic() - lost_at

    told = [event["item"]["content"][0]["text"] for event in second.of("conversation.item.create")]
    assert took_s < noticed_after_s + WITHIN_S
    assert any("One small Margherita" in text for text in told)
    assert "Margherita" in told[-1]
    await bridge.quiet()
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    await second.tool_outputs(1)
    [order] = await eventually(lambda: _orders(postgres))
    assert order["total_cents"] == 900


async def _orders(postgres: Any) -> list[Any]:
    return (await written(postgres))[0]


async def test_the_caller_hears_that_somebody_is_there_when_the_next_engine_keeps_them_waiting(
    two_engines: Handler, engine: FakeEngine, backup: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    _, first = await connect(ring(two_engines, bridge), engine)
    lost_at = time.monotonic()

    await first.drop()
    said = await bridge.expect(Prompt)

    assert said.prompt.name == "one_moment"
    assert time.monotonic() - lost_at < 1.5  # not after the 2.5 s of an unexplained silence


async def test_a_turn_that_went_with_the_lost_engine_is_heard_by_the_next_one(
    two_engines: Handler, engine: FakeEngine, backup: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    _, first = await connect(ring(two_engines, bridge), engine)
    await first.speech_starts()
    await bridge.caller_speaks(100)
    await first.hears(100 * 160)

    await first.drop()
    second = await backup.session()
    await bridge.caller_speaks(10)
    await second.hears(110 * 160)
    await second.caller_says("Two Margheritas, please.")
    await second.reply(calls=[("add_item", {"item": "Margherita", "size": "Small", "quantity": 2})])
    [added] = await second.tool_outputs(1)
    await second.expect("response.create")

    assert bytes(second.heard) == bytes(bridge.frames_sent)
    assert added["ok"]
    assert len(second.of("response.create")) == 1  # for the tool: the turn itself is answered by the engine


async def test_a_restaurants_own_order_decides_who_is_called_first(
    two_engines: Handler,
    backup: FakeEngine,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
) -> None:
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant.id, {"engines": ["backup", "gone", "main"]})
    bridge = await bridge_for(new_id(), greeting="Good evening!")

    _, first = await connect(ring(two_engines, bridge), backup)
    await first.expect("session.update")
    await first.drop()
    second = await engine.session()
    if not second.received:  # the one that was dialled ahead, and hung up
        await second.closed.wait()
        second = await engine.session()

    update = await second.expect("session.update")
    assert update["session"]["audio"]["output"]["voice"] == "cedar"
    assert first.of("session.update")[0]["session"]["audio"]["output"]["voice"] == "alloy"


async def test_an_engine_that_every_handler_knows_to_be_down_is_not_tried_first(
    two_engines: Handler, engine: FakeEngine, backup: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    for _ in range(breakers.LIMITS.failures):
        await breakers.failed(redis, "main")
    bridge = await bridge_for(new_id(), greeting="Good evening!")

    _, session = await connect(ring(two_engines, bridge), backup)

    await session.expect("session.update")
    assert not any(one.received for one in engine.sessions)


async def test_the_first_sound_of_an_engine_that_was_down_lets_everyone_use_it_again(
    two_engines: Handler, engine: FakeEngine, backup: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    soon = breakers.LIMITS._replace(failures=1, open_ms=1)
    await breakers.failed(redis, "main", soon)
    await eventually(lambda: breakers.states(redis, ["other", "main"]), lambda states: states[1] == "half_open")
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    _, session = await connect(ring(two_engines, bridge), engine)
    assert await breakers.states(redis, ["main"]) == ["open"]  # lent to this call alone

    await session.caller_says("Hello?")
    await session.reply("Good evening.", audio_ms=200)

    await eventually(lambda: breakers.states(redis, ["main"]), lambda states: states == ["closed"])


async def test_an_engine_that_cannot_be_had_at_the_start_is_the_next_ones_call(
    two_engines: Handler, engine: FakeEngine, backup: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    engine.refuse = 503
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    rang_at = time.monotonic()

    _, session = await connect(ring(two_engines, bridge), backup)

    await session.expect("session.update")
    assert time.monotonic() - rang_at < WITHIN_S
