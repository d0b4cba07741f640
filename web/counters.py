"""Counters in Redis, which all workers and replicas share: each lasts for a window that begins with the first count."""

from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis


class Counted(NamedTuple):
    """How often in this window, and how many seconds it has left, at least one."""

    times: int
    seconds: int


async def count(redis: Redis, keys: Sequence[str], window_s: int) -> list[Counted]:
    """Count once under each key, all at one moment."""
    async with redis.pipeline(transaction=True) as pipeline:
        for key in keys:
            pipeline.incr(key)
            pipeline.expire(key, window_s, nx=True)
            pipeline.ttl(key)
        results = await pipeline.execute()
    return [
        Counted(int(times), max(1, int(seconds))) for times, seconds in zip(results[::3], results[2::3], strict=True)
    ]


async def take_back(redis: Redis, key: str, window_s: int) -> None:
    """Count once less; a window that has ended meanwhile begins with it."""
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.decr(key)
        pipeline.expire(key, window_s, nx=True)
        await pipeline.execute()
