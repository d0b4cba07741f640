"""From the outbox insert to a function's committed effect, through the relay, the Broker and a Trigger, warm."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from bench.report import Figure, percentile
from devstack.stack import tail
from devstack.stack.stack import Stack
from eventing import outbox
from eventing.catalogue import MenuChanged
from stores.postgres import Postgres

WARM_UP = 10
EVENTS = 200
TIMEOUT_S = 20.0
PAUSE_S = 0.02


async def latencies(stack: Stack) -> list[Figure]:
    """One event at a time, measured here: from before the insert to the feed's word that the effect is committed."""
    seen: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)

    def live(message: dict[str, Any], _: float) -> None:
        if message.get("kind") == "event" and message.get("function") == "cache_invalidator":
            seen.put_nowait(message["id"])

    watching = asyncio.create_task(tail.watch_live(stack.redis_url, live))
    postgres = Postgres(stack.platform_url)
    await postgres.open()
    try:
        samples = [await _one(postgres, stack, seen) for _ in range(WARM_UP + EVENTS)][WARM_UP:]
    finally:
        await postgres.close()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return [
        Figure("outbox insert → effect committed, warm, p50", statistics.median(samples), "ms", "≤ 15"),
        Figure("outbox insert → effect committed, warm, p99", percentile(samples, 99), "ms", "≤ 80"),
    ]


async def _one(postgres: Postgres, stack: Stack, seen: asyncio.Queue[str]) -> float:
    began = time.perf_counter()
    async with postgres.platform() as connection:
        change = MenuChanged(restaurant_id=stack.lines[0].restaurant_id, item_ids=(), reason="bench")
        event = await outbox.emit(connection, change, source="/bench")
    async with asyncio.timeout(TIMEOUT_S):
        while await seen.get() != event.id:
            pass
    took = (time.perf_counter() - began) * 1000
    await asyncio.sleep(PAUSE_S)
    return took
