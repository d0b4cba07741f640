"""Opening a pool: what may pass is waited for."""

import asyncpg
import pytest

from stores import postgres
from stores.postgres import PostgresUnavailableError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "cut",
    [
        asyncpg.InternalClientError("got result for unknown protocol state"),
        asyncpg.ConnectionDoesNotExistError("closed"),
    ],
)
async def test_a_connection_that_is_cut_while_it_is_made_is_made_again(cut: Exception) -> None:
    """asyncpg's confusion, when Postgres dies between two steps of the protocol, must not end whoever opens a pool."""
    tried = 0

    async def attempt() -> str:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise cut
        return "open"

    assert await postgres._until_connected(attempt, 5.0, None) == "open"

    tried = 0
    with pytest.raises(PostgresUnavailableError):
        await postgres._until_connected(attempt, 0.0, None)
