"""Postgres or Redis away: calls go on, and what was promised is written exactly once."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.servers.ports import free_port
from domain.restaurant import Restaurant
from protocols.call_lane import ConnectedLine, EndedLine
from stores import checkpoints, keys
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.fakes.proxy import TcpProxy
from tests.integration.call_handler.conftest import (
    GREETING,
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    fill_cart,
    new_id,
    written,
)

pytestmark = pytest.mark.integration


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def through(proxy: TcpProxy, url: str) -> str:
    return url.replace(f":{port_of(url)}", f":{proxy.port}")


@pytest.fixture
async def postgres_proxy(database: Any) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(port_of(database.app_url)) as proxy:
        yield proxy


@pytest.fixture
async def redis_proxy(redis_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(port_of(redis_url)) as proxy:
        yield proxy


async def test_an_order_confirmed_while_postgres_is_away_is_written_once_when_it_is_back(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    postgres_proxy: TcpProxy,
    database: Any,
    postgres: Any,
    redis: Any,
) -> None:
    url = through(postgres_proxy, database.app_url)
    handler = await start_handler(engine, DATABASE_URL=url, ORDER_WAIT_S="0.3")
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    await postgres_proxy.go_away()
    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    noted = await redis.hlen("orders:pending")
    await bridge.hang_up()
    ended = await lane.until(EndedLine)
    await postgres_proxy.come_back()
    orders, events = await eventually(lambda: written(postgres), lambda found: bool(found[0]))

    assert confirmed["ok"]
    assert confirmed["order"] == {"pending": True}
    assert noted == 1
    assert ended.outcome == "order_confirmed"
    assert (len(orders), len(events)) == (1, 1)
    await eventually(lambda: redis.hlen("orders:pending"), lambda left: left == 0)


async def test_an_order_is_noted_before_it_is_written_so_that_no_death_of_the_handler_loses_it(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    postgres_proxy: TcpProxy,
    database: Any,
    redis: Any,
) -> None:
    url = through(postgres_proxy, database.app_url)
    handler = await start_handler(engine, DATABASE_URL=url, ORDER_WAIT_S="30")
    _, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)
    await postgres_proxy.go_away()
    await session.reply(calls=[("confirm_order", {})])
    stored = await eventually(lambda: redis.hgetall("orders:pending"))
    handler.process.kill()

    assert len(stored) == 1
    assert b"Ada" not in b"".join(stored.values())
    assert await redis.ttl("orders:pending") == -1  # it waits for as long as it takes


@pytest.fixture(params=["refuses", "closes"])
async def lost_redis_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A Redis that refuses connections, or takes them, reads the command and closes, as a proxy in front of none."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1] if request.param == "closes" else free_port()
        yield f"redis://127.0.0.1:{port}"


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_call_is_taken_or_resumed_while_redis_is_away(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    lost_redis_url: str,
    postgres: Any,
    attempt: int,
) -> None:
    handler = await start_handler(engine, REDIS_URL=lost_redis_url)
    bridge = await bridge_for(new_id(), greeting=GREETING, attempt=attempt)
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert confirmed["order"] == {"number": 1}
    assert ended.outcome == "order_confirmed"
    assert len((await written(postgres))[0]) == 1


async def test_a_call_goes_on_without_redis_and_is_kept_and_shown_again_once_it_is_back(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    restaurant: Restaurant,
    redis_proxy: TcpProxy,
    redis_url: str,
    redis: Any,
    postgres: Any,
) -> None:
    handler = await start_handler(engine, REDIS_URL=through(redis_proxy, redis_url))
    lane, session = await connect(ring(handler, bridge), engine)
    await redis_proxy.go_away()
    await fill_cart(session, bridge)
    await redis_proxy.come_back()

    async with redis.pubsub(ignore_subscribe_messages=True) as feed:
        await feed.subscribe(keys.restaurant_live(restaurant.id))
        await session.reply(calls=[("confirm_order", {})])
        [confirmed] = await session.tool_outputs(1)
        kept = await eventually(lambda: checkpoints.load(redis, bridge.call_id), lambda saved: saved and saved.order_id)
        shown = await eventually(lambda: feed.get_message(timeout=1.0))
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert confirmed["order"] == {"number": 1}
    assert [line.quantity for line in kept.cart.lines] == [1]
    assert bridge.call_id in shown["data"].decode()
    assert ended.outcome == "order_confirmed"
    assert len((await written(postgres))[0]) == 1


async def test_a_call_is_taken_while_postgres_is_away_and_the_restaurant_is_cached(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres_proxy: TcpProxy,
    database: Any,
) -> None:
    warm = await start_handler(engine)
    first = await ring(warm, bridge)
    await first.until(ConnectedLine)
    await postgres_proxy.go_away()
    handler = await start_handler(engine, DATABASE_URL=through(postgres_proxy, database.app_url))

    lane = await ring(handler, await bridge_for(new_id(), greeting=GREETING))

    await lane.until(ConnectedLine)


async def test_neither_postgres_nor_redis_ends_the_call_as_failed(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    postgres_proxy: TcpProxy,
    redis_proxy: TcpProxy,
    database: Any,
    redis_url: str,
) -> None:
    await postgres_proxy.go_away()
    await redis_proxy.go_away()
    handler = await start_handler(
        engine,
        DATABASE_URL=through(postgres_proxy, database.app_url),
        REDIS_URL=through(redis_proxy, redis_url),
        PROFILE_WAIT_S="0.5",
    )

    lane = await ring(handler, bridge)
    ended = await lane.until(EndedLine)

    assert ended.outcome == "failed"
    assert "DATABASE_URL" in ended.reason


async def test_readiness_names_what_is_away_and_still_takes_calls(
    start_handler: StartHandler, engine: FakeEngine, redis_proxy: TcpProxy, redis_url: str, restaurant: Restaurant
) -> None:
    await redis_proxy.go_away()
    handler = await start_handler(engine, REDIS_URL=through(redis_proxy, redis_url))

    async def readiness() -> tuple[int, dict[str, Any]]:
        async with handler.http.get(f"{handler.url}/health/ready") as response:
            return response.status, json.loads(await response.read())

    status, body = await eventually(readiness, lambda answer: bool(answer[1]["missing"]))

    assert (status, body["status"]) == (200, "ready")
    assert set(body["missing"]) == {"redis"}
