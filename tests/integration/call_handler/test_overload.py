"""What a call has while there is more to do than can be done: a shorter prompt, then a cheaper engine."""

import json
from collections.abc import AsyncIterator

import pytest

from domain.prompt_texts import TEXTS
from domain.restaurant import Restaurant
from protocols.call_lane import AliveLine, EndedLine
from tests.fakes.engine import FakeEngine, FakeSession
from tests.integration.call_handler.conftest import MakeBridge, Ring, StartHandler, connect, new_id

pytestmark = pytest.mark.integration


@pytest.fixture
async def cheap() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as fake:
        yield fake


def is_brief(session: FakeSession, restaurant: Restaurant) -> bool:
    told = session.of("session.update")[0]["session"]["instructions"]
    return TEXTS[restaurant.language].styles["brief"] in told


async def test_a_call_is_as_thrifty_as_its_event_says_and_tells_how_late_the_model_is(
    start_handler: StartHandler,
    engine: FakeEngine,
    cheap: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    restaurant: Restaurant,
) -> None:
    further = [{"kind": "realtime", "name": "cheap", "url": cheap.base_url, "model": "local"}]
    handler = await start_handler(engine, ENGINES=json.dumps(further), OVERLOAD_ENGINES="cheap")
    for economy, answers, brief in ((0, engine, False), (1, engine, True), (2, cheap, True)):
        bridge = await bridge_for(new_id())
        lane, session = await connect(ring(handler, bridge, economy=economy), answers)
        await session.expect("session.update")
        assert is_brief(session, restaurant) is brief
        if economy == 2:
            await session.caller_says("Good evening.")
            await session.reply("Good evening!", audio_ms=200)
            alive = await lane.until(AliveLine)
            assert alive.model_ms > 0
        await bridge.hang_up()
        await lane.until(EndedLine)
