"""Signallers, and the nursery that they come from: more calls than one can hold, and what is kept when one dies."""

import asyncio
import contextlib
import json
import os
import signal

import asyncpg
import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandlerApp
from edge_bridge.entrances.sip.signals import MAX_CALLS
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, REGISTRARS, Start, tone
from tests.integration.edge_bridge.dying import assert_nobody_is_heard_on_new_calls, replace_signallers
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

HUNG_UP_WITHIN_S = 2.0
LOST = "calls were lost with their signaller"


async def several(bridge_target: tuple[str, int], count: int, calls: contextlib.AsyncExitStack) -> list[Caller]:
    """So many callers at once; all are answered."""
    callers = [
        await calls.enter_async_context(
            Caller(bridge_target, (BUSY, MESSAGE)[place % 2], from_user=f"+336111000{place:02}")
        )
        for place in range(count)
    ]
    results = await asyncio.gather(*(caller.invite(10) for caller in callers))
    assert [result.status for result in results] == [200] * count
    return callers


def lost_calls(bridge: BridgeProcess) -> int:
    """How many the session says that it lost with a signaller."""
    said = [json.loads(line) for line in bridge.log_text().splitlines() if LOST in line]
    return sum(int(line["calls"]) for line in said)


async def test_eleven_calls_at_once_all_hear_their_greeting(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="12")
    async with contextlib.AsyncExitStack() as calls:
        callers = await several(bridge.target, 11, calls)
        await asyncio.gather(*(one.rtp.wait_for_voice(one.invited_at, PATIENCE_S) for one in callers))
        async with asyncio.timeout(PATIENCE_S):
            while len(bridge.signallers()) != 4:  # four places are free for whom callers may be put through to
                await asyncio.sleep(0.02)


async def test_there_are_no_more_signallers_than_calls_need(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="100")
    assert len(bridge.signallers()) == 1
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        async with asyncio.timeout(PATIENCE_S):
            while len(bridge.signallers()) != 2:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("registrar", REGISTRARS)
async def test_a_killed_signaller_ends_its_own_calls_at_once_and_no_others_and_its_places_come_back(
    start: Start, seeded: Database, registrar: str
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="8", REGISTRAR=registrar)
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as calls:
        callers = await several(bridge.target, 8, calls)
        await handler.call(8)
        bridge.kill(bridge.signallers()[:1])
        async with asyncio.timeout(HUNG_UP_WITHIN_S):
            while not (lost := lost_calls(bridge)) or sum(one.hung_up.is_set() for one in callers) < lost:
                await asyncio.sleep(0.01)
        await asyncio.to_thread(bridge.wait_ready)
        async with contextlib.AsyncExitStack() as more:
            await several(bridge.target, lost, more)
            left = [one for one in callers if not one.hung_up.is_set()]
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout(PATIENCE_S):
                while sum(not one.stopped.done() for one in handler.calls[:8]) > len(left):
                    await asyncio.sleep(0.01)
            handlers = [one for one in handler.calls[:8] if not one.stopped.done()]
            await asyncio.gather(*(one.play(tone(300)) for one in handlers))
            await asyncio.gather(*(one.rtp.wait_for_voice(now, PATIENCE_S) for one in left))
    assert 0 < lost <= MAX_CALLS
    assert len(left) == len(handlers) == 8 - lost


async def test_a_call_that_was_lost_with_its_signaller_is_missed_with_its_number(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY, from_user="+33611100077") as caller:
        assert (await caller.invite()).status == 200
        call = await handler.call(1)
        await asyncio.wait_for(call.joined.wait(), PATIENCE_S)
        bridge.kill(bridge.signallers())
        await asyncio.wait_for(call.stopped, PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while not (missed := await missed_calls(seeded, call.event.call_id)):
                await asyncio.sleep(0.05)
    assert missed == [("bridge_lost", "+33611100077")]


async def missed_calls(database: Database, call_id: str) -> list[tuple[str, str]]:
    """Reason and caller of what the outbox says of a call that was missed."""
    connection = await asyncpg.connect(database.platform_url)
    rows = await connection.fetch(
        "select event->'data'->>'reason' as reason, event->'data'->>'caller' as caller from outbox"
        " where type = 'com.alloresto.call.missed' and event->>'subject' = $1",
        call_id,
    )
    await connection.close()
    return [(row["reason"], row["caller"]) for row in rows]


async def test_a_killed_nursery_ends_nothing_and_is_replaced(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        call = await handler.call(1)
        await asyncio.wait_for(call.joined.wait(), PATIENCE_S)
        before, others = bridge.nurseries(), [*bridge.sessions(), *bridge.signallers()]
        bridge.kill(before)
        async with asyncio.timeout(PATIENCE_S):
            while not bridge.nurseries() or bridge.nurseries() == before:
                await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENCE_S):  # they get another parent meanwhile
            while not set(others) <= {*bridge.sessions(), *bridge.signallers()}:
                await asyncio.sleep(0.02)
        now = asyncio.get_running_loop().time()
        await call.play(tone(300))
        await caller.rtp.wait_for_voice(now, PATIENCE_S)
        # Those of a nursery that is gone are replaced by the next one.
        await replace_signallers(bridge)
        async with Caller(bridge.target, BUSY) as later:
            assert (await later.invite(10)).status == 200


async def test_a_frozen_signaller_is_replaced(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="4")
    (frozen,) = bridge.signallers()
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        os.kill(frozen, signal.SIGSTOP)
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)
    async with Caller(bridge.target, BUSY) as later:
        assert (await later.invite(10)).status == 200
    async with asyncio.timeout(PATIENCE_S):
        while frozen in bridge.signallers():
            await asyncio.sleep(0.02)


async def test_a_frozen_gate_is_replaced(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    frozen = bridge.gates()
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        os.kill(frozen[0], signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_S):
            while not bridge.gates() or bridge.gates() == frozen:
                await asyncio.sleep(0.05)
        assert not caller.hung_up.is_set()
        async with Caller(bridge.target, BUSY) as later:
            assert (await later.invite(10)).status == 200


async def test_what_keeps_dying_makes_the_node_not_ready(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with asyncio.timeout(PATIENCE_S):
        while "keeps dying" not in ((await asyncio.to_thread(bridge.missing)) or {}).get("sip", ""):
            with contextlib.suppress(ProcessLookupError):
                bridge.kill(bridge.gates())
            await asyncio.sleep(0.05)


async def test_a_phone_that_talks_on_after_its_signaller_died_is_heard_on_no_later_call(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as old:
        await old.invite()
        await handler.call(1)
        old.say(tone(60_000))
        await replace_signallers(bridge)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 3)


async def test_the_phones_of_three_dead_signallers_talk_on_and_there_is_still_room_for_four_calls(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="4")
    async with HandlerApp(bridge.sink_port) as handler, contextlib.AsyncExitStack() as phones:
        for died in range(3):
            for place in range(4):
                old = await phones.enter_async_context(Caller(bridge.target, (BUSY, MESSAGE)[place % 2]))
                assert (await old.invite()).status == 200
                await handler.call(4 * died + place + 1)
                old.say(tone(90_000))
            await replace_signallers(bridge)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 4)


async def test_a_phone_that_was_muted_when_its_signaller_died_is_heard_on_no_later_call(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as old:
        await old.invite()
        await handler.call(1)
        old.rtp.muted = True
        await replace_signallers(bridge)
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
        bridge.kill([*bridge.sessions(), *bridge.signallers()])
        assert bridge.process is not None
        bridge.process.kill()
        await asyncio.to_thread(bridge.process.wait, 5)
        await asyncio.to_thread(bridge.start)
        await assert_nobody_is_heard_on_new_calls(bridge, handler, 3)


async def test_the_callers_of_dead_signallers_are_hung_up_at_once_and_those_who_had_left_hear_nothing(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as left:
        await left.invite()
        await handler.call(1)
        await left.bye()
        async with Caller(bridge.target, BUSY) as first, Caller(bridge.target, BUSY) as second:
            assert [(await one.invite()).status for one in (first, second)] == [200, 200]
            bridge.kill(bridge.signallers())
            async with asyncio.timeout(HUNG_UP_WITHIN_S):
                await asyncio.gather(first.hung_up.wait(), second.hung_up.wait())
            assert not left.hung_up.is_set()
