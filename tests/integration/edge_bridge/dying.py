"""What tests of dying processes share."""

import asyncio
import audioop
from datetime import UTC, datetime, timedelta

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandlerApp
from softphone.caller import Caller
from softphone.media import VOICE_RMS
from stores import live
from stores.live import LiveCall
from stores.redis import Redis
from tests.integration.edge_bridge.conftest import BUSY
from tests.patience import PATIENCE_S

LISTENED_S = 1.5


async def replace_signallers(bridge: BridgeProcess) -> None:
    """Kill them and wait until the next ones take calls."""
    before = bridge.signallers()
    bridge.kill(before)
    async with asyncio.timeout(PATIENCE_S):
        while not set(bridge.signallers()) - set(before):
            await asyncio.sleep(0.02)
    await asyncio.to_thread(bridge.wait_ready)


def voice_in(ulaw: bytes) -> bool:
    frames = (audioop.ulaw2lin(ulaw[start : start + 160], 2) for start in range(0, len(ulaw), 160))
    return any(audioop.rms(frame, 2) > VOICE_RMS for frame in frames)


async def assert_nobody_is_heard_on_new_calls(bridge: BridgeProcess, handler: HandlerApp, count: int) -> None:
    """The handlers of so many silent callers, who are on the line at the same time, hear silence."""
    known = len(handler.calls)
    callers = [Caller(bridge.target, BUSY, from_user=f"+3361111000{place}") for place in range(count)]
    try:
        for place, caller in enumerate(callers):
            await caller.__aenter__()
            result = await caller.invite()
            assert result.status == 200, result
            await handler.call(known + place + 1)
        await asyncio.sleep(LISTENED_S)
        heard = [bytes(call.heard) for call in handler.calls[known:]]
    finally:
        for caller in callers:
            await caller.__aexit__()
    assert [len(one) > 8000 for one in heard] == [True] * count
    assert not any(voice_in(one) for one in heard)


async def held_by(redis: Redis, bridge: BridgeProcess) -> list[LiveCall]:
    """The bridge's calls, lost or not."""
    return await lost_from(redis, bridge, datetime.now(UTC) + timedelta(hours=1))


async def lost_from(redis: Redis, bridge: BridgeProcess, at: datetime | None = None) -> list[LiveCall]:
    """The bridge's calls whose lease has run out by ``at``, now by default."""
    lost = await live.lost_calls(redis, at or datetime.now(UTC))
    return [one.call for one in lost if one.call.bridge_node_id == bridge.environment["BRIDGE_NODE_ID"]]
