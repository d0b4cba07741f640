"""A release of the call handler: what is counted, and when the candidate is taken back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.trials import Tally
from stores import releases
from stores.errors import NotFoundError
from stores.postgres import Connection, Postgres
from tests.conftest import Database

pytestmark = pytest.mark.integration


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[Postgres]:
    postgres = Postgres(database.platform_url)
    await postgres.open()
    yield postgres
    async with postgres.platform() as connection:
        await connection.execute("update handler_release set state = 'withdrawn', share = 0")
    await postgres.close()


async def on_trial(connection: Connection) -> releases.Release:
    return await releases.begin(
        connection,
        stable="call-handler-00001",
        candidate="call-handler-00002",
        stable_url="http://r00001-call-handler.alloresto.svc.cluster.local",
        candidate_url="http://r00002-call-handler.alloresto.svc.cluster.local",
        share=5,
    )


async def test_a_candidate_that_fails_its_calls_is_taken_back_by_the_failure_that_proves_it(postgres: Postgres) -> None:
    async with postgres.platform() as connection:
        release = await on_trial(connection)
        told = [
            await releases.count(connection, release.id, f"call-{number}", is_candidate=True, failure="refused")
            for number in range(3)
        ]
        found = await releases.latest(connection)

    assert told == [False, False, True]
    assert found is not None
    assert (found.state, found.share) == ("returned", 0)
    assert found.why == "3 of 3 calls failed (3 refused), of the stable Revision's 0 of 0"


async def test_a_call_counts_once_and_its_failure_stays(postgres: Postgres) -> None:
    async with postgres.platform() as connection:
        release = await on_trial(connection)
        for failure in ("lost", None, "silence"):
            await releases.count(connection, release.id, "call-1", is_candidate=True, failure=failure)
        await releases.count(connection, release.id, "call-2", is_candidate=False, failure=None)
        tallies = await releases.tally(connection, release.id)

    assert tallies == releases.Tallies(stable=Tally(1, 0), candidate=Tally(1, 1))


async def test_two_bridges_that_see_failures_at_once_take_it_back_between_them_once(postgres: Postgres) -> None:
    async with postgres.platform() as connection:
        release = await on_trial(connection)
        await releases.count(connection, release.id, "call-1", is_candidate=True, failure="lost")

    async def fail(call_id: str) -> bool:
        async with postgres.platform() as connection:
            return await releases.count(connection, release.id, call_id, is_candidate=True, failure="lost")

    assert sorted(await asyncio.gather(*(fail(f"call-{number}") for number in range(2, 6)))) == [False] * 3 + [True]


async def test_there_is_one_trial_at_a_time_and_a_returned_one_is_withdrawn(postgres: Postgres) -> None:
    async with postgres.platform() as connection:
        release = await on_trial(connection)
        with pytest.raises(releases.OnTrialError):
            async with connection.transaction():
                await on_trial(connection)
        assert (await releases.set_share(connection, 50)).share == 50
        for number in range(3):
            await releases.count(connection, release.id, f"call-{number}", is_candidate=True, failure="lost")
        with pytest.raises(NotFoundError):
            await releases.settle(connection, "promoted")
        assert (await releases.settle(connection, "withdrawn")).state == "withdrawn"
        with pytest.raises(NotFoundError):
            await releases.set_share(connection, 5)
        again = await on_trial(connection)
        assert (await releases.settle(connection, "promoted")).id == again.id
