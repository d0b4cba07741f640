"""What the pages ask Postgres and Redis through, from a thread."""

import asyncio
import gc
import os

import pytest

from devstack.servers.ports import free_port
from stores.postgres import NO_RESTAURANT, Connection
from tests.integration.web.admin import Admin
from web import metrics
from web.database import STATEMENTS_AT_ONCE, Database

pytestmark = pytest.mark.integration


async def _ping(connection: Connection) -> int:
    answer: int = await connection.fetchval("select 1")
    return answer


def test_a_database_that_was_closed_leaves_no_descriptor_open_and_can_be_asked_anew(admin: Admin) -> None:
    database = Database(admin.settings())
    open_after: list[int] = []

    gc.collect()
    for _ in range(3):
        assert database.tenant(NO_RESTAURANT, _ping) == 1
        database.close()
        open_after.append(len(os.listdir("/proc/self/fd")))

    # What is opened once, at the first use, is not counted; what an earlier test left may still be closed meanwhile.
    assert max(open_after[1:]) <= open_after[0], open_after


async def _where(connection: Connection) -> str:
    name: str = await connection.fetchval("select current_database()")
    return name


def test_figures_are_read_in_the_analytics_database_and_in_the_first_one_while_that_is_away(admin: Admin) -> None:
    first = admin.database.app_url
    other = first.rpartition("/")[0] + "/postgres"
    away = f"postgresql://alloresto_app:x@127.0.0.1:{free_port()}/postgres"
    found = []
    before = metrics.analytics_fallbacks_total._value.get()
    for url in ("", other, away):
        database = Database(admin.settings(analytics_database_url=url, web_database_timeout_s=2.0))
        found.append([database.analytics(NO_RESTAURANT, _where) for _ in range(2)])
        database.close()

    own = admin.database.name
    assert found == [[own, own], ["postgres", "postgres"], [own, own]]
    assert metrics.analytics_fallbacks_total._value.get() == before + 1  # it is left alone for a while after that


async def _by_whom(connection: Connection) -> int:
    pid: int = await connection.fetchval("select pg_backend_pid() from pg_sleep(0.02)")
    return pid


async def test_what_the_loop_asks_at_once_shares_few_connections_which_stay_warm(admin: Admin) -> None:
    database = Database(admin.settings())
    database.use(asyncio.get_running_loop())
    try:
        asked = await asyncio.gather(*(database.statement(_by_whom) for _ in range(12)))
    finally:
        await database.aclose()

    assert len(set(asked)) <= STATEMENTS_AT_ONCE
