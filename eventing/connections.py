"""Waiting for Postgres beside serving: readiness says why, and the first connection ends the wait."""

from __future__ import annotations

import asyncio

import asyncpg

from process import logs
from process.health import Health
from stores.postgres import Postgres, PostgresUnavailableError
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


async def open_when_there(postgres: Postgres, health: Health, name: str = "postgres") -> None:
    """Open ``postgres`` as soon as it can be, however long that takes; until then ``health`` waits for ``name``."""
    health.waiting_for(name, "not connected yet")
    while True:
        try:
            await postgres.open(timeout_s=ROUND_S, waiting=lambda why: health.waiting_for(name, why))
        except PostgresUnavailableError as error:
            log.warning("Postgres is away, still waiting", waited_s=ROUND_S)
            health.waiting_for(name, str(error))
        except asyncpg.PostgresError as error:
            why = f"Postgres: {error}; is the database there? (python -m stores.migrate)"
            health.waiting_for(name, why)
            await asyncio.sleep(PAUSE_S)
        else:
            health.arrived(name)
            return


async def check_redis(redis: Redis) -> None:
    """A readiness check for ``process.health``: raises when Redis does not answer."""
    await redis.ping()
