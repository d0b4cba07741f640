import asyncio
import contextlib
from datetime import UTC, datetime

import asyncpg
import pytest

from stores import partitions
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run
from tests.patience import PATIENCE_S
from tests.shifted import clock

pytestmark = pytest.mark.integration

TABLES = ("order", "order_item", "call_log")


async def names(postgres: Pools) -> set[str]:
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select relname from pg_class where relispartition and relkind = 'r'")
    return {row["relname"] for row in rows}


async def drop(database: Database, partition: str) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(f'drop table "{partition}"')
    await owner.close()


@pytest.fixture
async def months(within_one_day: None, postgres: Pools) -> list[str]:
    """The months that need partitions now. They have them, even if the template is of the month before."""
    today = datetime.now(UTC).date()
    async with postgres.platform.platform() as connection:
        await partitions.ensure(connection, today, partitions.MONTHS)
    numbers = [today.year * 12 + today.month - 1 + ahead for ahead in range(partitions.MONTHS)]
    return [f"{number // 12:04d}_{number % 12 + 1:02d}" for number in numbers]


async def test_a_tick_makes_the_partitions_that_are_missing_once(
    run: Run, database: Database, postgres: Pools, months: list[str]
) -> None:
    expected = {f"{table}_{month}" for table in TABLES for month in months}
    missing = {f"{table}_{months[-1]}" for table in ("order_item", "call_log")}
    for partition in missing:
        await drop(database, partition)
    assert expected - await names(postgres) == missing
    async with run("functions", "archiver", PLATFORM_DATABASE_URL=database.platform_url) as archiver:
        assert [await archiver.tick("partitions-due") for _ in range(2)] == [(204, {}), (204, {})]
        assert await archiver.metric("partitions_made_total") == 2
        async with archiver.session.post(archiver.url + "partitions-due", data=b"{}") as answer:
            assert answer.status == 400, "no tick"

    assert expected <= await names(postgres)


@clock.needs_postgres_timeouts
async def test_a_table_that_is_in_use_is_left_for_the_next_try_and_orders_do_not_wait_behind_it(
    run: Run, database: Database, postgres: Pools, months: list[str]
) -> None:
    await drop(database, f"call_log_{months[-1]}")
    async with (
        run("functions", "archiver", PLATFORM_DATABASE_URL=database.platform_url) as archiver,
        contextlib.AsyncExitStack() as held,
    ):
        connection = await held.enter_async_context(postgres.platform.platform())
        await connection.execute("lock table call_log in share mode")
        async with asyncio.timeout(PATIENCE_S):
            status, problem = await archiver.tick("partitions-due")
        await held.aclose()
        again, _ = await archiver.tick("partitions-due")

    assert (status, "LockNotAvailableError" in problem["detail"], again) == (503, True, 204)
