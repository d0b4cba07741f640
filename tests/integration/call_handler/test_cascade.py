"""A whole call on a cascade: a transcription session, a text model and a speech model, each a server of its API."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.restaurant import Restaurant
from protocols.call_lane import EndedLine
from protocols.media import Clear
from stores import restaurants
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine, FakeSession
from tests.fakes.models import Answer, FakeModels
from tests.integration.call_handler.conftest import (
    Handler,
    Lane,
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    new_id,
    written,
)

pytestmark = pytest.mark.integration

MARGHERITA = ("add_item", {"item": "Margherita", "size": "Small"})


@pytest.fixture
async def ear() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as fake:
        yield fake


@pytest.fixture
async def models() -> AsyncIterator[FakeModels]:
    async with FakeModels() as fake:
        yield fake


async def start(
    start_handler: StartHandler,
    main: FakeEngine,
    ear: FakeEngine,
    models: FakeModels,
    restaurant: Restaurant,
    postgres: Any,
    api: str = "chat",
) -> Handler:
    """A handler whose restaurant is served by the cascade first."""
    url = models.url if api == "chat" else models.url.removesuffix("/v1")
    cascade = {
        "kind": "cascade",
        "name": "parts",
        "hearing": {"url": ear.base_url, "key": "PARTS_KEY", "model": "gpt-transcribe"},
        "thinking": {"url": url, "key": "PARTS_KEY", "model": "gpt-4.1-mini", "api": api},
        "speaking": {"url": models.url, "key": "PARTS_KEY", "model": "tts-1", "voice": "alloy"},
    }
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant.id, {"engines": ["parts", "main"]})
    return await start_handler(main, ENGINES=json.dumps([cascade]), PARTS_KEY="sk-parts")


@pytest.fixture
async def handler(
    start_handler: StartHandler,
    engine: FakeEngine,
    ear: FakeEngine,
    models: FakeModels,
    restaurant: Restaurant,
    postgres: Any,
) -> Handler:
    return await start(start_handler, engine, ear, models, restaurant, postgres)


async def says(session: FakeSession, bridge: FakeBridge, models: FakeModels, text: str, *answers: Answer) -> None:
    """A turn of the caller's, and all that follows from it until the caller has heard the answer."""
    count, before = len(models.requests), len(bridge.played)
    models.answers = list(answers)
    await session.caller_says(text)
    await models.asked(count + len(answers))
    if answers[-1].text:
        await bridge.hears(before + 1)
        await bridge.quiet()


@pytest.mark.parametrize("api", ["chat", "messages"])
async def test_an_order_is_taken_to_its_end_and_its_cost_is_known(
    api: str,
    start_handler: StartHandler,
    engine: FakeEngine,
    ear: FakeEngine,
    models: FakeModels,
    restaurant: Restaurant,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
) -> None:
    handler = await start(start_handler, engine, ear, models, restaurant, postgres, api)
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    lane, session = await connect(ring(handler, bridge), ear)
    setup = await session.expect("session.update")

    items = [MARGHERITA, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})]
    await says(session, bridge, models, "A small Margherita, for Ada.", Answer(calls=items), Answer("With pleasure."))
    read = Answer(lambda asked: str(_last_output(asked, api)["say"]))
    await says(session, bridge, models, "That is all.", Answer(calls=[("read_cart", {})]), read)
    await says(session, bridge, models, "Yes.", Answer(calls=[("confirm_order", {})]), Answer("Thank you, Ada!"))
    [order] = await eventually(lambda: _orders(postgres))
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert setup["session"]["type"] == "transcription"
    assert setup["session"]["audio"]["input"]["transcription"]["model"] == "gpt-transcribe"
    assert order["total_cents"] == 900
    assert ended.outcome == "order_confirmed"
    assert models.spoken[0] == "With pleasure."
    key = "Authorization" if api == "chat" else "x-api-key"
    assert models.headers[0][key].removeprefix("Bearer ") == "sk-parts"
    row = await eventually(lambda: _call(postgres))
    thought = (1000 * 0.4 + 100 * 1.6) if api == "chat" else (100 * 0.4 + 900 * 0.1 + 100 * 1.6)
    spoken = sum(map(len, models.spoken)) * 15
    heard = 3 * 1.5 / 60 * 0.0045
    assert float(row["cost_dollars"]) == pytest.approx((6 * thought + spoken) / 1_000_000 + heard, abs=2e-6)
    assert row["model"] == "gpt-4.1-mini"


def _last_output(request: dict[str, Any], api: str) -> dict[str, Any]:
    last = request["messages"][-1]
    text = last["content"] if api == "chat" else last["content"][-1]["content"]
    output: dict[str, Any] = json.loads(text)
    return output


async def _orders(postgres: Any) -> list[Any]:
    return (await written(postgres))[0]


async def _call(postgres: Any) -> Any:
    async with postgres.platform.platform() as connection:
        return await connection.fetchrow("select cost_dollars, model from call_log where cost_dollars > 0")


async def test_sentences_are_spoken_while_the_model_still_writes(
    handler: Handler, ear: FakeEngine, models: FakeModels, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id())
    _, session = await connect(ring(handler, bridge), ear)
    rest = asyncio.Event()
    models.answers = [Answer("We-are-open-until-ten. And the rest comes later.", after_first=rest)]

    await session.caller_says("Until when are you open?")
    await models.asked(1)
    assert models.spoken == []
    rest.set()
    await bridge.hears(1)

    await eventually(lambda: _spoken(models), lambda spoken: len(spoken) == 2)
    assert models.spoken == ["We-are-open-until-ten.", "And the rest comes later."]


async def _spoken(models: FakeModels) -> list[str]:
    return list(models.spoken)


async def test_a_caller_who_speaks_over_it_is_answered_and_the_model_knows_what_was_heard(
    handler: Handler, ear: FakeEngine, models: FakeModels, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id())
    _, session = await connect(ring(handler, bridge), ear)
    words = "This is a long first sentence of many words. This is a long second sentence of many words."
    models.answers = [Answer(words)]
    await session.caller_says("Tell me about it.")
    await bridge.hears(100 * 8)

    await session.speech_starts()
    await bridge.expect(Clear)
    models.answers = [Answer("All right.")]
    await session.speech_stops("Just a Margherita.")
    await models.asked(2)

    messages = models.requests[1]["messages"]
    assert messages[-2] == {"role": "assistant", "content": "This is a long first sentence of many words. …"}
    assert messages[-1] == {"role": "user", "content": "Just a Margherita."}


@pytest.mark.parametrize(
    "trouble",
    [
        [Answer(status=429), Answer(status=429), Answer(status=429), Answer(status=429)],
        [Answer(status=500), Answer(status=503), Answer(status=500), Answer(status=500)],
        [Answer(status=401)],
        [Answer("One.", cut=True), Answer("One.", cut=True)],
    ],
    ids=["429", "5xx", "401", "cut"],
)
async def test_a_text_model_that_fails_is_followed_by_the_next_engine_with_the_cart(
    trouble: list[Answer],
    handler: Handler,
    engine: FakeEngine,
    ear: FakeEngine,
    models: FakeModels,
    bridge_for: MakeBridge,
    ring: Ring,
) -> None:
    bridge = await bridge_for(new_id())
    _, session = await connect(ring(handler, bridge), ear)
    await says(session, bridge, models, "A small Margherita.", Answer(calls=[MARGHERITA]), Answer("Anything else?"))
    models.answers = list(trouble)

    await session.caller_says("No.")
    second = await _who_takes_over(engine)
    await second.expect("session.update")
    await second.expect("response.create")

    told = [event["item"]["content"][0]["text"] for event in second.of("conversation.item.create")]
    assert "Margherita" in told[-1]
    assert "A small Margherita." in told


async def _who_takes_over(engine: FakeEngine) -> FakeSession:
    """Not the connection that was made ahead of knowing the restaurant."""
    while True:
        session = await engine.session()
        if not session.closed.is_set():
            return session


async def test_one_busy_answer_is_asked_again_and_nobody_notices(
    handler: Handler, ear: FakeEngine, models: FakeModels, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(handler, bridge), ear)

    await says(session, bridge, models, "Hello?", Answer(status=429), Answer("Good evening."))
    await bridge.hang_up()
    ended: Any = await Lane.until(lane, EndedLine)

    assert models.spoken == ["Good evening."]
    assert ended.outcome == "answered"
