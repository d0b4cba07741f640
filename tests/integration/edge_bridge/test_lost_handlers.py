"""What callers get when handlers refuse, die, go silent or were never there."""

import asyncio
import time
import wave
from typing import Any

import asyncpg
import msgspec
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp, serve_to_the_end
from edge_bridge.prompts import prompt
from protocols import call_lane
from softphone.caller import Caller
from tests.hearing import hears
from tests.integration.edge_bridge.conftest import BUSY, FORWARD, HUMAN, MESSAGE, RECORDED, Scene, Start, tone
from tests.integration.edge_bridge.trunk import Human, Trunk
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

SILENCE_AT_MOST_S = 3.5


async def events(scene: Scene, count: int, call_id: str = "") -> list[dict[str, Any]]:
    """The ``count`` newest events in the outbox, oldest first, once they are there."""
    connection = await asyncpg.connect(scene.database.owner_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await connection.fetch("select event::text from outbox order by id")
                found = [msgspec.json.decode(row[0]) for row in rows]
                found = [event for event in found if not call_id or event["data"]["callId"] == call_id]
                if len(found) >= count:
                    return found[-count:]
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def forget_events(scene: Scene) -> None:
    connection = await asyncpg.connect(scene.database.owner_url)
    await connection.execute("set row_security = off; delete from outbox")
    await connection.close()


async def test_a_handler_that_dies_is_replaced_and_the_caller_told_to_wait(scene: Scene, handler: HandlerApp) -> None:
    async def die_once(call: HandledCall) -> None:
        if call.event.attempt > 1:
            await serve_to_the_end(call)
            return
        await call.join()
        await call.clear()
        await asyncio.sleep(0.3)

    handler.behave = die_once
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        died = time.monotonic()
        second = await handler.call(2)
        await caller.rtp.wait_for_voice(died + 0.3, 3)
        await asyncio.wait_for(second.joined.wait(), PATIENCE_S)
        assert not caller.hung_up.is_set()
    assert second.event.attempt == 2
    assert int(second.start["customParameters"]["greetingRemainingMs"]) > 0  # of "one moment"
    assert [call.start["customParameters"]["resumed"] for call in handler.calls] == ["false", "true"]
    assert second.event.audio_stream_token != handler.calls[0].event.audio_stream_token
    ended = (await events(scene, 2, second.event.call_id))[-1]
    assert ended["type"] == "com.alloresto.call.ended"
    assert ended["data"]["attempts"] == 2
    assert ended["data"]["outcome"] == "answered"
    async with asyncio.timeout(PATIENCE_S):
        while not scene.bridge.metric('calls_ended_total{bridge_id="edge-test",outcome="answered",reason=""}'):
            await asyncio.sleep(0.05)


async def test_what_alerts_count_is_told_from_zero_on_so_that_the_first_one_is_an_increase(scene: Scene) -> None:
    told = await asyncio.to_thread(scene.bridge.get, "/metrics")

    for series in (
        'calls_ended_total{bridge_id="edge-test",outcome="lost",reason="bridge_lost"}',
        'calls_ended_total{bridge_id="edge-test",outcome="busy",reason="node_full"}',
        'calls_ended_total{bridge_id="edge-test",outcome="message_taken",reason="ai_down"}',
        'unexplained_silences_total{bridge_id="edge-test"}',
        'sip_registration_errors_total{bridge_id="edge-test"}',
    ):
        assert series in told


async def test_a_handler_that_freezes_is_replaced_before_the_caller_wonders(scene: Scene, handler: HandlerApp) -> None:
    frozen_at: list[float] = []

    async def freeze_once(call: HandledCall) -> None:
        await call.join()
        if call.event.attempt == 1:
            await call.clear()
            await asyncio.sleep(0.3)
            frozen_at.append(time.monotonic())
            call.freeze()
        await call.stopped
        await call.end("answered")

    handler.behave = freeze_once
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        second = await handler.call(2)
        heard_at = await caller.rtp.wait_for_voice(frozen_at[0], 8)
    assert heard_at - frozen_at[0] <= SILENCE_AT_MOST_S
    assert second.event.attempt == 2


@pytest.mark.parametrize("joins", [False, True])
async def test_a_caller_hears_one_moment_while_a_handler_is_getting_ready(
    scene: Scene, handler: HandlerApp, joins: bool
) -> None:
    """Silent before its media socket, or with it while the model is being dialled."""

    async def dawdle(call: HandledCall) -> None:
        await call.accept()
        if joins:
            await call.dial()
        await call.stopped

    handler.behave = dawdle
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        greeted_at = await caller.rtp.wait_for_speech_end(1200, 10, since=caller.invited_at)
        heard_at = await caller.rtp.wait_for_voice(greeted_at, 8)
        await hears(caller, prompt("en", "one_moment"))
    assert heard_at - greeted_at <= SILENCE_AT_MOST_S


@pytest.mark.usefixtures("seeded")
async def test_a_caller_hears_one_moment_while_every_handler_refuses(start: Start) -> None:
    """The pauses between attempts are part of the same silence."""
    bridge = start(HANDLER_WAIT_S="15")
    async with HandlerApp(bridge.sink_port) as app, Caller(bridge.target, BUSY) as caller:
        app.refusals = [503] * 20
        await caller.invite()
        greeted_at = await caller.rtp.wait_for_speech_end(1200, 10, since=caller.invited_at)
        heard_at = await caller.rtp.wait_for_voice(greeted_at, 12)
        await hears(caller, prompt("en", "one_moment"))
    assert heard_at - greeted_at <= SILENCE_AT_MOST_S


async def test_a_malformed_message_closes_the_socket_and_keeps_the_call(scene: Scene, handler: HandlerApp) -> None:
    async def stutter(call: HandledCall) -> None:
        await call.join()
        if call.event.attempt == 1:
            await call.send(b'{"event":"media","media":{"payload":"%%%"}}')
        await call.stopped
        await call.end("answered")

    handler.behave = stutter
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        second = await handler.call(2)
        assert not caller.hung_up.is_set()
    assert second.event.attempt == 2
    assert await asyncio.wait_for(handler.calls[0].closed, PATIENCE_S) == 1008


async def test_a_silent_handler_is_given_up_after_the_first_lines_time(scene: Scene, handler: HandlerApp) -> None:
    async def hang_once(call: HandledCall) -> None:
        if call.event.attempt == 1:
            await asyncio.sleep(30)
        await serve_to_the_end(call)

    handler.behave = hang_once
    async with Caller(scene.bridge.target, MESSAGE) as caller:
        await caller.invite()
        # HANDLER_WAIT_S is 2 here, shorter than a first line's 4 s: the fallback speaks, and nothing hangs
        await caller.rtp.wait_for_voice(caller.invited_at + 1.9, 6)
        assert len(handler.calls) == 1


async def test_busy_handlers_are_asked_again(scene: Scene, handler: HandlerApp) -> None:
    handler.refusals = [409, 503, 502, 504]
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await asyncio.wait_for(call.joined.wait(), PATIENCE_S)
    assert call.event.attempt == 5
    assert call.start["customParameters"]["resumed"] == "false"  # nobody had the caller before
    assert handler.attempts == [1, 2, 3, 4, 5]


async def test_a_proxys_text_in_mid_stream_counts_as_a_lost_handler(scene: Scene, handler: HandlerApp) -> None:
    async def cut(call: HandledCall) -> None:
        await call.join()
        if call.event.attempt == 1:
            await call._response.write(b"activator request timeout")
            return
        await call.stopped
        await call.end("answered")

    handler.behave = cut
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        assert (await handler.call(2)).event.attempt == 2


async def test_no_handler_ends_in_the_busy_message(scene: Scene) -> None:
    await forget_events(scene)
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    ended, missed = await events(scene, 2)
    assert ended["data"]["outcome"] == "busy"
    assert missed["type"] == "com.alloresto.call.missed"
    assert missed["data"]["reason"] == "no_handler"


async def test_an_engine_that_cannot_serve_ends_in_the_fallback_at_once(scene: Scene, handler: HandlerApp) -> None:
    async def no_key(call: HandledCall) -> None:
        await call.accept()
        await call.line(call_lane.EndedLine("failed", reason="OPENAI_API_KEY"))

    handler.behave = no_key
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    assert len(handler.calls) == 1
    _, missed = await events(scene, 2, handler.calls[0].event.call_id)
    assert missed["data"]["reason"] == "ai_down"


async def test_no_handler_forwards_to_a_human_where_the_restaurant_wants_it(scene: Scene) -> None:
    await forget_events(scene)
    async with Caller(scene.bridge.target, FORWARD) as caller:
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    assert caller.refer_to == f"sip:{HUMAN}@127.0.0.1"
    ended, transferred = await events(scene, 2)
    assert ended["data"]["outcome"] == "transferred"
    assert transferred["type"] == "com.alloresto.call.transferred"


async def test_a_human_who_does_not_take_the_call_leaves_the_busy_message(scene: Scene) -> None:
    await forget_events(scene)
    async with Trunk(scene.bridge.target, FORWARD, Human(486)) as caller:
        caller.refer_status = 603
        await caller.invite()
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    assert caller.refer_to == f"sip:{HUMAN}@127.0.0.1"
    ended, missed = await events(scene, 2)
    assert ended["data"]["outcome"] == "busy"
    assert missed["data"]["reason"] == "no_handler"


async def test_no_handler_takes_a_message_where_the_restaurant_wants_it(scene: Scene) -> None:
    await forget_events(scene)
    async with Caller(scene.bridge.target, MESSAGE) as caller:
        await caller.invite()
        await hears(caller, prompt("en", "beep"))
        caller.say(tone(1500))
        await caller.rtp.until_said(5)
        caller.press("#")
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    ended, _ = await events(scene, 2)
    assert ended["data"]["outcome"] == "message_taken"
    with wave.open(ended["data"]["recording"]) as recording:
        assert recording.getnchannels() == 2
        assert recording.getnframes() >= 8000


async def test_the_caller_hangs_up_before_any_handler_comes(scene: Scene) -> None:
    await forget_events(scene)
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        await asyncio.sleep(0.2)
    ended, missed = await events(scene, 2)
    assert ended["data"]["outcome"] == "abandoned"
    assert missed["data"]["reason"] == "caller_hung_up"


async def test_a_recorded_call_has_the_caller_left_and_the_assistant_right(scene: Scene, handler: HandlerApp) -> None:
    async def speak(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(1000, 900))
        await call.stopped
        await call.end("order_confirmed", "0b7a1e4e-6c0e-4b3c-9a51-0c7f7c9f8a11")

    handler.behave = speak
    async with Caller(scene.bridge.target, RECORDED) as caller:
        await caller.invite()
        call = await handler.call(1)
        caller.say(tone(800, 440))
        await asyncio.sleep(1.5)
    ended = (await events(scene, 2, call.event.call_id))[-1]["data"]
    assert ended["outcome"] == "order_confirmed"
    assert ended["orderId"] == "0b7a1e4e-6c0e-4b3c-9a51-0c7f7c9f8a11"
    with wave.open(ended["recording"]) as recording:
        assert recording.getnframes() >= 8000
        stereo = memoryview(recording.readframes(recording.getnframes())).cast("h")
    assert max(stereo[0::2]) > 5000
    assert max(stereo[1::2]) > 5000
