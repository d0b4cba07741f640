"""What a server of the Realtime protocol may refuse, forget or end, and what the caller notices of it: nothing."""

from typing import Any

import pytest

from protocols.call_lane import EndedLine
from protocols.media import Prompt
from stores import checkpoints
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import (
    Handler,
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    fill_cart,
    new_id,
    read_and_agree,
)

pytestmark = pytest.mark.integration


def captions_asked_for(updates: list[dict[str, Any]]) -> list[str | None]:
    asked = [update["session"]["audio"]["input"]["transcription"] for update in updates]
    return [transcription and transcription["model"] for transcription in asked]


async def test_a_refused_transcription_model_costs_captions_and_never_the_call(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    engine.transcription_models = ("another",)
    handler = await start_handler(engine, OPENAI_TRANSCRIPTION_MODEL="gone,gone-too", OPENAI_TRUNCATION_RETENTION="0")
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(handler, bridge), engine)

    await eventually(lambda: _of(session, "session.update"), lambda updates: len(updates) == 3)
    await session.caller_says("One small Margherita to take away, for Ada.")
    await session.reply(calls=[("add_item", {"item": "Margherita", "size": "Small"})])
    [added] = await session.tool_outputs(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert captions_asked_for(session.of("session.update")) == ["gone", "gone-too", None]
    assert session.of("session.update")[2]["session"]["instructions"]
    assert added["ok"]
    assert ended.outcome == "answered"


async def test_a_transcription_model_that_fails_at_every_turn_is_replaced_and_counted(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring, redis: Any
) -> None:
    handler = await start_handler(engine, OPENAI_TRANSCRIPTION_MODEL="switched-off,works")
    call_id = new_id()
    bridge = await bridge_for(call_id)
    _, session = await connect(ring(handler, bridge), engine)

    for _ in range(2):
        await session.caller_says(None)
        await session.reply("Sorry?", audio_ms=20)
    await eventually(lambda: _of(session, "session.update"), lambda updates: len(updates) == 2)
    await session.caller_says("A Margherita.")

    assert captions_asked_for(session.of("session.update")) == ["switched-off", "works"]
    saved = await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.turns == 3)
    assert [line.text for line in saved.transcript if line.who == "caller"] == ["[…]", "[…]", "A Margherita."]
    async with handler.http.get(f"{handler.url}/metrics") as response:
        told = await response.text()
    assert "ai_worker_captions_failed_total 2.0" in told
    assert 'ai_worker_recognition_seconds_count{engine="main"} 1.0' in told


async def test_garbage_and_errors_of_every_kind_cost_a_log_line_and_not_the_call(
    handler: Handler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(handler, bridge), engine)

    garbage: list[str | bytes] = [
        "{",
        "[]",
        "null",
        '{"type": 7}',
        b"\x00\xff",
        '{"type": "response.done", "response": {}}',
    ]
    for message in garbage:
        await session.raw(message)
    for code in ("server_error", "rate_limit_exceeded", "invalid_value", "session_expired"):
        await session.send("error", error={"type": "server_error", "code": code, "message": "no", "param": None})
    await session.caller_says("Are you open?")
    await session.reply("We are.", audio_ms=200)
    await bridge.hears(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert ended.outcome == "answered"
    understood_not = [line for line in handler.logged if "engine message not understood" in line]
    assert len(understood_not) == len([message for message in garbage if isinstance(message, str)])
    assert len([line for line in handler.logged if "the engine complains" in line]) == 4


async def _of(session: Any, kind: str) -> list[Any]:
    found: list[Any] = session.of(kind)
    return found


async def test_a_session_is_renewed_before_its_end_and_the_agreement_holds(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    handler: Handler = await start_handler(engine)
    engine.expires_in_s = 30.0  # less than what is needed to look for a quiet moment: at once
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    _, first = await connect(ring(handler, bridge), engine)
    engine.expires_in_s = 3600.0
    second = await engine.session()
    await first.closed.wait()

    await fill_cart(second, bridge)
    await read_and_agree(second, bridge)
    await second.reply(calls=[("confirm_order", {})])
    [confirmed] = await second.tool_outputs(1)

    told = [event["item"]["content"][0]["text"] for event in second.of("conversation.item.create")[:2]]
    assert told[0] == "Good evening!"
    assert "has noticed nothing" in told[1]
    assert confirmed["order"]["number"] == 1
    assert not bridge.of(Prompt)
    assert [event["type"] for event in second.received[:3]] == ["session.update"] + ["conversation.item.create"] * 2


async def test_a_silence_that_the_engine_takes_for_a_turn_is_nothing_that_the_caller_said(
    start_handler: StartHandler, engine: FakeEngine, bridge_for: MakeBridge, ring: Ring
) -> None:
    handler = await start_handler(engine, VAD_IDLE_TIMEOUT_MS="6000")
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(handler, bridge), engine)
    update = await session.expect("session.update")

    await session.send("input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=6000, item_id="quiet")
    await session.send("input_audio_buffer.committed", item_id="quiet", previous_item_id=None)
    await session.reply("Are you there?", audio_ms=20)
    await bridge.hears(20 * 8)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert update["session"]["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == 6000
    assert ended.outcome == "abandoned"
