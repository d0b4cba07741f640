"""``kill -9`` of the session while callers talk: they stay on the line, and the next session talks to them."""

import asyncio
import contextlib
import itertools
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.servers.embedded import EmbeddedValkey
from edge_bridge.node.kept_calls import LAST_WORDS_S
from softphone.caller import Caller
from stores.ciphers import PiiCipher
from stores.redis import connect
from tests.conftest import Database
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, RECORDED, REGISTRARS, Start, tone
from tests.integration.edge_bridge.dying import held_by, lost_from, voice_in
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

VOICE_WITHIN_S = 1.0
BUSY_MACHINE_S = 4.0  # what other processes may make of it


async def call_and_join(bridge: BridgeProcess, handler: HandlerApp, caller: Caller) -> HandledCall:
    known = len(handler.calls)
    assert (await caller.invite()).status == 200
    call = await handler.call(known + 1)
    await asyncio.wait_for(call.joined.wait(), PATIENCE_S)
    return call


async def next_attempt(handler: HandlerApp, call: HandledCall) -> HandledCall:
    """The POST that follows for the same call, once its handler has joined."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for one in handler.calls:
                if one.event.call_id == call.event.call_id and one.event.attempt > call.event.attempt:
                    await one.joined.wait()
                    return one
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("registrar", REGISTRARS)
async def test_every_caller_of_a_killed_session_hears_voice_again_in_the_same_stream_and_has_a_handler_again(
    start: Start, seeded: Database, registrar: str
) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR=registrar)
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as calls:
        callers = [await calls.enter_async_context(Caller(bridge.target, line)) for line in (BUSY, MESSAGE, BUSY)]
        before = [await call_and_join(bridge, handler, caller) for caller in callers]
        for caller in callers:
            await caller.rtp.wait_for_speech_end(400, 20, caller.invited_at)  # the greeting
        died = time.monotonic()
        bridge.kill(bridge.sessions())
        limit = VOICE_WITHIN_S + BUSY_MACHINE_S
        await asyncio.gather(*(caller.rtp.wait_for_voice(died, limit) for caller in callers))
        after = [await next_attempt(handler, call) for call in before]
        for caller, call in zip(callers, after, strict=True):
            caller.say(tone(1000))
            async with asyncio.timeout(PATIENCE_S):
                while not voice_in(bytes(call.heard)):
                    await asyncio.sleep(0.02)
        assert not any(caller.hung_up.is_set() for caller in callers)
        for caller, call in zip(callers, after, strict=True):
            await caller.bye()
            assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    assert [call.event.attempt for call in after] == [2, 2, 2]
    assert [call.start["customParameters"]["resumed"] for call in after] == ["true"] * 3
    for caller in callers:
        assert len({packet.ssrc for packet in caller.rtp.received}) == 1
        steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(caller.rtp.received)]
        assert all(0 < step < 0x8000 for step in steps)
        clock = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(caller.rtp.received)]
        assert all(0 < step < 0x80000000 for step in clock)


async def test_a_caller_who_hangs_up_while_there_is_no_session_is_accounted_for(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    bridge = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-hung-up")
    async with (
        connect(valkey_server.url()) as redis,
        HandlerApp(bridge.sink_port) as handler,
        Caller(bridge.target, BUSY) as caller,
    ):
        await call_and_join(bridge, handler, caller)
        # A nursery that is frozen gives no new session.
        os.kill(bridge.nurseries()[0], signal.SIGSTOP)
        bridge.kill(bridge.sessions())
        await caller.bye()
        os.kill(bridge.nurseries()[0], signal.SIGCONT)
        async with asyncio.timeout(LAST_WORDS_S + PATIENCE_S):
            while not await lost_from(redis, bridge):
                await asyncio.sleep(0.05)


async def test_a_caller_whose_session_and_signaller_die_together_is_hung_up_and_not_forgotten(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    there = urlsplit(valkey_server.url())
    async with TcpProxy(there.port or 0) as proxy, connect(valkey_server.url()) as redis:
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, REDIS_URL=away, BRIDGE_NODE_ID="edge-unwritten")
        await proxy.go_away()
        async with Caller(bridge.target, BUSY, from_user="+33611100099") as caller:
            assert (await caller.invite()).status == 200
            bridge.kill([*bridge.sessions(), *bridge.signallers()])
            await asyncio.wait_for(caller.hung_up.wait(), 2 + BUSY_MACHINE_S)
            await proxy.come_back()
            async with asyncio.timeout(LAST_WORDS_S + PATIENCE_S):
                while not (lost := await lost_from(redis, bridge)):
                    await asyncio.sleep(0.05)
        await asyncio.to_thread(bridge.stop)
    pii = PiiCipher(bridge.environment["MASTER_KEY"])
    assert [pii.decrypt(call.restaurant_id, call.caller_sealed) for call in lost] == ["+33611100099"]


async def test_lost_calls_are_not_waited_for_longer_than_their_handlers_need(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    bridge = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-dead")
    async with connect(valkey_server.url()) as redis, Caller(bridge.target, BUSY) as caller:
        await caller.invite()
        async with asyncio.timeout(PATIENCE_S):
            while not await held_by(redis, bridge):
                await asyncio.sleep(0.02)
        bridge.kill([*bridge.sessions(), *bridge.signallers()])
        died = datetime.now(UTC)
        async with asyncio.timeout(PATIENCE_S):
            while not await lost_from(redis, bridge, died + timedelta(seconds=LAST_WORDS_S + 3)):
                await asyncio.sleep(0.05)
        assert not await lost_from(redis, bridge, died + timedelta(seconds=LAST_WORDS_S - 1))


async def test_a_call_goes_on_through_the_death_of_two_sessions(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        call = await call_and_join(bridge, handler, caller)
        for _ in range(2):
            bridge.kill(bridge.sessions())
            call = await next_attempt(handler, call)
        now = time.monotonic()
        await call.play(tone(500))
        await caller.rtp.wait_for_voice(now, 5)
    assert len({one.traceparent.split("-")[1] for one in handler.calls}) == 1, "its trace goes on, too"
    assert len({packet.ssrc for packet in caller.rtp.received}) == 1


async def test_a_frozen_session_is_replaced_and_its_callers_are_talked_to_again(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        call = await call_and_join(bridge, handler, caller)
        os.kill(bridge.sessions()[0], signal.SIGSTOP)
        again = await next_attempt(handler, call)
        now = time.monotonic()
        await again.play(tone(500))
        await caller.rtp.wait_for_voice(now, 5)
        assert not caller.hung_up.is_set()


async def test_the_recording_of_a_call_has_both_sessions_audio(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, RECORDED) as caller:
        call = await call_and_join(bridge, handler, caller)
        path: Path | None = None
        async with asyncio.timeout(PATIENCE_S):
            while path is None or path.stat().st_size < 64_000:
                path = next(bridge.recordings.rglob("*.wav"), None)
                await asyncio.sleep(0.05)
        written = path.stat().st_size
        bridge.kill(bridge.sessions())
        again = await next_attempt(handler, call)
        async with asyncio.timeout(PATIENCE_S):
            while path.stat().st_size < written + 64_000:
                await asyncio.sleep(0.05)
        await caller.bye()
        await asyncio.wait_for(again.stopped, PATIENCE_S)
    assert list(bridge.recordings.rglob("*.wav")) == [path]


async def test_a_hold_that_came_while_there_was_no_session_is_kept(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        call = await call_and_join(bridge, handler, caller)
        os.kill(bridge.nurseries()[0], signal.SIGSTOP)
        bridge.kill(bridge.sessions())
        assert await caller.reinvite("sendonly") == 200
        os.kill(bridge.nurseries()[0], signal.SIGCONT)
        again = await next_attempt(handler, call)
        now = time.monotonic()
        await again.play(tone(300))
        with pytest.raises(TimeoutError):
            await caller.rtp.wait_for_voice(now, 1)
        assert await caller.reinvite("sendrecv") == 200
        await again.play(tone(300))
        await caller.rtp.wait_for_voice(now, 5)
