"""A release of the call handler under real calls: whose handler is asked, and a candidate that goes back by itself."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp, serve_to_the_end
from devstack.servers.ports import free_port
from softphone.caller import Caller
from stores import releases
from stores.postgres import Postgres
from tests.integration.edge_bridge.conftest import BUSY, Scene
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

STABLE, CANDIDATE = "call-handler-00001", "call-handler-00002"


@pytest.fixture
async def candidate() -> AsyncIterator[HandlerApp]:
    async with HandlerApp(free_port()) as app:
        yield app


@pytest.fixture
async def platform(scene: Scene) -> AsyncIterator[Postgres]:
    postgres = Postgres(scene.database.platform_url)
    await postgres.open()
    yield postgres
    async with postgres.platform() as connection:
        await connection.execute("update handler_release set state = 'withdrawn', share = 0")
    await until(scene, "handler_candidate_share_percent", 0)
    await postgres.close()


async def on_trial(scene: Scene, platform: Postgres, candidate: HandlerApp) -> str:
    """Every restaurant's calls go to the candidate, once the bridge knows."""
    async with platform.platform() as connection:
        release = await releases.begin(
            connection,
            stable=STABLE,
            candidate=CANDIDATE,
            stable_url=f"http://127.0.0.1:{scene.bridge.sink_port}/",
            candidate_url=candidate.url,
            share=100,
        )
    await until(scene, "handler_candidate_share_percent", 100)
    return release.id


async def until(scene: Scene, metric: str, value: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while scene.bridge.metric(f'{metric}{{bridge_id="edge-test"}}') != value:
            await asyncio.sleep(0.05)


async def counted(platform: Postgres, release_id: str, calls: int) -> list[tuple[bool, str | None]]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with platform.platform() as connection:
                rows = await connection.fetch(
                    "select is_candidate, failure from handler_trial where release_id = $1", release_id
                )
            if len(rows) >= calls:
                return [tuple(row) for row in rows]
            await asyncio.sleep(0.05)


async def test_a_call_whose_candidate_dies_goes_back_to_the_candidate(
    scene: Scene, handler: HandlerApp, candidate: HandlerApp, platform: Postgres
) -> None:
    async def die_once(call: HandledCall) -> None:
        if call.event.attempt > 1:
            await serve_to_the_end(call)
            return
        await call.join()

    candidate.behave = die_once
    release = await on_trial(scene, platform, candidate)
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        second = await candidate.call(2)
        await asyncio.wait_for(second.joined.wait(), PATIENCE_S)
    assert second.start["customParameters"]["resumed"] == "true"
    assert await counted(platform, release, 1) == [(True, "lost")]
    assert handler.calls == []


async def test_callers_of_a_broken_candidate_are_served_and_it_takes_no_more_calls(
    scene: Scene, handler: HandlerApp, candidate: HandlerApp, platform: Postgres
) -> None:
    candidate.refusals = [500] * 9
    release = await on_trial(scene, platform, candidate)
    for number in range(1, 4):
        async with Caller(scene.bridge.target, BUSY) as caller:
            assert (await caller.invite()).status == 200
            served = await handler.call(number)
            await asyncio.wait_for(served.joined.wait(), PATIENCE_S)
            assert served.event.attempt == 2
            assert not caller.hung_up.is_set()
    await until(scene, "handler_candidate_returned", 1)
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        assert (await handler.call(4)).event.attempt == 1

    assert await counted(platform, release, 3) == [(True, "refused")] * 3
    connection = await asyncpg.connect(scene.database.owner_url)
    event = await connection.fetchval(
        "select event::text from outbox where type = 'com.alloresto.release.returned' order by id desc"
    )
    await connection.close()
    told = msgspec.json.decode(event)
    assert told["data"]["candidate"] == CANDIDATE
    assert told["data"]["why"].startswith("3 of 3 calls failed (3 refused)")
    await until(scene, "handler_candidate_share_percent", 0)
