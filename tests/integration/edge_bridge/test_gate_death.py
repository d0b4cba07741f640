"""``kill -9`` of the gate, and of signallers behind it: whose calls go on, and whose are ended in order."""

import asyncio
import itertools
import os
import signal
import time

import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandlerApp
from devstack.edge.raw_sip import RawSip, offer
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, REGISTRARS, Start
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

ENDED_WITHIN_S = 2.0
LONGEST_GAP_S = 0.3
BOTH_AGAIN_WITHIN_S = 10.0  # two processes start at the same time, on a busy machine


async def kill_gate(bridge: BridgeProcess) -> None:
    """And wait for the next one."""
    before = bridge.gates()
    os.kill(before[0], signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while not bridge.gates() or bridge.gates() == before:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("registrar", REGISTRARS)
async def test_a_killed_gate_interrupts_no_audio_and_a_bye_after_it_ends_the_call(
    start: Start, seeded: Database, registrar: str
) -> None:
    bridge = await asyncio.to_thread(start, REGISTRAR=registrar)
    async with HandlerApp(bridge.sink_port) as handler, Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        killed_at = time.monotonic()
        await kill_gate(bridge)
        async with Caller(bridge.target, BUSY) as second:
            assert (await second.invite()).status == 200
        arrivals = [packet.at for packet in caller.rtp.received if packet.at > killed_at]
        await caller.bye(5)
        assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    assert len(arrivals) > 1
    assert max(after - before for before, after in itertools.pairwise(arrivals)) < LONGEST_GAP_S


async def test_after_a_gates_death_its_dialogs_are_known_and_others_are_not(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    with RawSip(bridge.target) as phone:
        assert await asyncio.to_thread(lambda: phone.call(BUSY)) == 200
        # Behind the ACK on the same way: without that a new INVITE is too early, which is 491.
        assert await asyncio.to_thread(lambda: phone.ask("OPTIONS", phone.remote_uri)) == 200
        await kill_gate(bridge)
        statuses = await asyncio.to_thread(
            lambda: [
                phone.ask("INVITE", phone.remote_uri, body=offer("127.0.0.1", 40_000)),
                phone.ask("OPTIONS", phone.remote_uri),
                phone.ask("BYE", phone.remote_uri),
                phone.ask("BYE", phone.remote_uri),
            ]
        )
    assert statuses == [200, 200, 200, 481]


async def test_a_call_can_be_hung_up_by_the_bridge_after_its_gate_died(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, HANDLER_WAIT_S="1")
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        await kill_gate(bridge)
        await asyncio.wait_for(caller.hung_up.wait(), PATIENCE_S)  # no handler: the busy message, and BYE


async def test_the_bye_of_a_dead_signallers_call_is_repeated_until_it_is_answered(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    with RawSip(bridge.target) as phone:
        assert await asyncio.to_thread(lambda: phone.call(BUSY)) == 200
        bridge.kill(bridge.signallers())
        died = time.monotonic()
        byes = [await asyncio.to_thread(phone.asked, "BYE") for _ in range(3)]
        took_s = time.monotonic() - died
        assert None not in byes
        assert len({bye.vias[0].branch for bye in byes if bye}) == 1
        assert byes[0] is not None
        phone.reply(byes[0])
        assert await asyncio.to_thread(phone.receive, 3.0) is None
        again = await asyncio.to_thread(lambda: phone.ask("BYE", phone.remote_uri))
    assert took_s < ENDED_WITHIN_S + 1
    assert (byes[0].from_tag, byes[0].to_tag) == (phone.to_tag, phone.from_tag)
    assert again == 481


async def test_a_dead_signallers_caller_is_answered_while_being_hung_up(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    with RawSip(bridge.target) as phone:
        assert await asyncio.to_thread(lambda: phone.call(BUSY)) == 200
        bridge.kill(bridge.signallers())
        bye = await asyncio.to_thread(phone.asked, "BYE", ENDED_WITHIN_S)
        assert bye is not None
        statuses = await asyncio.to_thread(
            lambda: [
                phone.ask("INVITE", phone.remote_uri, body=offer("127.0.0.1", 40_000)),
                phone.ask("UPDATE", phone.remote_uri),
                phone.ask("BYE", phone.remote_uri),
            ]
        )
        assert await asyncio.to_thread(phone.receive, 2.5) is None
    assert bye.method == "BYE"
    assert statuses == [200, 200, 200]


async def test_who_calls_while_there_is_no_signaller_is_held_for_the_next_one(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    bridge.kill(bridge.signallers())
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite(10)).status == 200


async def test_gate_and_signallers_killed_together_the_next_gate_hangs_up(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        bridge.kill([*bridge.gates(), *bridge.signallers()])
        await asyncio.wait_for(caller.hung_up.wait(), BOTH_AGAIN_WITHIN_S)
