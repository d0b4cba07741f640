"""INVITEs that come before the lines are read: held for a while, and then decided."""

import asyncio
import contextlib
import time
from urllib.parse import urlsplit

import pytest

from devstack.servers.ports import free_port
from softphone.caller import Caller
from tests.conftest import Database
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.conftest import BUSY, Start
from tests.integration.edge_bridge.late_offers import LateOffer, refused_late_offers
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

UNKNOWN = "+33999999999"


async def test_an_invite_that_comes_before_the_lines_are_read_is_held_and_taken_when_they_are(
    start: Start, seeded: Database
) -> None:
    there = urlsplit(seeded.platform_url)
    async with TcpProxy(there.port or 0) as proxy:
        await proxy.go_away()
        away = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()
        bridge = await asyncio.to_thread(start, wait=False, PLATFORM_DATABASE_URL=away)
        async with asyncio.timeout(PATIENCE_S):
            while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
                await asyncio.sleep(0.02)
        async with Caller(bridge.target, BUSY) as caller, Caller(bridge.target, UNKNOWN) as lost:
            ringing = [asyncio.create_task(one.invite(PATIENCE_S)) for one in (caller, lost)]
            done, _ = await asyncio.wait(ringing, timeout=0.7)
            assert not done
            await proxy.come_back()
            statuses = [(await one).status for one in ringing]
            await caller.rtp.wait_for_voice(caller.invited_at, PATIENCE_S)
        await asyncio.to_thread(bridge.stop)
    assert statuses == [200, 404]


async def test_an_invite_is_not_held_for_ever_and_gives_its_place_back(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = await asyncio.to_thread(
        start, wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto"
    )
    async with asyncio.timeout(60):
        while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
    async with Caller(bridge.target, BUSY) as first:
        assert (await first.invite(PATIENCE_S)).status == 503
    statuses = [await asyncio.to_thread(refused_late_offers, bridge.target, BUSY, 1) for _ in range(6)]
    assert statuses == [[503]] * 6


async def test_callers_who_give_up_while_they_are_held_give_their_places_back(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {"MAX_CALLS": "4", "BUSY_PLACES": "0", "SIP_FULL_WAIT_S": "0"}
    settings["PLATFORM_DATABASE_URL"] = f"postgresql://nobody@{nowhere}/alloresto"
    bridge = await asyncio.to_thread(start, wait=False, **settings)
    async with asyncio.timeout(60):
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
        assert (await next_one.invite(PATIENCE_S)).status == 503


async def test_an_invite_without_sdp_is_held_too(start: Start, seeded: Database) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = await asyncio.to_thread(
        start, wait=False, PLATFORM_DATABASE_URL=f"postgresql://nobody@{nowhere}/alloresto"
    )
    async with asyncio.timeout(60):
        while "lines" not in (await asyncio.to_thread(bridge.missing) or {}):
            await asyncio.sleep(0.02)
    processes, began = bridge.processes(), time.monotonic()
    with LateOffer(bridge.target, BUSY, final_within_s=PATIENCE_S) as late:
        assert await asyncio.to_thread(late.invite) == 503
    assert time.monotonic() - began > 0.5
    assert set(processes) <= set(bridge.processes())
