"""The lines of a held POST: one accepted, at most one connected, signs of life, and one end or none."""

import asyncio

import pytest

from functions.call_handler.serving.lane import CallLane
from protocols.call_lane import AcceptedLine, AliveLine, ConnectedLine, EndedLine, LaneLine, decode

pytestmark = pytest.mark.unit


async def lines_of(lane: CallLane, call: asyncio.Task[None]) -> list[LaneLine]:
    return [decode(line) async for line in lane.lines(call)]


async def test_a_call_that_is_joined_and_ends_has_three_lines() -> None:
    lane = CallLane("pod-1", 2)

    async def call() -> None:
        lane.connected.set()
        await asyncio.sleep(0.01)
        lane.ended = EndedLine("order_confirmed", "11111111-1111-1111-1111-111111111111")

    lines = await lines_of(lane, asyncio.create_task(call()))

    assert lines == [AcceptedLine("pod-1", 2), ConnectedLine(), lane.ended]


async def test_a_long_call_gives_signs_of_life_before_and_after_it_is_joined() -> None:
    lane = CallLane("pod-1", 1, alive_every_s=0.02)

    async def call() -> None:
        await asyncio.sleep(0.05)
        lane.connected.set()
        await asyncio.sleep(0.05)
        lane.ended = EndedLine("answered")

    lines = await lines_of(lane, asyncio.create_task(call()))
    joined_at = lines.index(ConnectedLine())

    assert lines[0] == AcceptedLine("pod-1", 1)
    assert AliveLine() in lines[1:joined_at]
    assert AliveLine() in lines[joined_at:-1]
    assert lines.count(ConnectedLine()) == 1
    assert lines[-1] == EndedLine("answered")


async def test_a_call_that_was_lost_has_no_final_line() -> None:
    lane = CallLane("pod-1", 1)

    async def call() -> None:
        await asyncio.sleep(0)

    assert await lines_of(lane, asyncio.create_task(call())) == [AcceptedLine("pod-1", 1)]


async def test_a_call_that_fails_before_it_is_joined_is_never_connected() -> None:
    lane = CallLane("pod-1", 1)

    async def call() -> None:
        lane.ended = EndedLine("failed", reason="OPENAI_API_KEY: refused")

    assert await lines_of(lane, asyncio.create_task(call())) == [AcceptedLine("pod-1", 1), lane.ended]


async def test_how_late_the_model_answered_is_told_once_with_the_next_sign_of_life() -> None:
    lane = CallLane("pod-1", 1, alive_every_s=0.02)
    lane.answered(0.7)
    lane.answered(2.5)
    lane.answered(1.0)

    async def call() -> None:
        await asyncio.sleep(0.09)
        lane.ended = EndedLine("answered")

    told = [line.model_ms for line in await lines_of(lane, asyncio.create_task(call())) if isinstance(line, AliveLine)]

    assert told[0] == 2500
    assert set(told[1:]) <= {0}
