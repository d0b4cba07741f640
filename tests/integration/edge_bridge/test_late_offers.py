"""INVITEs without SDP. Refused inside pjsip's callback, one of them is the end of the process and of all its calls."""

import asyncio
import itertools
import signal
import time

import pytest

from devstack.edge.handler_app import HandlerApp
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Scene, Start, tone, until_it_drains
from tests.integration.edge_bridge.late_offers import LateOffer, refused_late_offers

pytestmark = pytest.mark.integration

UNKNOWN = "+33999999999"
LONGEST_GAP_S = 0.3  # ten times a jittery packet's, on a busy machine


async def test_a_stranger_whose_invite_has_no_sdp_gets_403_and_the_worker_lives(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start, SIP_PEERS="127.0.0.9/32", SIP_STRANGER_ANSWER_S="0")
    processes = bridge.processes()
    statuses = await asyncio.to_thread(refused_late_offers, bridge.target, BUSY, 3)
    assert statuses == [403, 403, 403]
    assert set(processes) <= set(bridge.processes())


async def test_an_invite_without_sdp_gets_503_while_it_drains_and_the_call_in_progress_goes_on(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        assert bridge.process is not None
        bridge.process.send_signal(signal.SIGTERM)
        await until_it_drains(bridge)
        statuses = await asyncio.to_thread(refused_late_offers, bridge.target, BUSY, 3)
        assert not caller.hung_up.is_set()
    assert statuses == [503, 503, 503]


async def test_a_call_keeps_its_audio_both_ways_beside_a_hundred_refused_invites_without_sdp(
    scene: Scene, handler: HandlerApp
) -> None:
    processes = scene.bridge.processes()
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        call = await handler.call(1)
        await caller.rtp.wait_for_voice(caller.invited_at, 3)
        caller.say(tone(30_000))
        began, heard = time.monotonic(), len(call.heard)
        statuses = await asyncio.to_thread(refused_late_offers, scene.bridge.target, UNKNOWN, 100)
        took_s = time.monotonic() - began
        heard_s = (len(call.heard) - heard) / 8000
        arrivals = [began, *(packet.at for packet in caller.rtp.received if packet.at > began), time.monotonic()]
        assert not caller.hung_up.is_set()
    assert statuses == [404] * 100
    assert set(processes) <= set(scene.bridge.processes())
    assert heard_s > took_s - 0.5  # more is audio that had waited for the handler
    assert max(after - before for before, after in itertools.pairwise(arrivals)) < LONGEST_GAP_S


async def test_an_invite_without_sdp_to_a_known_line_is_answered_with_an_offer_and_audio(
    scene: Scene, handler: HandlerApp
) -> None:
    with LateOffer(scene.bridge.target, BUSY) as caller:
        assert await asyncio.to_thread(caller.invite) == 200
        assert "m=audio" in caller.answer
        assert await asyncio.to_thread(caller.packets, 50) == 50
        await handler.call(1)
