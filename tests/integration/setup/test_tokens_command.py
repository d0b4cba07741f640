"""``alloresto tokens`` as the operator runs it, on a real Postgres."""

import uuid

import pytest

from stores import tokens
from stores.postgres import NO_RESTAURANT
from tests.conftest import Database, Pools
from tests.integration.setup.commands import command

pytestmark = pytest.mark.integration


async def test_a_token_is_printed_once_opens_what_it_may_and_is_revoked(database: Database, postgres: Pools) -> None:
    made = command(database, "tokens", "create", "Onboarding", "--scope", "restaurants:create", "--scope", "menu:read")
    token = made.stdout.strip()
    async with postgres.app.tenant(NO_RESTAURANT) as connection:
        bearer = await tokens.use(connection, token)
    assert bearer is not None, made
    listed = command(database, "tokens", "list").stdout

    revoked = command(database, "tokens", "revoke", bearer.id)
    again = command(database, "tokens", "revoke", bearer.id)

    assert (bearer.restaurant_id, bearer.scopes) == (None, frozenset({"restaurants:create", "menu:read"}))
    assert bearer.id in listed and "valid" in listed and token not in listed
    assert (revoked.returncode, revoked.stdout) == (0, "Onboarding opens nothing any more\n")
    assert again.returncode == 1 and "there is no token" in again.stderr
    async with postgres.app.tenant(NO_RESTAURANT) as connection:
        assert await tokens.use(connection, token) is None
    async with postgres.platform.platform() as connection:
        entries = await connection.fetch("select action, actor from audit_log order by id")
    assert [tuple(entry) for entry in entries] == [
        ("tokens.created", "the command line"),
        ("tokens.revoked", "the command line"),
    ]


def test_a_right_that_is_none_and_an_id_that_is_none_are_told(database: Database) -> None:
    unknown = command(database, "tokens", "create", "Onboarding", "--scope", "everything")
    no_token = command(database, "tokens", "revoke", str(uuid.uuid4()))

    assert unknown.returncode == 2 and "everything" in unknown.stderr and "restaurants:create" in unknown.stderr
    assert no_token.returncode == 1 and "there is no token" in no_token.stderr
