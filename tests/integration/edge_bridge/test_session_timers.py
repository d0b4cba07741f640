"""RFC 4028: whoever is asked to refresh a session does so, in time."""

import asyncio

import pytest

from softphone.caller import Caller
from tests.integration.edge_bridge.conftest import BUSY, Scene

pytestmark = pytest.mark.integration

INTERVAL_S = 90  # the least that the RFC allows; refreshed at half


@pytest.mark.usefixtures("handler")
async def test_a_caller_who_asks_us_to_refresh_the_session_is_asked_again_in_time(scene: Scene) -> None:
    timer = (f"Session-Expires: {INTERVAL_S};refresher=uas", "Supported: timer")
    async with Caller(scene.bridge.target, BUSY, extra_headers=timer) as caller:
        assert (await caller.invite()).status == 200
        async with asyncio.timeout(INTERVAL_S / 2 + 10):
            while not {"UPDATE", "INVITE"} & set(caller.asked):
                await asyncio.sleep(0.1)
        assert not caller.hung_up.is_set()
