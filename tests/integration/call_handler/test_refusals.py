"""What a handler does not take, and how it says so."""

import json
from typing import Any

import pytest

from devstack.servers.ports import free_port
from domain.restaurant import Restaurant
from protocols.call_lane import AcceptedLine, ConnectedLine, EndedLine
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import (
    Handler,
    Lane,
    MakeBridge,
    Ring,
    StartHandler,
    call_event,
    connect,
    new_id,
)

pytestmark = pytest.mark.integration


async def post(handler: Handler, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    async with handler.http.post(f"{handler.url}/", data=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_events_that_can_never_be_a_call_are_refused_with_the_reason(
    handler: Handler, bridge: FakeBridge, restaurant: Restaurant
) -> None:
    headers, body = call_event(bridge, restaurant.id)
    without_id = {name: value for name, value in headers.items() if name != "ce-id"}
    other_type = headers | {"ce-type": "com.alloresto.order.confirmed"}
    unknown_type = headers | {"ce-type": "org.example.nothing"}
    batch = {"content-type": "application/cloudevents-batch+json"}
    no_token = json.dumps({key: value for key, value in json.loads(body).items() if key != "audioStreamToken"})

    answers = [
        await post(handler, without_id, body),
        await post(handler, other_type, body),
        await post(handler, unknown_type, body),
        await post(handler, headers, b"{not json"),
        await post(handler, batch, b"[]"),
        await post(handler, headers, no_token.encode()),
        await post(handler, headers, b""),
    ]

    assert [status for status, _ in answers] == [400] * 7
    for (_, problem), word in zip(
        answers, ("id", "data", "type", "data", "content-type", "audioStreamToken", "data"), strict=True
    ):
        assert word in problem["detail"]


async def test_a_structured_event_is_taken_too(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, restaurant: Restaurant
) -> None:
    headers, body = call_event(bridge, restaurant.id)
    event = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    document = json.dumps(event | {"datacontenttype": "application/json", "data": json.loads(body)})

    response = await handler.http.post(
        f"{handler.url}/", data=document, headers={"content-type": "application/cloudevents+json"}
    )
    lane = Lane(response)

    assert lane.status == 200
    await lane.until(ConnectedLine)
    lane.leave()


async def test_a_second_call_is_refused_while_one_is_in_progress(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, bridge_for: MakeBridge, ring: Ring
) -> None:
    first = await ring(handler, bridge)
    await first.until(ConnectedLine)

    second = await ring(handler, await bridge_for(new_id()))
    await bridge.hang_up()
    await first.until(EndedLine)
    third_bridge = await bridge_for(new_id())
    third = await ring(handler, third_bridge)

    assert second.status == 409
    assert third.status == 200
    assert await third.line() == AcceptedLine("pod-1", 1)


async def test_an_attempt_that_is_not_newer_is_refused_as_stale(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    call_id = new_id()
    second = await bridge_for(call_id, attempt=2)
    lane = await ring(handler, second)
    await lane.until(ConnectedLine)
    await second.hang_up()
    await lane.until(EndedLine)

    stale = await ring(handler, await bridge_for(call_id, attempt=1))

    assert stale.status == 409
    assert "stale" in (await stale.response.json(content_type=None))["detail"]


async def test_a_superseded_handler_ends_without_touching_the_call(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    bridge.accepts_token = "another handler's"

    lane = await ring(handler, bridge)

    assert await lane.rest() == [AcceptedLine("pod-1", 1), EndedLine("superseded")]


async def test_an_engine_that_refuses_the_key_ends_the_call_and_the_log_names_the_setting(
    start_handler: StartHandler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    engine.refuse = 401
    handler = await start_handler(engine)

    lane = await ring(handler, bridge)
    [accepted, ended] = await lane.rest()

    assert isinstance(accepted, AcceptedLine)
    assert isinstance(ended, EndedLine)
    assert ended.outcome == "failed"
    assert "OPENAI_API_KEY" in ended.reason
    await handler.log_says("OPENAI_API_KEY")
    assert not any("test-key" in line for line in handler.logged)


async def test_an_engine_that_cannot_be_reached_ends_the_call_as_failed(
    start_handler: StartHandler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    handler = await start_handler(engine, OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")

    lane = await ring(handler, bridge)
    ended = (await lane.rest())[-1]

    assert isinstance(ended, EndedLine)
    assert ended.outcome == "failed"
    assert "OPENAI_BASE_URL" in ended.reason
    await bridge.closed.wait()


async def test_an_unknown_restaurant_ends_the_call_as_failed(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    lane = await ring(handler, bridge, restaurant_id=new_id())
    ended = (await lane.rest())[-1]

    assert isinstance(ended, EndedLine)
    assert ended.outcome == "failed"
    assert "restaurant" in ended.reason


async def test_a_missing_setting_ends_the_process_with_its_name(
    start_handler: StartHandler, engine: FakeEngine
) -> None:
    with pytest.raises(AssertionError, match="MASTER_KEY"):
        await start_handler(engine, MASTER_KEY="")


async def test_a_voice_that_the_engine_does_not_have_is_replaced_by_the_default(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    async with postgres.platform.platform() as connection:
        await connection.execute("update restaurant set voice = 'siwis' where id = $1", restaurant.id)
    _, session = await connect(ring(handler, bridge), engine)

    first = await session.expect("session.update")
    second = await session.expect("session.update")

    assert first["session"]["audio"]["output"]["voice"] == "siwis"
    assert second["session"]["audio"]["output"]["voice"] == "marin"
    assert second["session"]["instructions"] == first["session"]["instructions"]
    await session.caller_says("Hello?")
    await session.reply("Good evening.", audio_ms=100)
    await bridge.hears(100 * 8)
