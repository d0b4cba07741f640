"""``alloresto bench conversation``: what the call handler adds to a conversation, without a phone and without a model.

The handler is the real process with Postgres and Valkey; both ends of its sockets are here, so that one clock tells how
long it holds what it is given. ``alloresto bench call`` measures the whole path, and what a call costs in processor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import statistics
import sys
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
from aiohttp import web

from bench import handler_start
from bench.conversation.ends import Ends
from bench.report import Figure, percentile
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port, is_ready
from eventing.cloudevents import Event, to_binary
from seeds.files import SEED_FILES, read
from seeds.loader import write_restaurant
from stores.migrate import migrate
from stores.postgres import Postgres

TURNS = 150
HOUR_TURNS = 600  # of a caller and an assistant who take six seconds each
HOUR_FRAMES = 300  # of each turn, as fast as they are taken
STEADY_FRAMES = 1500  # half a minute, in their own time
FRAME_S = 0.02
START_WITHIN_S = 60.0
MIB = 1 << 20
CONDITIONS = {
    "turns": f"{TURNS}, of which a third uses a tool and a third is interrupted",
    "an hour": f"{HOUR_TURNS} turns and {HOUR_TURNS * HOUR_FRAMES} frames in one call, without pauses",
}


async def run(_: int) -> list[Figure]:
    """About two minutes."""
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-") as folder:
        async with (
            _handler(Path(folder)) as (process, url, ends, restaurant_id),
            _call(url, ends, restaurant_id),
        ):
            figures = [*await _delays(ends), *await _events(ends), *await _growth(ends, process)]
    return [*figures, *handler_start.figures()]


async def _delays(ends: Ends) -> list[Figure]:
    """The caller's audio in its own time; the assistant's is measured with the turns."""
    await ends.frames(STEADY_FRAMES, FRAME_S)
    found = ends.to_engine.ms
    return [
        Figure("caller's audio held by the handler, p50", statistics.median(found), "ms", "≤ 0.5"),
        Figure("caller's audio held by the handler, p99", percentile(found, 99), "ms"),
    ]


async def _events(ends: Ends) -> list[Figure]:
    for number in range(TURNS):
        await _turn(ends, number)
    held, done = ends.to_bridge.ms, ends.event_ms
    every = [*done["answered"], *done["interrupted"]]
    return [
        Figure("assistant's audio held by the handler, p50", statistics.median(held), "ms", "≤ 0.5"),
        Figure("assistant's audio held by the handler, p99", percentile(held, 99), "ms"),
        Figure("engine's event → what is done about it, p50", statistics.median(every), "ms"),
        Figure("engine's event → what is done about it, p99", percentile(every, 99), "ms", "≤ 5"),
        Figure("engine's tool call → the domain's answer, p50", statistics.median(done["tool"]), "ms"),
        Figure("engine's tool call → the domain's answer, p99", percentile(done["tool"], 99), "ms"),
    ]


async def _growth(ends: Ends, process: psutil.Process) -> list[Figure]:
    """Of one call that is as long as no call is, once it has seen everything."""
    before = process.memory_info().rss
    for number in range(HOUR_TURNS):
        await ends.frames(HOUR_FRAMES, 0.0)
        await _turn(ends, number)
    after = process.memory_info().rss
    return [
        Figure("handler RSS after a call of an hour", after / MIB, "MiB", "≤ 45"),
        Figure("handler's growth in that hour", (after - before) / MIB, "MiB", "≤ 2"),
    ]


async def _turn(ends: Ends, number: int) -> None:
    await ends.caller_says(f"Sentence {number} is about as long as what callers say to a restaurant.")
    if number % 3 == 0:
        await ends.uses_tool("opening_hours", {})
    await ends.answers(f"Answer {number} is about as long as what an assistant says.", interrupted=number % 3 == 1)


@contextlib.asynccontextmanager
async def _call(url: str, ends: Ends, restaurant_id: str) -> AsyncIterator[None]:
    """Rung, joined and configured."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)) as http:
        headers, body = to_binary(Event.of(ends.incoming(restaurant_id), source="/bench"))
        async with http.post(f"{url}/", data=body, headers=headers) as lane:
            if lane.status != 200:
                raise RuntimeError(f"the handler answered {lane.status}: {await lane.text()}")
            await asyncio.wait_for(ends.configured.wait(), START_WITHIN_S)
            yield
            await ends.hang_up()
            await lane.read()


@contextlib.asynccontextmanager
async def _handler(folder: Path) -> AsyncIterator[tuple[psutil.Process, str, Ends, str]]:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey", durable=False)
    try:
        postgres.start()
        valkey.start()
        restaurant_id = await _restaurant(postgres)
        async with _ends() as ends:
            port = free_port()
            environment = {
                "DATABASE_URL": postgres.url("alloresto_app"),
                "REDIS_URL": valkey.url(),
                "MASTER_KEY": b64encode(secrets.token_bytes(32)).decode(),
                "OPENAI_BASE_URL": f"http://127.0.0.1:{ends.port}/v1",
                "OPENAI_API_KEY": "bench",
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "HOSTNAME": "bench",
            }
            with (folder / "call-handler.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "functions", "call_handler", env=os.environ | environment, stderr=log
                )
            try:
                await _ready(port)
                yield psutil.Process(process.pid), f"http://127.0.0.1:{port}", ends, restaurant_id
            finally:
                process.kill()
                await process.wait()
    finally:
        valkey.stop()
        postgres.stop()


async def _ready(port: int) -> None:
    async with asyncio.timeout(START_WITHIN_S):
        while not await asyncio.to_thread(is_ready, port):
            await asyncio.sleep(FRAME_S)


async def _restaurant(postgres: EmbeddedPostgres) -> str:
    app, platform = "alloresto_app", "alloresto_platform"
    await migrate(postgres.url(), app_password=postgres.password(app), platform_password=postgres.password(platform))
    database = Postgres(postgres.url(platform))
    await database.open()
    try:
        async with database.platform() as connection:
            restaurant, _ = await write_restaurant(connection, read(SEED_FILES[0]), always_open=True)
    finally:
        await database.close()
    return restaurant.id


@contextlib.asynccontextmanager
async def _ends() -> AsyncIterator[Ends]:
    ends = Ends(free_port())
    app = web.Application()
    app.router.add_get("/v1/realtime", ends.realtime)
    app.router.add_get("/media/{call}/{attempt}", ends.media)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", ends.port).start()
        yield ends
    finally:
        await runner.cleanup()
