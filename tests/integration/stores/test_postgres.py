"""The pool: it waits for a server that is away, goes on after a restart, and lends clean transactions."""

import asyncio
import os
import signal
from typing import Any

import pytest

from devstack.servers.embedded import EmbeddedPostgres
from process.health import Health
from stores.migrate import migrate
from stores.postgres import Postgres, PostgresUnavailableError, connect
from tests.integration.stores.samples import new_id
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def _migrated(server: EmbeddedPostgres) -> Postgres:
    await migrate(server.url(), app_password=server.password("alloresto_app"))
    return Postgres(server.url("alloresto_app"))


async def _until_away(postgres: Postgres) -> None:
    """A backend outlives its postmaster by a moment, and answers."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await postgres.check()
            except OSError:
                return


async def test_a_pool_goes_on_after_postgres_was_killed_and_started_again(own_server: EmbeddedPostgres) -> None:
    postgres = await _migrated(own_server)
    await postgres.open()
    # A server of the tests commits asynchronously: what it has not flushed dies with it, the role's password too.
    admin = await connect(own_server.url())
    await admin.execute("checkpoint")
    await admin.close()
    assert own_server.pid is not None
    os.kill(own_server.pid, signal.SIGKILL)
    while own_server.running:
        await asyncio.sleep(0.01)

    await _until_away(postgres)
    own_server.start()

    async with postgres.tenant(new_id()) as conn:
        assert await conn.fetchval("select 1") == 1
    await postgres.close()


async def test_opening_waits_for_a_server_that_comes_later_and_says_so(own_server: EmbeddedPostgres) -> None:
    postgres = await _migrated(own_server)
    own_server.stop()
    why: list[str] = []

    opening = asyncio.create_task(postgres.open(timeout_s=20, waiting=why.append))
    while not why:
        await asyncio.sleep(0.01)
    own_server.start()
    await opening

    await postgres.check()
    assert why[0].startswith("Postgres takes no connection")
    await postgres.close()


async def test_readiness_names_a_database_that_is_not_open_yet(database: Any) -> None:
    postgres = Postgres(database.app_url)
    health = Health("test")
    health.add("postgres", postgres.check)

    before = await health.missing()
    await postgres.open()
    after = await health.missing()
    await postgres.close()

    assert "not opened" in before["postgres"]
    assert after == {}


async def test_opening_gives_up_at_the_deadline(database: Any) -> None:
    with pytest.raises(PostgresUnavailableError):
        await Postgres(database.app_url.replace("alloresto_app:", "alloresto_app:wrong")).open(timeout_s=0.2)


async def test_a_cancelled_transaction_leaves_nothing_behind_for_the_next(postgres: Any) -> None:
    first, second = new_id(), new_id()
    begun = asyncio.Event()

    async def be_cancelled() -> None:
        async with postgres.app.tenant(first) as conn:
            begun.set()
            await conn.execute("select pg_sleep(30)")

    tasks = [asyncio.create_task(be_cancelled()) for _ in range(4)]
    await begun.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=10)

    for _ in range(8):
        async with postgres.app.tenant(second) as conn:
            assert await conn.fetchval("select current_restaurant()") == second


async def test_uuids_are_text_and_json_is_json(postgres: Any) -> None:
    one = new_id()

    async with postgres.platform.platform() as conn:
        row = await conn.fetchrow(
            "select $1::uuid as id, $2::jsonb as json, array[$1::uuid] as ids", one, {"é": [1, None]}
        )

    assert (row["id"], row["json"], row["ids"]) == (one, {"é": [1, None]}, [one])
