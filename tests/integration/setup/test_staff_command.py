"""``alloresto staff`` as the operator runs it, on a real Postgres: the first step after an install."""

import pytest

from tests.conftest import Database, Pools
from tests.integration.setup.commands import command

pytestmark = pytest.mark.integration


async def test_a_new_account_is_told_its_password_once_and_one_that_is_there_keeps_its_own(
    database: Database, postgres: Pools
) -> None:
    made = command(database, "staff", "ada@example.com")
    again = command(database, "staff", "ada@example.com")

    assert made.returncode == again.returncode == 0, made.stderr + again.stderr
    assert made.stdout.startswith("ada@example.com is staff; first password: ")
    assert again.stdout == "ada@example.com is staff\n"
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select email, is_platform from app_user")
    assert [tuple(row) for row in rows] == [("ada@example.com", True)]
