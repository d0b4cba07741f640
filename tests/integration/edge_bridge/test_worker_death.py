"""A worker that dies by ``kill -9`` while callers talk: whom their phones still reach, and what is kept of them."""

import asyncio
import audioop
import contextlib
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandlerApp
from devstack.servers.embedded import EmbeddedValkey
from devstack.servers.ports import free_port
from edge_bridge.node.supervisor import LAST_WORDS_S
from softphone.caller import Caller
from softphone.media import VOICE_RMS
from stores import live
from stores.ciphers import PiiCipher
from stores.live import LiveCall
from stores.redis import Redis, connect
from tests.conftest import Database
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, Start, tone
from tests.integration.edge_bridge.late_offers import LateOffer, refused_late_offers

pytestmark = pytest.mark.integration

LISTENED_S = 1.5
ANSWERED_WITHIN_S = 12.0
HUNG_UP_WITHIN_S = 2.0
UNKNOWN = "+33999999999"


async def replace_worker(bridge: BridgeProcess) -> None:
    """Kill the worker and wait until the next one takes calls."""
    before = bridge.workers()
    os.kill(before[0], signal.SIGKILL)
    async with asyncio.timeout(20):
        while not bridge.workers() or bridge.workers() == before:
            await asyncio.sleep(0.02)
    await asyncio.to_thread(bridge.wait_ready)


def voice_in(ulaw: bytes) -> bool:
    frames = (audioop.ulaw2lin(ulaw[start : start + 160], 2) for start in range(0, len(ulaw), 160))
    return any(audioop.rms(frame, 2) > VOICE_RMS for frame in frames)


async def held_by(redis: Redis, bridge: BridgeProcess) -> list[LiveCall]:
    """The bridge's calls, lost or not."""
    return await lost_from(redis, bridge, datetime.now(UTC) + timedelta(hours=1))


async def lost_from(redis: Redis, bridge: BridgeProcess, at: datetime | None = None) -> list[LiveCall]:
    """The bridge's calls whose lease has run out by ``at``, now by default."""
    lost = await live.lost_calls(redis, at or datetime.now(UTC))
    return [one.call for one in lost if one.call.bridge_node_id == bridge.environment["BRIDGE_NODE_ID"]]


async def assert_nobody_is_heard_on_new_calls(bridge: BridgeProcess, handler: HandlerApp, count: int) -> None:
    """The handlers of so many silent callers, who are on the line at the same time, hear silence."""
    known = len(handler.calls)
    callers = [Caller(bridge.target, BUSY, from_user=f"+3361111000{place}") for place in range(count)]
    try:
        for place, caller in enumerate(callers):
            await caller.__aenter__()
            assert (await caller.invite()).status == 200
            await handler.call(known + place + 1)
        await asyncio.sleep(LISTENED_S)
        heard = [bytes(call.heard) for call in handler.calls[known:]]
    finally:
        for caller in callers:
            await caller.__aexit__()
    assert [len(one) > 8000 for one in heard] == [True] * count
    assert not any(voice_in(one) for one in heard)


async def test_a_phone_that_talks_on_after_its_worker_died_is_heard_on_no_later_call(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as old:
        await old.invite()
        await handler.call(1)
        old.say(tone(60_000))
        await replace_worker(bridge)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 3)


async def test_the_phones_of_three_dead_workers_talk_on_and_the_next_one_still_has_room_for_four_calls(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as phones:
        for died in range(3):
            for place in range(4):
                old = await phones.enter_async_context(Caller(bridge.target, (BUSY, MESSAGE)[place % 2]))
                assert (await old.invite()).status == 200
                await handler.call(4 * died + place + 1)
                old.say(tone(90_000))
            await replace_worker(bridge)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 4)


async def test_a_phone_that_was_muted_when_its_worker_died_is_heard_on_no_later_call(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as old:
        await old.invite()
        await handler.call(1)
        old.rtp.muted = True
        await replace_worker(bridge)
        old.rtp.muted = False
        old.say(tone(60_000))
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 3)


async def test_a_phone_that_talks_to_a_bridge_that_died_with_its_supervisor_is_heard_on_no_call_of_the_next(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as old:
        await old.invite()
        await handler.call(1)
        old.say(tone(60_000))
        for pid in bridge.workers():
            os.kill(pid, signal.SIGKILL)
        assert bridge.process is not None
        bridge.process.kill()
        await asyncio.to_thread(bridge.process.wait, 5)
        await asyncio.to_thread(bridge.start)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 3)


async def test_the_callers_of_a_dead_worker_are_hung_up_at_once_and_those_who_had_left_hear_nothing(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as left:
        await left.invite()
        await handler.call(1)
        await left.bye()
        async with Caller(bridge.target, BUSY) as first, Caller(bridge.target, BUSY) as second:
            assert [(await one.invite()).status for one in (first, second)] == [200, 200]
            os.kill(bridge.workers()[0], signal.SIGKILL)
            async with asyncio.timeout(HUNG_UP_WITHIN_S):
                await asyncio.gather(first.hung_up.wait(), second.hung_up.wait())
            assert not left.hung_up.is_set()


async def test_an_invite_that_comes_before_the_lines_are_read_is_held_and_taken_when_they_are(
    start: Start, seeded: Database
) -> None:
    there = urlsplit(seeded.platform_url)
    async with TcpProxy(there.port or 0) as proxy:
        await proxy.go_away()
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, wait=False, PLATFORM_DATABASE_URL=away)
        async with asyncio.timeout(15):
            while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
                await asyncio.sleep(0.02)
        async with Caller(bridge.target, BUSY) as caller, Caller(bridge.target, UNKNOWN) as lost:
            ringing = [asyncio.create_task(one.invite(ANSWERED_WITHIN_S)) for one in (caller, lost)]
            done, _ = await asyncio.wait(ringing, timeout=0.7)
            assert not done
            await proxy.come_back()
            statuses = [(await one).status for one in ringing]
            await caller.rtp.wait_for_voice(caller.invited_at, 3)
        await asyncio.to_thread(bridge.stop)
    assert statuses == [200, 404]


async def test_an_invite_is_not_held_for_ever_and_gives_its_place_back(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = await asyncio.to_thread(
        start, wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto"
    )
    async with asyncio.timeout(15):
        while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
    async with Caller(bridge.target, BUSY) as first:
        assert (await first.invite(ANSWERED_WITHIN_S)).status == 503
    statuses = [await asyncio.to_thread(refused_late_offers, bridge.target, BUSY, 1) for _ in range(6)]
    assert statuses == [[503]] * 6


async def test_callers_who_give_up_while_they_are_held_give_their_places_back(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = await asyncio.to_thread(
        start, wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto"
    )
    async with asyncio.timeout(15):
        while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
    with contextlib.ExitStack() as phones:
        held = [phones.enter_context(LateOffer(bridge.target, BUSY)) for _ in range(4)]
        ringing = [asyncio.create_task(asyncio.to_thread(one.invite)) for one in held]
        done, _ = await asyncio.wait(ringing, timeout=0.5)
        assert not done
        with LateOffer(bridge.target, BUSY) as fifth:
            assert await asyncio.to_thread(fifth.invite) == 486
        for one in held:
            one.cancel()
        assert await asyncio.gather(*ringing) == [487] * 4
    async with Caller(bridge.target, BUSY) as next_one:
        assert (await next_one.invite(ANSWERED_WITHIN_S)).status == 503


async def test_an_invite_without_sdp_is_held_too(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = await asyncio.to_thread(
        start, wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto"
    )
    async with asyncio.timeout(15):
        while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
    workers, began = bridge.workers(), time.monotonic()
    with LateOffer(bridge.target, BUSY, final_within_s=ANSWERED_WITHIN_S) as late:
        assert await asyncio.to_thread(late.invite) == 503
    assert time.monotonic() - began > 0.5
    assert bridge.workers() == workers


async def test_a_call_whose_worker_died_before_anything_was_written_of_it_is_lost_and_not_forgotten(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    there = urlsplit(valkey_server.url())
    async with TcpProxy(there.port or 0) as proxy, connect(valkey_server.url()) as redis:
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, REDIS_URL=away, BRIDGE_NODE_ID="edge-unwritten")
        await proxy.go_away()
        async with Caller(bridge.target, BUSY, from_user="+33611100099") as caller:
            assert (await caller.invite()).status == 200
            os.kill(bridge.workers()[0], signal.SIGKILL)
            await proxy.come_back()
            async with asyncio.timeout(LAST_WORDS_S + 10):
                while not (lost := await lost_from(redis, bridge)):
                    await asyncio.sleep(0.05)
        await asyncio.to_thread(bridge.stop)
    pii = PiiCipher(bridge.environment["MASTER_KEY"])
    assert [pii.decrypt(call.restaurant_id, call.caller_sealed) for call in lost] == ["+33611100099"]


async def test_a_dead_workers_calls_are_not_waited_for_longer_than_their_handlers_need(
    start: Start, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    bridge = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-dead")
    async with connect(valkey_server.url()) as redis, Caller(bridge.target, BUSY) as caller:
        await caller.invite()
        async with asyncio.timeout(5):
            while not await held_by(redis, bridge):
                await asyncio.sleep(0.02)
        os.kill(bridge.workers()[0], signal.SIGKILL)
        died = datetime.now(UTC)
        async with asyncio.timeout(5):
            while not await lost_from(redis, bridge, died + timedelta(seconds=LAST_WORDS_S + 1)):
                await asyncio.sleep(0.05)
        assert not await lost_from(redis, bridge, died + timedelta(seconds=LAST_WORDS_S - 1))
