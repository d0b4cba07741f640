"""How a small function's process starts and ends: settings, logs, its App, and Postgres beside serving.

Postgres is opened in the background, is in readiness until it answers, and is closed at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import asyncpg
import msgspec

from process import asgi, logs, telemetry
from process.asgi import App
from process.health import Health
from process.settings import Port, load_or_exit
from stores.postgres import Postgres, PostgresUnavailableError

if TYPE_CHECKING:  # redis-py is 145 ms and 22 MB, and the relay and the platform's functions have no Redis
    from stores.redis import Redis

GRACE_S = 28  # an effect may take EFFECT_TIMEOUT_S; Kubernetes kills after 30 s unless told otherwise
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


class ServingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a function listens."""

    port: Port = 8080
    host: str = "0.0.0.0"


class FunctionSettings(ServingSettings, frozen=True, kw_only=True):
    """What a function reads that works for one restaurant at a time."""

    database_url: str
    redis_url: str


class PlatformSettings(ServingSettings, frozen=True, kw_only=True):
    """What a function reads that works for the platform, across restaurants."""

    platform_database_url: str


S = TypeVar("S", bound=ServingSettings)


def run(name: str, kind: type[S], build: Callable[[S], App]) -> None:
    """Serve ``build(settings)`` until SIGTERM. A missing setting ends the process with status 2 and its name."""
    settings = load_or_exit(kind)
    logs.configure(name)
    telemetry.configure(name)
    asgi.run(build(settings), settings.host, settings.port, grace_s=GRACE_S)


def hold_open(app: App, postgres: Postgres, part: str = "postgres") -> None:
    """Give ``app`` its Postgres for as long as it serves; ``part`` is its name in readiness.

    Serving does not wait for it: who asks before Postgres is there gets PostgresUnavailableError, and readiness
    says why.
    """
    opening: asyncio.Task[None] | None = None
    app.health.waiting_for(part, "not connected yet")

    async def open_then_check() -> None:
        await open_when_there(postgres, app.health, part)
        app.health.add(part, postgres.check)  # not before: readiness would tell its failure, and not the cause

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


async def open_when_there(postgres: Postgres, health: Health, part: str = "postgres") -> None:
    """Return once ``postgres`` is open, however long that takes; ``health`` waits for it and says why."""
    while True:
        try:
            await postgres.open(timeout_s=ROUND_S, waiting=lambda why: health.waiting_for(part, why))
        except PostgresUnavailableError as error:
            log.warning("Postgres is away, still waiting", waited_s=ROUND_S)
            health.waiting_for(part, str(error))
        except ValueError as error:  # its text may quote the password
            log.error("Postgres can't be opened: its URL is malformed", failure=type(error).__name__)
            health.waiting_for(part, "the Postgres URL is malformed; percent-encode what is special in its password")
            await asyncio.sleep(ROUND_S)  # it stays so until an operator restarts this with another
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            health.waiting_for(part, f"Postgres: {error}; is the database there? (python -m stores.migrate)")
            await asyncio.sleep(PAUSE_S)
        else:
            health.arrived(part)
            return


async def check_redis(redis: Redis) -> None:
    """A readiness check for ``process.health``: raises when Redis does not answer."""
    await redis.ping()
