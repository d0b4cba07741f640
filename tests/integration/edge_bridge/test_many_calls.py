"""Call after call through the same signallers: what one leaves behind must not add up."""

import asyncio

import pytest

from edge_bridge.entrances.sip.conference import PORTS
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start

pytestmark = pytest.mark.integration

AT_ONCE = 7
ROUNDS = 2 * PORTS // AT_ONCE + 1  # there are two signallers
ROUNDS_OF_ONE = 15  # a caller to whom it is busy is told so, and hung up in the end


async def test_a_node_answers_more_calls_than_pjsip_has_places_for_audio_while_one_goes_on(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS=str(AT_ONCE + 1))

    async def call() -> int:
        async with Caller(bridge.target, BUSY) as caller:
            return (await caller.invite(10)).status

    for _ in range(0, ROUNDS, ROUNDS_OF_ONE):
        async with Caller(bridge.target, BUSY) as caller_who_stays:
            await caller_who_stays.invite(10)
            for _ in range(ROUNDS_OF_ONE):
                assert set(await asyncio.gather(*(call() for _ in range(AT_ONCE)))) == {200}
            assert await caller_who_stays.reinvite("sendrecv") == 200
