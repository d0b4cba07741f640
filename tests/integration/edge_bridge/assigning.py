"""The line assigner beside bridges that run as processes: asked by a timer, as in a cluster, only more often."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from functions.line_assigner import assign
from stores.postgres import Postgres
from stores.redis import connect
from tests.conftest import Database

EVERY_S = 0.2


@contextlib.asynccontextmanager
async def assigning(database: Database, redis_url: str) -> AsyncIterator[None]:
    postgres, redis = Postgres(database.platform_url), connect(redis_url)
    await postgres.open()

    async def tick() -> None:
        while True:
            await assign(postgres, redis)
            await asyncio.sleep(EVERY_S)

    ticking = asyncio.create_task(tick())
    try:
        yield
        if ticking.done():
            ticking.result()
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await postgres.close()
        await redis.aclose()
