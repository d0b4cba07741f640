"""The platform's database, for the commands that work on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
import typer

if TYPE_CHECKING:
    from stores.postgres import Connection

T = TypeVar("T")


class DatabaseSettings(msgspec.Struct, frozen=True):
    platform_database_url: str


def with_postgres(work: Callable[[Connection], Awaitable[T]]) -> T:
    """``work`` in a transaction of the platform role. Ends with one line where there is no database."""
    from process.settings import load_or_exit
    from stores.postgres import Postgres, PostgresUnavailableError, WrongRoleError

    url = load_or_exit(DatabaseSettings).platform_database_url

    async def run() -> T:
        postgres = Postgres(url, max_size=1)
        await postgres.open(timeout_s=10.0)
        try:
            async with postgres.platform() as connection:
                return await work(connection)
        finally:
            await postgres.close()

    try:
        return asyncio.run(run())
    except (PostgresUnavailableError, WrongRoleError) as error:
        raise refusal(str(error)) from None


def refusal(why: str) -> typer.Exit:
    typer.echo(f"error: {why}", err=True)
    return typer.Exit(1)
