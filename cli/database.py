"""The platform's database, for the commands that work on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import typer

if TYPE_CHECKING:
    from stores.postgres import Connection

T = TypeVar("T")


class DatabaseSettings(msgspec.Struct, frozen=True):
    platform_database_url: str


def use_running(state_dir: Path) -> None:
    """Where the environment names no database, work on that of the stack that runs from ``state_dir``. Ends with one
    line where there is neither."""
    if os.environ.get("PLATFORM_DATABASE_URL"):
        return
    from devstack.stack import credentials
    from devstack.stack.running import read_running

    running = read_running(state_dir)
    if running is None or not running.platform_database_url:
        raise refusal("PLATFORM_DATABASE_URL: not set, and nothing runs here; start it with  make up")
    os.environ["PLATFORM_DATABASE_URL"] = running.platform_database_url
    os.environ["MASTER_KEY"] = credentials.load_or_make(state_dir / credentials.FILE).master_key


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
