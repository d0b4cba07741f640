"""Flask's threads meet asyncpg and redis.asyncio on one event loop.

Flask views stay synchronous and the data layer stays the one that the functions use. Under ``web.serving`` the loop is
the one that holds the clients; without it (tests, scripts) a thread of its own is started at first use. Either is
made after gunicorn's fork: neither a loop nor a connection may cross it.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from process import logs
from stores import redis as redis_store
from stores.postgres import Connection, Postgres
from web import metrics
from web.settings import WebSettings

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

CONNECTIONS = 8
# For what the loop asks by itself, a millisecond each. A connection that is new plans it over every month there is:
# many that are new at once, on a busy machine, took longer than a request has.
STATEMENTS_AT_ONCE = 2
CLOSE_TIMEOUT_S = 3.0
ANALYTICS_PAUSE_S = 30.0  # one that did not answer is not asked again for so long
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)

log = logs.get(__name__)


class UnavailableError(Exception):
    """Postgres or Redis does not answer in time. ``part`` names which."""

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(f"{part} does not answer")


class _OnDemandPostgres:
    """A pool that opens when it is first needed, and tries again at the next need when it could not."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._opened: Postgres | None = None

    async def get(self, timeout_s: float) -> Postgres:
        async with self._lock:
            if self._opened is None:
                postgres = Postgres(self._url, min_size=1, max_size=CONNECTIONS)
                await postgres.open(timeout_s=timeout_s)
                self._opened = postgres
            return self._opened

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


class _Connections:
    """What lives on the loop: the pools and the Redis client. ``thread`` runs the loop when it is nobody else's."""

    def __init__(self, settings: WebSettings, loop: asyncio.AbstractEventLoop | None) -> None:
        self.thread: threading.Thread | None = None
        if loop is None:
            loop = uvloop.new_event_loop()
            self.thread = threading.Thread(target=loop.run_forever, name="database", daemon=True)
            self.thread.start()
        self.loop = loop
        self.postgres = _OnDemandPostgres(settings.database_url)
        self.platform = _OnDemandPostgres(settings.platform_database_url)
        self.analytics = _OnDemandPostgres(settings.analytics_database_url)
        self.redis = redis_store.connect(settings.redis_url)
        self.statements = asyncio.Semaphore(STATEMENTS_AT_ONCE)

    async def close(self) -> None:
        await self.postgres.close()
        await self.platform.close()
        await self.analytics.close()
        await self.redis.aclose()

    async def cancel_all_and_close(self) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.close()


class Database:
    """Postgres, one restaurant at a time, and Redis, for synchronous callers.

    Every method blocks its caller for ``web_database_timeout_s`` at most and raises UnavailableError after that.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._timeout_s = settings.web_database_timeout_s
        self._lock = threading.Lock()
        self._connections: _Connections | None = None
        self._analytics_from = 0.0  # by the monotonic clock: when it may be asked again

    def platform(self, work: Work[T]) -> T:
        """``work(connection)`` in one transaction that sees every restaurant: for the platform's own pages alone."""

        async def transaction() -> T:
            postgres = await self._running().platform.get(self._timeout_s)
            async with postgres.platform() as connection:
                return await work(connection)

        return self._asked(transaction())

    def tenant(self, restaurant_id: str, work: Work[T]) -> T:
        """``work(connection)`` in one transaction that sees only this restaurant's rows."""

        async def transaction() -> T:
            postgres = await self._running().postgres.get(self._timeout_s)
            async with postgres.tenant(restaurant_id) as connection:
                return await work(connection)

        return self._asked(transaction())

    def analytics(self, restaurant_id: str, work: Work[T]) -> T:
        """``tenant`` for what reads a lot and changes nothing, on ANALYTICS_DATABASE_URL where there is one.

        While that does not answer within half the time, the first database is asked instead, and it is counted.
        """
        if not self._settings.analytics_database_url or time.monotonic() < self._analytics_from:
            return self.tenant(restaurant_id, work)

        async def transaction() -> T:
            async with asyncio.timeout(self._timeout_s / 2):
                postgres = await self._running().analytics.get(self._timeout_s / 2)
                async with postgres.tenant(restaurant_id) as connection:
                    return await work(connection)

        try:
            return self._wait(transaction())
        except (*_AWAY, asyncpg.PostgresError) as error:  # a standby cancels what stands in its way, too
            log.warning("the analytics database does not answer; the first one is asked", why=type(error).__name__)
            metrics.analytics_fallbacks_total.inc()
            self._analytics_from = time.monotonic() + ANALYTICS_PAUSE_S
            return self.tenant(restaurant_id, work)

    async def statement(self, work: Work[T]) -> T:
        """``work(connection)`` without a transaction (``Postgres.statement``), for who is on the loop already.

        STATEMENTS_AT_ONCE run, the others wait: each is short, and few connections stay warm.
        """
        connections = self._running()
        try:
            async with asyncio.timeout(self._timeout_s), connections.statements:
                postgres = await connections.postgres.get(self._timeout_s)
                async with postgres.statement() as connection:
                    return await work(connection)
        except _AWAY as error:
            raise UnavailableError("Postgres") from error

    def _asked(self, transaction: Coroutine[Any, Any, T]) -> T:
        try:
            return self._wait(transaction)
        except _AWAY as error:
            raise UnavailableError("Postgres") from error

    def redis(self, work: Callable[[Redis], Awaitable[T]], *, within_s: float | None = None) -> T:
        """``work(client)`` on the background loop; ``within_s`` allows it less time than the settings do."""

        async def command() -> T:
            return await work(self._running().redis)

        try:
            return self._wait(command(), within_s)
        except (RedisError, OSError, TimeoutError) as error:
            raise UnavailableError("Redis") from error

    def use(self, loop: asyncio.AbstractEventLoop) -> None:
        """Live on this running loop, before anything is asked."""
        with self._lock:
            self._connections = _Connections(self._settings, loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._running().loop

    @property
    def client(self) -> Redis:
        """Redis, for who is on the loop already."""
        return self._running().redis

    def close(self) -> None:
        """Close the connections and end the thread that ``use`` did not make necessary. The next use starts anew."""
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is None or connections.thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(connections.cancel_all_and_close(), connections.loop).result(
                CLOSE_TIMEOUT_S
            )
        except TimeoutError:
            log.warning("connections did not close in time", timeout_s=CLOSE_TIMEOUT_S)
        connections.loop.call_soon_threadsafe(connections.loop.stop)
        connections.thread.join(CLOSE_TIMEOUT_S)
        if not connections.thread.is_alive():
            connections.loop.close()  # its descriptors stay open otherwise, as long as the process lives

    async def aclose(self) -> None:
        """``close`` for who runs the loop."""
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is None:
            return
        try:
            await asyncio.wait_for(connections.close(), CLOSE_TIMEOUT_S)
        except TimeoutError:
            log.warning("connections did not close in time", timeout_s=CLOSE_TIMEOUT_S)

    def _wait(self, coroutine: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._running().loop)
        try:
            return future.result(self._timeout_s if within_s is None else min(within_s, self._timeout_s))
        except TimeoutError:
            future.cancel()  # the transaction rolls back: nobody would read its result
            raise

    def _running(self) -> _Connections:
        with self._lock:
            if self._connections is None:
                self._connections = _Connections(self._settings, None)
            return self._connections
