"""Postgres beside serving: opened in the background, in readiness until it answers, closed at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from process import logs
from process.asgi import App
from process.health import Health
from stores.postgres import Postgres, PostgresUnavailableError

if TYPE_CHECKING:  # redis-py is 145 ms and 22 MB, and the relay and the platform's functions have no Redis
    from stores.redis import Redis

ROUND_S = 30.0
PAUSE_S = 2.0

# Failures of Postgres that pass by themselves: it is away, starting, out of room, or let another transaction win.
TRANSIENT = (
    OSError,  # and with it TimeoutError and PostgresUnavailableError
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
)

log = logs.get(__name__)


def hold_open(app: App, postgres: Postgres) -> None:
    """Give ``app`` its Postgres for as long as it serves.

    Serving does not wait for it: who asks before Postgres is there gets PostgresUnavailableError, and readiness
    says why.
    """
    opening: asyncio.Task[None] | None = None
    app.health.waiting_for("postgres", "not connected yet")

    async def open_then_check() -> None:
        await open_when_there(postgres, app.health)
        app.health.add("postgres", postgres.check)  # not before: readiness would tell its failure, and not the cause

    async def start() -> None:
        nonlocal opening
        opening = asyncio.create_task(open_then_check())

    async def stop() -> None:
        app.health.draining = True
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await postgres.close()

    app.startup.append(start)
    app.shutdown.append(stop)


async def open_when_there(postgres: Postgres, health: Health) -> None:
    """Return once ``postgres`` is open, however long that takes; ``health`` waits for it and says why."""
    while True:
        try:
            await postgres.open(timeout_s=ROUND_S, waiting=lambda why: health.waiting_for("postgres", why))
        except PostgresUnavailableError as error:
            log.warning("Postgres is away, still waiting", waited_s=ROUND_S)
            health.waiting_for("postgres", str(error))
        except ValueError as error:  # its text may quote the password
            log.error("Postgres can't be opened: its URL is malformed", failure=type(error).__name__)
            health.waiting_for(
                "postgres", "the Postgres URL is malformed; percent-encode what is special in its password"
            )
            await asyncio.sleep(ROUND_S)  # it stays so until an operator restarts this with another
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            health.waiting_for("postgres", f"Postgres: {error}; is the database there? (python -m stores.migrate)")
            await asyncio.sleep(PAUSE_S)
        else:
            health.arrived("postgres")
            return


async def check_redis(redis: Redis) -> None:
    """A readiness check for ``process.health``: raises when Redis does not answer."""
    await redis.ping()
