"""The relay as a process, with servers that come and go, and a real function behind it."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp import web

from devstack.servers.embedded import EmbeddedPostgres
from eventing import outbox
from eventing.catalogue import FaqChanged
from eventing.cloudevents import parse
from stores.postgres import Postgres
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, Run, StartFunction, answering_posts
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Broker = tuple[str, list[str]]  # its address, and the ids of the events that it has taken


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    received: list[str] = []

    async def take(request: web.Request) -> web.Response:
        received.append(parse(request.headers, await request.read()).id)
        return web.Response(status=202)

    async with answering_posts("/", take) as server:
        yield str(server.make_url("/")), received


async def write(server: EmbeddedPostgres, restaurant_id: str, count: int) -> list[str]:
    postgres = Postgres(server.url("alloresto_app"))
    await postgres.open()
    ids = []
    for _ in range(count):
        async with postgres.tenant(restaurant_id) as connection:
            ids.append((await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/test")).id)
    await postgres.close()
    return ids


async def test_the_relay_survives_a_restart_of_postgres_and_ends_on_sigterm(
    run: Run, broker: Broker, own_server: EmbeddedPostgres, eventually: Eventually
) -> None:
    url, received = broker
    restaurant_id = str(uuid.uuid4())
    owner = await asyncpg.connect(own_server.url())
    await owner.execute(
        "insert into restaurant (id, name, language, currency, zone) values ($1, 'L', 'fr', 'EUR', 'UTC')",
        restaurant_id,
    )
    await owner.close()

    async def all_received() -> bool:
        return set(written) <= set(received)

    async with run("eventing.relay", PLATFORM_DATABASE_URL=own_server.url("alloresto_platform"), K_SINK=url) as relay:
        written = await write(own_server, restaurant_id, 3)
        await eventually(all_received)

        own_server.stop()
        status, said = await relay.readiness()
        assert (status, set(said["missing"])) == (503, {"postgres"})
        own_server.start()
        written += await write(own_server, restaurant_id, 3)
        await eventually(all_received)

        async def is_ready() -> bool:
            return (await relay.readiness())[0] == 200

        await eventually(is_ready)
        relay.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(relay.process.wait, 8)
        assert status in (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was sent, once it has cleaned up


async def test_a_relay_without_a_sink_waits_and_the_one_that_is_bound_publishes_at_once(
    run: Run, broker: Broker, postgres: Pools, database: Database, restaurant_id: str, eventually: Eventually
) -> None:
    url, received = broker
    async with postgres.app.tenant(restaurant_id) as connection:
        event = await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/test")

    async with run("eventing.relay", ready=False, PLATFORM_DATABASE_URL=database.platform_url) as unbound:
        status, said = await unbound.readiness()
        assert (status, set(said["missing"])) == (503, {"sink"})
        assert unbound.process.poll() is None
        async with run("eventing.relay", PLATFORM_DATABASE_URL=database.platform_url, K_SINK=url):

            async def is_received() -> bool:
                return event.id in received

            async with asyncio.timeout(PATIENCE_S):
                await eventually(is_received)
        unbound.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(unbound.process.wait, 5) in (0, -signal.SIGTERM)


async def test_an_order_events_way_from_the_outbox_to_its_effect(
    run: Run, function: StartFunction, postgres: Pools, database: Database, restaurant_id: str, eventually: Eventually
) -> None:
    """The relay POSTs to a function as to a broker, which answers with a reply: any 2xx means taken."""
    async with (
        function("cache_invalidator") as invalidator,
        run("eventing.relay", PLATFORM_DATABASE_URL=database.platform_url, K_SINK=invalidator.url),
    ):
        async with postgres.app.tenant(restaurant_id) as connection:
            event = await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/test")

        async def is_processed() -> object:
            async with postgres.app.tenant(restaurant_id) as connection:
                return await connection.fetchval("select 1 from processed_event where event_id = $1", event.id)

        await eventually(is_processed)
