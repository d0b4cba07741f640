"""Whoever is not served hears why, and the restaurant has the number."""

import asyncio

import pytest

from devstack.edge.handler_app import HandlerApp
from edge_bridge.prompts import prompt
from softphone.caller import Caller
from tests.conftest import Database
from tests.hearing import has_heard, hears
from tests.integration.edge_bridge.conftest import (
    BUSY,
    CLOSED,
    FORWARD,
    MESSAGE,
    SMALL,
    SWITCHED_OFF,
    Scene,
    Start,
    tone,
)
from tests.integration.edge_bridge.missed_calls import missed
from tests.integration.edge_bridge.trunk import Human, Trunk

pytestmark = pytest.mark.integration

HUNG_UP_WITHIN_S = 30.0


async def until_hung_up(caller: Caller) -> None:
    await asyncio.wait_for(caller.hung_up.wait(), HUNG_UP_WITHIN_S)


async def test_a_full_node_tells_one_caller_more_and_refuses_the_next(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="1", BUSY_PLACES="1", SIP_FULL_WAIT_S="0")
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as first:
        assert (await first.invite()).status == 200
        await handler.call(1)
        async with Caller(bridge.target, BUSY, from_user="+33611100031") as second:
            assert (await second.invite()).status == 200
            async with Caller(bridge.target, BUSY, from_user="+33611100032") as third:
                assert (await third.invite()).status == 486
            await hears(second, prompt("en", "call_back"))
            await until_hung_up(second)
        found = [(await missed(seeded, caller))[0]["reason"] for caller in ("+33611100031", "+33611100032")]
        assert not first.hung_up.is_set()
    assert found == ["node_full", "node_full"]
    assert len(handler.calls) == 1


async def test_a_full_node_forwards_by_refer_alone(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="1")
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as first:
        assert (await first.invite()).status == 200
        await handler.call(1)
        async with Trunk(bridge.target, FORWARD, Human()) as second:
            second.refer_status = 405
            await second.invite()
            await hears(second, prompt("en", "putting_through"))
            await hears(second, prompt("en", "call_back"))
            await until_hung_up(second)
        assert second.refer_to
        assert not second.human.invites


async def test_a_closed_restaurants_callers_leave_a_message_where_it_wants_that(
    scene: Scene, handler: HandlerApp
) -> None:
    async with Caller(scene.bridge.target, CLOSED, from_user="+33611100033") as caller:
        await caller.invite()
        await hears(caller, prompt("en", "closed"))
        await hears(caller, prompt("en", "beep"))
        caller.say(tone(1500))
        await caller.rtp.until_said(5)
        caller.press("#")
        await until_hung_up(caller)
    (event,) = await missed(scene.database, "+33611100033")
    assert event["reason"] == "closed"
    assert not handler.calls


async def test_a_line_that_is_switched_off_says_so_in_the_restaurants_language(
    scene: Scene, handler: HandlerApp
) -> None:
    async with Caller(scene.bridge.target, SWITCHED_OFF, from_user="+33611100034") as caller:
        assert (await caller.invite()).status == 200
        await hears(caller, prompt("fr", "unavailable"))
        await until_hung_up(caller)
        assert not has_heard(caller, prompt("fr", "greeting"))
    (event,) = await missed(scene.database, "+33611100034")
    assert event["reason"] == "line_disabled"
    assert not handler.calls


async def test_the_restaurants_own_limit_is_told_with_the_number(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, SMALL) as first:
        await first.invite()
        await handler.call(1)
        async with Caller(scene.bridge.target, SMALL, from_user="+33611100035") as second:
            await second.invite()
            await first.bye()
            async with Caller(scene.bridge.target, SMALL) as third:
                await third.invite()
                assert not second.hung_up.is_set()
                await handler.call(2)  # whom nobody serves takes nobody's place
            await until_hung_up(second)
    (event,) = await missed(scene.database, "+33611100035")
    assert event["reason"] == "restaurant_full"


async def test_a_message_on_a_full_node_is_short(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="1", OVERLOAD_PLACES="-,-,-,-")
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as first:
        await first.invite()
        await handler.call(1)
        async with Caller(bridge.target, MESSAGE) as second:
            await second.invite()
            await hears(second, prompt("en", "beep"))
            second.say(tone(40_000))
            await first.bye()
            async with Caller(bridge.target, BUSY) as third:
                await third.invite()
                assert not second.hung_up.is_set()
                await handler.call(2)  # a message takes nobody's place
            await until_hung_up(second)
