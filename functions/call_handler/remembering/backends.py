"""Postgres and Redis, each connected when first needed, and neither needed for a call to go on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.call_handler.remembering.lean_redis import LeanRedis
from functions.call_handler.settings import Settings
from functions.call_handler.warmup import Warmup
from process import logs

if TYPE_CHECKING:
    from stores.ciphers import PiiCipher
    from stores.postgres import Connection, Postgres, ReadingPostgres
    from stores.redis import RedisCommands

log = logs.get(__name__)

OPEN_POSTGRES_S = 4.0
CHECK_S = 2.0
CHECK_EVERY_S = 10.0


class Backends:
    """One per process, made inside its event loop. ``away`` names what did not answer when last looked at."""

    def __init__(self, settings: Settings, warmup: Warmup) -> None:
        self._settings = settings
        self._warmup = warmup
        self.lean_redis = LeanRedis(settings.redis_url)
        self.away: dict[str, str] = {}
        self._postgres: Postgres | None = None
        self._pii: PiiCipher | None = None
        self._opening = asyncio.Lock()

    @property
    def redis(self) -> "RedisCommands":
        """For the repositories."""
        return self.lean_redis

    @property
    def lazy_postgres(self) -> "ReadingPostgres":
        """For the cache: imports and connects when it is first asked."""
        return _LazyPostgres(self)

    @property
    def pii(self) -> "PiiCipher":
        from stores.ciphers import PiiCipher

        if self._pii is None:
            self._pii = PiiCipher(self._settings.master_key)
        return self._pii

    async def postgres(self) -> "Postgres":
        """Connected, within OPEN_POSTGRES_S. Raises an OSError while Postgres is away."""
        await self._warmup.reached("write")
        from stores.postgres import Postgres

        async with self._opening:
            if self._postgres is None:
                opened = Postgres(self._settings.database_url, min_size=1, max_size=2)
                await opened.open(timeout_s=OPEN_POSTGRES_S)
                self._postgres = opened
        return self._postgres

    async def watch(self) -> None:
        """Keep ``away`` true, until cancelled. Begins when everything is loaded."""
        await self._warmup.reached("write", hurry=False)
        while True:
            await asyncio.gather(self._look("redis", self._ping_redis), self._look("postgres", self._ping_postgres))
            await asyncio.sleep(CHECK_EVERY_S)

    async def close(self) -> None:
        await self.lean_redis.aclose()
        if self._postgres is not None:
            await self._postgres.close()

    async def _look(self, name: str, ping: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            async with asyncio.timeout(OPEN_POSTGRES_S + CHECK_S):
                await ping()
        except Exception as error:  # whatever it is, it is what an operator has to know
            if name not in self.away:
                log.warning("a backend is away; calls go on", backend=name, why=type(error).__name__)
            self.away[name] = f"{type(error).__name__}: {error}"
        else:
            self.away.pop(name, None)

    async def _ping_redis(self) -> None:
        await self.lean_redis.ping()

    async def _ping_postgres(self) -> None:
        await (await self.postgres()).check()


class _LazyPostgres:
    """As much of ``Postgres`` as the cache uses."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    @asynccontextmanager
    async def reading(self, restaurant_id: str) -> "AsyncIterator[Connection]":
        postgres = await self._backends.postgres()
        async with postgres.reading(restaurant_id) as connection:
            yield connection
