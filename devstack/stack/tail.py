"""Follow a running stack: pods, deliveries and what is said on the phone, as they happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import msgspec
from redis.asyncio import Redis
from rich.console import Console

from devstack.knative import RuntimeEvent
from devstack.stack.timeline import Timeline

LIVE_CHANNELS = "resto:*:live"


async def watch_live(redis_url: str, on_message: Callable[[dict[str, object], float], None]) -> None:
    """Hand over each message of every restaurant's live feed until cancelled."""
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as feed:
        await feed.psubscribe(LIVE_CHANNELS)
        async for message in feed.listen():
            if message["type"] == "pmessage":
                on_message(msgspec.json.decode(message["data"]), time.time())


async def watch_runtime(runtime_url: str, on_event: Callable[[RuntimeEvent], None]) -> None:
    """Hand over each event of the runtime that happens from now on, until cancelled or the runtime ends."""
    began = time.time()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{runtime_url}/runtime/events") as answer,
    ):
        async for line in answer.content:
            event = msgspec.json.decode(line, type=RuntimeEvent)
            if event.at >= began:
                on_event(event)


async def follow(runtime_url: str, redis_url: str, console: Console) -> None:
    """Print until Ctrl-C; the stack goes on."""
    timeline = Timeline(console, started_at=time.time())
    watchers = asyncio.gather(
        watch_live(redis_url, timeline.live),
        watch_runtime(runtime_url, timeline.runtime),
    )
    console.print("following; Ctrl-C stops the view, not the stack", style="dim")
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        await watchers
