"""A client's WebSocket into a Service: why the product holds a POST instead."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.knative.websocket_function import PROTOCOL
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Open = Callable[..., Awaitable[Any]]
FUNCTION = [sys.executable, str(Path(__file__).with_name("websocket_function.py"))]
QUICK = 60.0
"""Knative seconds a second: the 90 s after a deletion pass in 1.5 s."""
CUT = 1006


def echoing(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["spec"]["template"]["spec"]["containers"][0]["command"] = FUNCTION
    return manifest


@pytest.fixture
def echo(start: Callable[..., Awaitable[Any]], service: Callable[..., dict[str, Any]]) -> Open:
    """``await echo(**spec)``: a cluster whose one Service answers WebSockets."""

    async def begin(*, speed: float = 1.0, scaling: dict[str, str] | None = None, **spec: Any) -> Any:
        return await start(echoing(service(scaling=scaling, **spec)), speed=speed)

    return begin


async def connect(
    cluster: Any, path: str = "/echo", service: str = "probe", **options: Any
) -> aiohttp.ClientWebSocketResponse:
    socket: aiohttp.ClientWebSocketResponse = await cluster.http.ws_connect(
        cluster.runtime.url(service) + path, **options
    )
    return socket


async def end_of(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The closing code; 1006 when the connection just broke."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in socket:
            pass
    return socket.close_code


async def keep_talking(socket: aiohttp.ClientWebSocketResponse) -> None:
    while not socket.closed:
        await socket.send_str("still here")
        await asyncio.sleep(0.05)


async def test_messages_pass_both_ways_until_either_side_closes(echo: Open) -> None:
    """K33."""
    cluster = await echo()
    async with await connect(cluster, protocols=["other", PROTOCOL]) as socket:
        assert socket.protocol == PROTOCOL
        await socket.send_str("Crème brûlée")
        assert await socket.receive_str(timeout=10) == "Crème brûlée"
        await socket.send_bytes(bytes(200_000))
        assert await socket.receive_bytes(timeout=10) == bytes(200_000)
        await socket.ping(b"there?")
    async with await connect(cluster) as socket:
        await socket.send_str("leave")
        assert (await socket.receive(timeout=10)).data == 4001
    await cluster.until(lambda: cluster.runtime.describe()["services"][0]["concurrency"] == 0, "free again")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(cluster, "/refused")
    assert refused.value.status == 403


async def test_a_websocket_takes_a_slot_like_a_request(echo: Open) -> None:
    """K33."""
    cluster = await echo(scaling={"max-scale": "1"})
    first = await connect(cluster)
    waiting = asyncio.create_task(connect(cluster))
    await cluster.until(lambda: cluster.runtime.describe()["services"][0]["queued"] == 1, "one in the queue")
    assert cluster.runtime.describe()["services"][0]["concurrency"] == 2
    await first.close()
    second = await waiting
    cluster.runtime.kill_pod(cluster.live()[0])
    assert await end_of(second) == CUT


async def test_each_of_the_three_timeouts_cuts_a_websocket_although_messages_flow(
    start: Callable[..., Awaitable[Any]], service: Callable[..., dict[str, Any]]
) -> None:
    """K34."""
    limits = ("timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds")
    services = [
        echoing(service(limit[:4].lower(), scaling={"min-scale": "1"}, **({"timeoutSeconds": 60} | {limit: 10})))
        for limit in limits
    ]
    cluster = await start(*services, speed=20)
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods()] == ["ready"] * 3, "three pods")
    sockets = [await connect(cluster, service=limit[:4].lower()) for limit in limits]
    talking = [asyncio.create_task(keep_talking(socket)) for socket in sockets]
    assert [await end_of(socket) for socket in sockets] == [CUT] * 3
    await asyncio.gather(*talking, return_exceptions=True)
    assert sum(event.kind == "request_timeout" for event in cluster.events) == 3


async def test_a_deleted_pod_drops_its_websocket_after_90_s_although_it_drains(echo: Open) -> None:
    """K35."""
    cluster = await echo(scaling={"max-scale": "2"}, timeoutSeconds=600, speed=QUICK)
    cluster.runtime.prewarm("probe", 2)
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods()] == ["ready"] * 2, "two pods")
    socket = await connect(cluster)
    states = {pod.state: pod.name for pod in cluster.runtime.pods()}
    cluster.runtime.set_deletion_cost(states["ready"], 1000)
    cluster.runtime.prewarm("probe", 0)
    assert await end_of(socket) == CUT
    [deleted] = [event.at for event in cluster.events if event.kind == "pod_terminating"]
    assert (time.time() - deleted) * QUICK >= 85  # not at the SIGTERM, 30 s after the deletion
    assert [pod.state for pod in cluster.runtime.pods() if pod.name == states["busy"]] == ["terminating"]
    assert "request_timeout" not in cluster.kinds("probe")
