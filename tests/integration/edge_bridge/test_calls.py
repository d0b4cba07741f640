"""Whole calls: a real SIP caller, a real bridge process, a real handler on the wire."""

import asyncio
import time

import asyncpg
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp, serve_to_the_end
from edge_bridge.prompts import prompt
from protocols import call_lane
from softphone.caller import Caller
from stores.redis import connect
from tests.hearing import has_heard, hears
from tests.integration.edge_bridge.conftest import BUSY, SMALL, Scene, tone
from tests.integration.edge_bridge.trunk import Human, Trunk
from tests.live_state import bridge_is_alive, counters, waiting
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

G729 = 18
PCMA = 8


async def test_a_call_is_answered_greeted_and_joined(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        result = await caller.invite()
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        await caller.bye()
        reason = await asyncio.wait_for(call.stopped, PATIENCE_S)
    assert result.status == 200
    assert result.ms_to_180 is not None
    assert reason == "caller_hung_up"
    assert call.event.attempt == 1
    assert call.event.codec == "PCMU"
    parameters = call.start["customParameters"]
    assert parameters["attempt"] == "1"
    assert parameters["greetingText"] == call.event.greeting
    assert int(parameters["greetingRemainingMs"]) > 0


async def test_the_greeting_does_not_wait_for_a_handler(scene: Scene) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await caller.rtp.wait_for_voice(caller.invited_at, 2)


async def test_what_the_caller_says_early_reaches_the_handler(scene: Scene, handler: HandlerApp) -> None:
    async def late(call: HandledCall) -> None:
        await call.accept()
        await asyncio.sleep(1.0)
        await call.dial()
        await call.line(call_lane.ConnectedLine())
        await call.stopped
        await call.end("answered")

    handler.behave = late
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        caller.say(tone(400))
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while len(call.heard) < 8 * 1200:
                await asyncio.sleep(0.02)
    assert int(call.start["customParameters"]["earlyAudioMs"]) >= 800
    assert call.timestamps[0] == 0
    assert call.timestamps == sorted(call.timestamps)
    assert sum(byte not in (0xFF, 0x7F) for byte in call.heard) > 8 * 200


async def test_the_handlers_audio_is_played_and_its_mark_comes_back(scene: Scene, handler: HandlerApp) -> None:
    async def speak(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(600))
        await call.mark("said")
        await serve_the_rest(call)

    handler.behave = speak
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
        assert call.marks == ["said"]
        assert sum(packet.voice for packet in caller.rtp.received) >= 25


async def serve_the_rest(call: HandledCall) -> None:
    await call.stopped
    await call.end("answered")


async def test_clear_silences_the_line_and_gives_the_marks_back(scene: Scene, handler: HandlerApp) -> None:
    async def barge_in(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(20_000))
        await call.mark("long")
        await call.heard_by_caller.wait()
        await call.clear()
        await serve_the_rest(call)

    handler.behave = barge_in
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(time.monotonic(), PATIENCE_S)
        before = sum(packet.voice for packet in caller.rtp.received)
        call.heard_by_caller.set()
        await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
        await caller.rtp.wait_for_speech_end(500, PATIENCE_S, caller.invited_at)
        heard = sum(packet.voice for packet in caller.rtp.received)
    assert heard - before < 100  # packets of 20 ms, of the tone's 1,000


async def test_keys_reach_the_handler(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await asyncio.sleep(0.2)
        caller.press("4#")
        async with asyncio.timeout(PATIENCE_S):
            while len(call.digits) < 2:
                await asyncio.sleep(0.02)
    assert call.digits == ["4", "#"]


async def test_a_law_callers_are_transcoded(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY, codecs=(PCMA,)) as caller:
        result = await caller.invite()
        caller.say(tone(300))
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while len(call.heard) < 8 * 600:
                await asyncio.sleep(0.02)
    assert result.status == 200
    assert call.event.codec == "PCMA"
    assert sum(byte not in (0xFF, 0x7F) for byte in call.heard) > 8 * 100


async def test_the_handler_hangs_up_after_its_last_word(scene: Scene, handler: HandlerApp) -> None:
    async def goodbye(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(300))
        await call.hang_up()
        await call.end("order_confirmed", "0b7a1e4e-6c0e-4b3c-9a51-0c7f7c9f8a11")

    handler.behave = goodbye
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
        assert sum(packet.voice for packet in caller.rtp.received) >= 12


async def test_a_transfer_refers_the_caller(scene: Scene, handler: HandlerApp) -> None:
    async def hand_over(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.transfer("+33 6 12 34 00 00")
        await serve_the_rest(call)

    handler.behave = hand_over
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "transferred"
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    assert caller.refer_to == "sip:+33612340000@127.0.0.1"


async def test_a_refused_transfer_leaves_the_caller_with_the_handler(scene: Scene, handler: HandlerApp) -> None:
    async def hand_over(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.transfer("+33612340000")
        await asyncio.sleep(0.5)
        await call.mark("still here")
        await serve_the_rest(call)

    handler.behave = hand_over
    async with Trunk(scene.bridge.target, BUSY, Human(486)) as caller:
        caller.refer_status = 603
        await caller.invite()
        call = await handler.call(1)
        await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
        assert not caller.hung_up.is_set()


async def test_hold_plays_until_it_is_taken_back(scene: Scene, handler: HandlerApp) -> None:
    async def hold(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.hold(True)
        await call.heard_by_caller.wait()
        await call.hold(False)
        await serve_the_rest(call)

    sentence = prompt("en", "hold")
    handler.behave = hold
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await hears(caller, sentence[:8000])
        call.heard_by_caller.set()
        await caller.rtp.wait_for_speech_end(500, PATIENCE_S, caller.invited_at)
        assert not has_heard(caller, sentence[-8000:])


async def test_a_caller_may_hold_and_resume(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        assert await caller.reinvite("sendonly") == 200
        assert await caller.reinvite("sendrecv") == 200
        heard = len(call.heard)
        async with asyncio.timeout(PATIENCE_S):
            while len(call.heard) < heard + 8 * 200:
                await asyncio.sleep(0.02)


async def test_the_node_says_that_it_lives(scene: Scene) -> None:
    async with connect(scene.redis_url) as redis, asyncio.timeout(PATIENCE_S):
        while not await bridge_is_alive(redis, "edge-test"):
            await asyncio.sleep(0.1)
    connection = await asyncpg.connect(scene.database.platform_url)
    status = await connection.fetchval("select status from sip_bridge_node where id = 'edge-test'")
    await connection.close()
    assert status == "healthy"


async def test_the_waiting_call_is_told_and_counted(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        async with connect(scene.redis_url) as redis, asyncio.timeout(PATIENCE_S):
            while (await counters(redis)).active_calls < 1:
                await asyncio.sleep(0.05)
            while any(one.call_id == call.event.call_id for one in await waiting(redis)):
                await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE_S):  # the worker reports each second
        while not await asyncio.to_thread(scene.bridge.metric, "sip_calls_received_total"):
            await asyncio.sleep(0.05)


async def test_an_unknown_number_gets_404(scene: Scene) -> None:
    async with Caller(scene.bridge.target, "+33999999999") as caller:
        assert (await caller.invite()).status == 404


async def test_an_unknown_codec_gets_488(scene: Scene) -> None:
    async with Caller(scene.bridge.target, BUSY, codecs=(G729,)) as caller:
        assert (await caller.invite()).status == 488


async def test_a_second_media_line_is_declined_and_the_call_taken(scene: Scene) -> None:
    async with Caller(scene.bridge.target, BUSY, extra_media_lines=1) as caller:
        assert (await caller.invite()).status == 200


async def test_offers_with_fifty_media_lines_do_not_kill_the_worker(scene: Scene) -> None:
    processes = scene.bridge.processes()
    for _ in range(3):
        async with Caller(scene.bridge.target, BUSY, extra_media_lines=49) as caller:
            await caller.invite()
    assert set(processes) <= set(scene.bridge.processes())


async def test_eight_calls_are_served_and_those_beyond_are_answered_too(scene: Scene, handler: HandlerApp) -> None:
    callers = [Caller(scene.bridge.target, BUSY) for _ in range(10)]
    statuses = []
    for caller in callers:
        await caller.__aenter__()
        statuses.append((await caller.invite()).status)
    await handler.call(8)
    for caller in callers:
        await caller.__aexit__()
    assert statuses == [200] * 10
    assert len(handler.calls) == 8
    async with connect(scene.redis_url) as redis, asyncio.timeout(PATIENCE_S):  # or the next test's node is full
        while (await counters(redis)).active_calls:
            await asyncio.sleep(0.05)


async def test_a_call_over_the_restaurants_limit_hears_the_busy_message(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, SMALL) as first, Caller(scene.bridge.target, SMALL) as second:
        await first.invite()
        await handler.call(1)
        assert (await second.invite()).status == 200
        await second.rtp.wait_for_voice(second.invited_at, PATIENCE_S)
        await asyncio.wait_for(second.hung_up.wait(), PATIENCE_S)
        assert not first.hung_up.is_set()
    assert len(handler.calls) == 1


async def test_the_pod_is_marked_busy_and_then_free(scene: Scene, handler: HandlerApp) -> None:
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not handler.costs:  # a call that ended before would be told once, as idle
                await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE_S):
        while len(handler.costs) < 2:
            await asyncio.sleep(0.02)
    assert handler.costs == [("pod-1", 1000), ("pod-1", 0)]


async def test_a_hundred_short_calls_leave_the_worker_alive(scene: Scene, handler: HandlerApp) -> None:
    processes = scene.bridge.processes()
    statuses = []
    for _ in range(100):
        async with Caller(scene.bridge.target, BUSY) as caller:
            statuses.append((await caller.invite()).status)
    assert statuses.count(200) >= 98
    assert set(processes) <= set(scene.bridge.processes())
    handler.behave = serve_to_the_end
