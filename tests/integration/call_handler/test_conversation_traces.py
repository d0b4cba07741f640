"""A second place that is given the conversations alone: without words, unless a setting says so plainly."""

import asyncio
import json

import pytest

from domain.restaurant import Restaurant
from protocols.call_lane import EndedLine
from tests.fakes.bridge import FakeBridge
from tests.fakes.collector import FakeCollector
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import Ring, StartHandler, connect

pytestmark = pytest.mark.integration

SAID, ANSWERED = "Do you have a Margherita?", "Of course we have."


@pytest.mark.parametrize("with_words", [False, True])
async def test_a_conversation_goes_to_its_own_place_with_words_only_where_that_was_asked_for(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    restaurant: Restaurant,
    with_words: bool,
) -> None:
    async with FakeCollector() as collector:
        settings = collector.environment() | {
            "CONVERSATION_TRACES_ENDPOINT": f"{collector.url}/conversations/v1/traces",
            "CONVERSATION_TRACES_HEADERS": "x-api-key=secret,Langsmith-Project=phone",
        }
        if with_words:
            settings["CONVERSATION_TRACES_INCLUDE_WHAT_CALLERS_SAY"] = "true"
        handler = await start_handler(engine, **settings)
        lane, session = await connect(ring(handler, bridge), engine)
        await session.caller_says(SAID)
        await session.reply(ANSWERED, audio_ms=100)
        await bridge.hears(100 * 8)
        await bridge.hang_up()
        await lane.until(EndedLine)
        handler.terminate()
        await handler.ended()  # it sends what is left
        await collector.until(lambda spans: any(span.name == "handle call" for span in spans))
        async with asyncio.timeout(10):
            while not any(span.name == "handle call" for span in collector.conversations):
                await asyncio.sleep(0.01)

    by_name = {span.name: span for span in collector.conversations}
    turn, call = by_name["invoke_agent alloresto"], by_name["handle call"]
    assert call.parent_id == "", "what is above it, the other place does not have"
    assert turn.parent_id == call.span_id
    assert "order.write" not in by_name and "join" not in by_name
    [sent] = {headers["x-api-key"] for path, headers in collector.requests if path.startswith("/conversations")}
    assert sent == "secret"
    if with_words:
        assert turn.attributes["gen_ai.prompt"] == SAID
        assert json.loads(turn.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == ANSWERED
    else:
        assert "Margherita" not in str(collector.conversations)
    assert "Margherita" not in str(collector.spans) and "Of course" not in str(collector.spans)
    assert not any("x-api-key" in headers for path, headers in collector.requests if path == "/v1/traces")
