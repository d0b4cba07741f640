"""One pool of connections to Postgres, lent a transaction at a time.

``tenant(restaurant_id)`` lends a transaction that sees one restaurant, on the role ``alloresto_app``;
``platform()`` one that sees all, on the role ``alloresto_platform``. Each refuses the other's role: a wrong URL is
an error at once and not a page without rows, or with everybody's.

Values: uuid is str, jsonb is whatever JSON it holds, timestamptz is an aware datetime in UTC.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import asyncpg
import msgspec

CONNECT_TIMEOUT_S = 5.0
ACQUIRE_TIMEOUT_S = 10.0  # for a connection of the pool: longer, and it is the pool that is too small
COMMAND_TIMEOUT_S = 30.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
IDLE_LIFETIME_S = 300.0
# For tenant(): a transaction on the app role that sees no restaurant's rows. As an id, it is before all others.
NO_RESTAURANT = "00000000-0000-0000-0000-000000000000"

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

# What a server that is away, starting or not yet migrated answers. Waiting may help.
_MAY_PASS = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)

# What a connection that the server cut can come to, by the moment. The last is asyncpg's own confusion when it is
# cut between two protocol steps. One error for all of them, so that nobody forgets one.
_CUT = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)

# Whatever Postgres, or the way to it, comes up with: for loops that go on without it and try again.
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

T = TypeVar("T")


class PostgresUnavailableError(ConnectionError):
    """Postgres takes no connection, or has cut this one. The message says why."""


class WrongRoleError(RuntimeError):
    """The URL's role can't lend this kind of transaction. The message names the setting to correct."""


async def connect(
    url: str, *, timeout_s: float = 30.0, waiting: Callable[[str], None] | None = None
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of its own (LISTEN, migrations), with the codecs of this module.

    Tries again with a growing pause until ``timeout_s``, telling ``waiting`` why each time; then raises
    PostgresUnavailableError. A missing database (InvalidCatalogNameError) is raised at once.
    """

    async def attempt() -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S)
        await _set_codecs(connection)
        return connection

    return await _until_connected(attempt, timeout_s, waiting)


async def _until_connected(
    attempt: Callable[[], Awaitable[T]], timeout_s: float, waiting: Callable[[str], None] | None
) -> T:
    deadline = time.monotonic() + timeout_s
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except (*_MAY_PASS, *_CUT) as error:
            why = f"Postgres takes no connection: {error or type(error).__name__}"
            if time.monotonic() + pause > deadline:
                raise PostgresUnavailableError(why) from error
            if waiting is not None:
                waiting(why)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def _set_codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",  # the wire format's version, then the text
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda value: msgspec.json.decode(value[1:]),
    )
    await connection.set_type_codec("uuid", schema="pg_catalog", format="text", encoder=str, decoder=str)


def _is_gone(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # closed, it has left its pool, and answers no question any more
        return True


async def _reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    # Nothing outlives a transaction here, so the usual four RESET statements would only cost a round trip.
    if connection.is_in_transaction():
        await connection.reset()


class ReadingPostgres(Protocol):
    """As much of ``Postgres`` as the cache needs; a call handler's connects when it is first asked."""

    def reading(self, restaurant_id: str) -> contextlib.AbstractAsyncContextManager[Connection]: ...


class Postgres:
    """A pool for one role. ``open()`` before use, ``close()`` after; not shared between event loops."""

    def __init__(self, url: str, *, min_size: int = 1, max_size: int = 4) -> None:
        self._url = url
        self._min_size = min_size
        self._max_size = max_size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._role_known = False
        self._is_platform = False
        self._sees_everything = False

    async def open(self, *, timeout_s: float = 30.0, waiting: Callable[[str], None] | None = None) -> None:
        """Connect; try again with a growing pause until the deadline, telling ``waiting`` why.

        Raises PostgresUnavailableError.
        """
        if self._pool is not None:
            return
        self._pool = await _until_connected(self._make_pool, timeout_s, waiting)

    async def _make_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        pool = asyncpg.create_pool(
            self._url,
            min_size=self._min_size,
            max_size=self._max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            max_inactive_connection_lifetime=IDLE_LIFETIME_S,
            init=self._greet,
            reset=_reset,
        )
        return await pool

    async def _greet(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await _set_codecs(connection)
        if self._role_known:
            return
        row = await connection.fetchrow(
            "select pg_has_role('alloresto_platform', 'usage') as platform, rolsuper or rolbypassrls as bypass"
            " from pg_roles where rolname = current_user"
        )
        assert row is not None
        self._role_known = True
        self._is_platform = row["platform"]
        self._sees_everything = row["platform"] or row["bypass"]

    async def close(self) -> None:
        """Wait for lent connections, at most COMMAND_TIMEOUT_S, then close them all. Safe to call again."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), COMMAND_TIMEOUT_S)
        except TimeoutError:
            pool.terminate()

    async def check(self) -> None:
        """A readiness check for ``process.health``: raises when Postgres does not answer."""
        async with self._transaction() as connection:
            await connection.execute("select 1")

    @contextlib.asynccontextmanager
    async def tenant(self, restaurant_id: str) -> AsyncIterator[Connection]:
        """A transaction that sees this restaurant only.

        Raises ValueError for an id that is no UUID, WrongRoleError, TimeoutError when no connection gets free.
        """
        if self._sees_everything:
            raise WrongRoleError("this role sees every restaurant; use DATABASE_URL (role alloresto_app) for tenant()")
        try:
            tenant = str(uuid.UUID(restaurant_id))
        except ValueError:
            raise ValueError("restaurant_id: not a UUID") from None
        async with self._transaction() as connection:
            await connection.execute("select set_config('app.restaurant_id', $1, true)", tenant)
            yield connection

    @contextlib.asynccontextmanager
    async def platform(self) -> AsyncIterator[Connection]:
        """A transaction that sees every restaurant. Raises WrongRoleError, TimeoutError."""
        if self._pool is not None and not self._is_platform:
            raise WrongRoleError("this role sees one restaurant; use PLATFORM_DATABASE_URL for platform()")
        async with self._transaction() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def reading(self, restaurant_id: str) -> AsyncIterator[Connection]:
        """A transaction that sees at least this restaurant, on either role: for queries that name it themselves."""
        lend = self.platform() if self._sees_everything else self.tenant(restaurant_id)
        async with lend as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """No transaction: each statement is its own, and sees no restaurant's rows but by a function that names one."""
        if self._sees_everything:
            raise WrongRoleError("this role sees every restaurant; use DATABASE_URL (role alloresto_app)")
        async with self._lent() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._lent() as connection, connection.transaction():
            yield connection

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise PostgresUnavailableError("Postgres: not opened yet")
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                try:
                    yield connection
                except asyncpg.InterfaceError as error:
                    if not _is_gone(connection):  # then it is a mistake of the caller's
                        raise
                    raise PostgresUnavailableError("Postgres: the connection was cut") from error
        except _CUT as error:
            raise PostgresUnavailableError("Postgres: the connection was cut") from error
