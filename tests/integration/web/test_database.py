"""What the pages ask Postgres and Redis through, from a thread."""

import os

import pytest

from stores.postgres import NO_RESTAURANT, Connection
from tests.integration.web.admin import Admin
from web.database import Database

pytestmark = pytest.mark.integration


async def _ping(connection: Connection) -> int:
    answer: int = await connection.fetchval("select 1")
    return answer


def test_a_database_that_was_closed_leaves_no_descriptor_open_and_can_be_asked_anew(admin: Admin) -> None:
    database = Database(admin.settings())
    open_after: list[int] = []

    for _ in range(3):
        assert database.tenant(NO_RESTAURANT, _ping) == 1
        database.close()
        open_after.append(len(os.listdir("/proc/self/fd")))

    assert open_after == [open_after[0]] * 3  # what is opened once, at the first use, is not counted
