"""The edge's bench runs to its end; what it measures on a busy machine is nobody's fault."""

import math

import pytest

from bench import edge

pytestmark = pytest.mark.integration

OF_A_NODE = (
    "4 calls: refused",
    "4 calls: CPU per call, whole edge",
    "4 calls: private memory per call, whole edge",
    "4 calls: RTP → WebSocket, p99",
    "4 calls: WebSocket → RTP, p99",
    "4 calls: jitter of RTP sent, p99",
    "INVITE → 200, 20 calls/s, p99",
    "INVITE → 200, 20 calls/s and 500 strangers'/s, p99",
    "4 calls, signaller killed ×1: its own callers' BYE, worst",
    "4 calls, session killed ×1: callers with voice within 1 s and on",
    "4 calls, gate killed ×1: callers with voice within 1 s and on",
    "4 calls, nursery killed ×1: callers with voice within 1 s and on",
    "4 calls, supervisor killed: the next one is ready",
)


async def test_the_quick_form_tells_every_kind_of_figure() -> None:
    figures = {one.figure: one for one in await edge.run(1, quick=True)}
    told = {name.removeprefix("direct, ").removeprefix("direct: ") for name in figures}
    assert told >= {*OF_A_NODE, "100 lines registered from cold", "50 lines back after their trunk was away"}
    measured = {name: one.value for name, one in figures.items() if "memory" not in name}
    assert {name: value for name, value in measured.items() if not math.isfinite(value) or value < 0} == {}
    assert figures["direct, 4 calls: RTP → WebSocket, p99"].value > 0
    assert figures["direct, 4 calls: CPU per call, whole edge"].value > 0
