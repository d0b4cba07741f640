"""The relay as a process, with servers that come and go, and a real function behind it."""

import asyncio
import signal
import uuid

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eventing import outbox
from eventing.catalogue import FaqChanged
from eventing.cloudevents import parse
from local.embedded import EmbeddedPostgres
from stores.migrate import migrate
from stores.postgres import Postgres

pytestmark = pytest.mark.integration


@pytest.fixture
async def broker():
    received = []

    async def take(request):
        received.append(parse(request.headers, await request.read()).id)
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/", take)
    server = TestServer(application)
    await server.start_server()
    yield str(server.make_url("/")), received
    await server.close()


@pytest.fixture
async def own_server(tmp_path_factory):
    """A Postgres that this test may restart."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("own") / "postgres", durable=False)
    server.start()
    passwords = {
        "app_password": server.password("alloresto_app"),
        "platform_password": server.password("alloresto_platform"),
    }
    await migrate(server.url(), **passwords)
    yield server
    server.stop()


async def write(server, restaurant_id, count):
    postgres = Postgres(server.url("alloresto_app"))
    await postgres.open()
    ids = []
    for _ in range(count):
        async with postgres.tenant(restaurant_id) as connection:
            ids.append((await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/test")).id)
    await postgres.close()
    return ids


async def test_the_relay_survives_a_restart_of_postgres_and_ends_on_sigterm(run, broker, own_server, eventually):
    url, received = broker
    restaurant_id = str(uuid.uuid4())
    owner = await asyncpg.connect(own_server.url())
    await owner.execute(
        "insert into restaurant (id, name, language, currency, zone) values ($1, 'L', 'fr', 'EUR', 'UTC')",
        restaurant_id,
    )
    await owner.close()

    async def all_received():
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

        async def is_ready():
            return (await relay.readiness())[0] == 200

        await eventually(is_ready)
        relay.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(relay.process.wait, 8)
        assert status in (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was sent, once it has cleaned up


async def test_an_order_events_way_from_the_outbox_to_its_effect(
    run, function, postgres, database, restaurant_id, eventually
):
    """The relay POSTs to a function as to a broker, which answers with a reply: any 2xx means taken."""
    async with (
        function("cache_invalidator") as invalidator,
        run("eventing.relay", PLATFORM_DATABASE_URL=database.platform_url, K_SINK=invalidator.url),
    ):
        async with postgres.app.tenant(restaurant_id) as connection:
            event = await outbox.emit(connection, FaqChanged(restaurant_id=restaurant_id), source="/test")

        async def is_processed():
            async with postgres.app.tenant(restaurant_id) as connection:
                return await connection.fetchval("select 1 from processed_event where event_id = $1", event.id)

        await eventually(is_processed)
