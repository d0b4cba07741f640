"""A region is lost with database, Redis and bridge; the other one's replica is promoted and takes its lines.

No part of ours copies data: PostgreSQL does. What is tried is that the standby waits while its database is read-only,
and does by itself what has to be done once it is not.
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.sip_registrar import SipRegistrar
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port
from devstack.servers.replica import EmbeddedReplica
from functions.line_assigner import assign
from softphone.caller import Caller
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres
from stores.redis import RedisError, connect
from tests.integration.edge_bridge.conftest import restaurant

pytestmark = pytest.mark.integration

MASTER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OWNER = restaurant("Chez Margot")
WITHIN_S = 60.0
RECOVERED_WITHIN_S = 75.0  # 30 s without a heartbeat are most of it


class Region:
    """A database, a Redis, a bridge and the function that gives lines to bridges, asked every two seconds."""

    def __init__(self, folder: Path, name: str, database: EmbeddedPostgres) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.database = database
        self.redis = EmbeddedValkey(folder / "valkey", durable=False)
        self.redis.start()
        url = database.url("alloresto_platform")
        bridge = BridgeProcess(folder, url, self.redis.url(), MASTER_KEY, free_port(), BRIDGE_NODE_ID=f"edge-{name}")
        self.bridge = bridge.start(wait=False)

    async def assign_lines(self) -> None:
        """Until cancelled. Failing is what it does on a read-only database."""
        postgres, redis = Postgres(self.database.url("alloresto_platform"), max_size=1), connect(self.redis.url())
        try:
            await postgres.open()
            while True:
                with contextlib.suppress(asyncpg.PostgresError, OSError, RedisError):
                    await assign(postgres, redis)
                await asyncio.sleep(2.0)
        finally:
            await redis.aclose()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(postgres.close(), 5.0)

    def lose(self) -> None:
        """Everything of it at once, without a good-bye."""
        assert self.bridge.process is not None
        self.bridge.kill([self.bridge.process.pid, *self.bridge.processes()])
        for server in (self.redis, self.database):
            assert server.pid is not None
            self.bridge.kill([server.pid])

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.bridge.stop(signal.SIGKILL)
        self.redis.stop()
        self.database.stop()


async def eventually(look: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def assigning(region: Region) -> AsyncIterator[None]:
    task = asyncio.create_task(region.assign_lines())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def write_line(database: EmbeddedPostgres, trunk: SipRegistrar) -> str:
    await migrate(
        database.url(),
        app_password=database.password("alloresto_app"),
        platform_password=database.password("alloresto_platform"),
    )
    postgres = Postgres(database.url("alloresto_platform"), max_size=1)
    await postgres.open()
    async with postgres.platform() as connection:
        await restaurants.create(connection, OWNER)
        line = await lines.create(
            connection,
            restaurant_id=OWNER.id,
            number="+33465710042",
            cipher=SipPasswordCipher(MASTER_KEY),
            sip_domain=trunk.domain,
            sip_username="margot",
            sip_password="secret",
        )
    await postgres.close()
    return line.id


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[list[Region]]:
    tmp_path.chmod(0o755)
    started: list[Region] = []
    yield started
    for region in started:
        region.stop()


async def test_a_lost_regions_lines_ring_in_the_other_one(
    regions: list[Region], tmp_path: Path, open_folder: Path
) -> None:
    primary = EmbeddedPostgres(open_folder / "home")
    primary.start()
    async with SipRegistrar({"margot": "secret"}) as trunk:
        line = await write_line(primary, trunk)
        replica = EmbeddedReplica(open_folder / "away", primary)
        replica.start()
        home, away = Region(tmp_path / "region-a", "home", primary), Region(tmp_path / "region-b", "away", replica)
        regions += [home, away]
        async with assigning(home), assigning(away):
            await eventually(lambda: "margot" in trunk.bindings, "the home region does not register its line")
            assert str(home.bridge.sip_port) in trunk.bindings["margot"]
            await eventually(lambda: set(away.bridge.missing() or ()) >= {"lines"}, "a standby is ready")
            await eventually(lambda: "sip" not in (away.bridge.missing() or {"sip": ""}), "a standby does not start")
            async with Caller(away.bridge.target, line) as caller:
                assert (await caller.invite()).status == 503, "a standby takes a call"
            await read_elsewhere(replica)

            home.lose()
            lost = time.monotonic()
            connection = await asyncpg.connect(replica.url(database="postgres"))
            assert await connection.fetchval("select pg_promote()")
            await connection.close()
            promoted_s = time.monotonic() - lost
            await asyncio.to_thread(away.bridge.wait_ready)
            ready_s = time.monotonic() - lost
            here = str(away.bridge.sip_port)
            await eventually(lambda: here in trunk.bindings["margot"], "the line stays away", RECOVERED_WITHIN_S)
            registered_s = time.monotonic() - lost
            async with Caller(away.bridge.target, line) as caller:
                answer = await caller.invite()
                assert answer.status == 200, answer
                await caller.rtp.wait_for_voice(0.0, WITHIN_S)
            heard_s = time.monotonic() - lost
            took = {"promoted": promoted_s, "ready": ready_s, "registered": registered_s, "heard": heard_s}
            print(json.dumps({name: round(seconds, 1) for name, seconds in took.items()}))
            assert heard_s < RECOVERED_WITHIN_S


async def read_elsewhere(replica: EmbeddedPostgres) -> None:
    """A restaurant's rows are read from the replica, under the same row-level security, and written nowhere."""
    connection = await asyncpg.connect(replica.url("alloresto_app"))
    try:
        async with connection.transaction():
            assert await connection.fetchval("select count(*) from phone_line") == 0, "of no restaurant: nothing"
            await connection.execute("select set_config('app.restaurant_id', $1, true)", OWNER.id)
            assert await connection.fetchval("select count(*) from phone_line") == 1
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("create temporary table t (a int); delete from phone_line")
    finally:
        await connection.close()
