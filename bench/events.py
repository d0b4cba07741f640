"""``alloresto bench events``: the outbox and its relay, with a sink that answers at once.

A real Postgres, and the real relay as a process; the sink is a process of its own. The events are many restaurants',
because those of one leave one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from bench.report import Figure, percentile
from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port, is_ready
from eventing import outbox
from eventing.catalogue import MenuChanged
from stores.migrate import migrate
from stores.postgres import Postgres

RESTAURANTS = 50
BACKLOG = 10_000
OF_ONE_RESTAURANT = 560
FAIR_ROUNDS = 5
STEADY_EVENTS = 200
STEADY_PAUSE_S = 0.05  # 20 a second
START_WITHIN_S = 30.0
ARRIVE_WITHIN_S = 120.0
POLL_S = 0.005
CONDITIONS = {"restaurants": str(RESTAURANTS), "sink": "a process of its own, answers 202 at once"}


class Arrivals:
    """What the sink has printed, read as it grows: when each event came first, by its id."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self._half = ""
        self.at: dict[str, float] = {}

    def look(self) -> None:
        *lines, self._half = (self._half + self._file.read()).split("\n")
        for line in lines:
            event_id, at = line.split()
            self.at.setdefault(event_id, float(at))

    async def of(self, event_ids: list[str]) -> list[float]:
        """When each has come, once all have."""
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            while True:
                self.look()
                if all(event_id in self.at for event_id in event_ids):
                    return [self.at[event_id] for event_id in event_ids]
                await asyncio.sleep(POLL_S)


class RelayBench:
    """One Postgres, one sink and, while ``relay`` is open, one relay."""

    def __init__(self, server: EmbeddedPostgres, postgres: Postgres, sink_url: str, arrivals: Arrivals) -> None:
        self._server = server
        self._postgres = postgres
        self._sink_url = sink_url
        self._arrivals = arrivals
        self._restaurants = [str(uuid.uuid4()) for _ in range(RESTAURANTS)]

    async def open(self) -> None:
        async with self._postgres.platform() as connection:
            await connection.executemany(
                "insert into restaurant (id, name, language, currency, zone) values ($1, 'Bench', 'en', 'EUR', 'UTC')",
                [(restaurant_id,) for restaurant_id in self._restaurants],
            )

    async def emit(self, restaurants: list[str]) -> list[str]:
        """One event for each named restaurant, in one transaction; their ids."""
        async with self._postgres.platform() as connection:
            events = [
                await outbox.emit(connection, MenuChanged(restaurant_id=one, reason="bench"), source="/bench")
                for one in restaurants
            ]
        return [event.id for event in events]

    @contextlib.asynccontextmanager
    async def relay(self) -> AsyncIterator[None]:
        port = free_port()
        url = self._server.url("alloresto_platform")
        with child(
            "eventing.relay", PLATFORM_DATABASE_URL=url, K_SINK=self._sink_url, PORT=str(port), HOST="127.0.0.1"
        ):
            await until_ready(port)
            yield

    async def backlog(self) -> Figure:
        """Events a second, from the first arrival to the last, when all have waited for the relay."""
        written = await self.emit([self._restaurants[number % RESTAURANTS] for number in range(BACKLOG)])
        async with self.relay():
            came = await self._arrivals.of(written)
        return Figure(f"{BACKLOG} events waiting: published", (BACKLOG - 1) / (max(came) - min(came)), "/s", "≥ 1500")

    async def fairness(self) -> Figure:
        """One restaurant's event, emitted while another's hundreds are published."""
        waits = []
        async with self.relay():
            for _ in range(FAIR_ROUNDS):
                many = await self.emit([self._restaurants[0]] * OF_ONE_RESTAURANT)
                began = time.time()
                [came] = await self._arrivals.of(await self.emit([self._restaurants[1]]))
                waits.append((came - began) * 1000)
                await self._arrivals.of(many)
        return Figure(f"an event beside {OF_ONE_RESTAURANT} of another restaurant, worst", max(waits), "ms", "≤ 100")

    async def steady(self) -> list[Figure]:
        """From before the insert to the arrival at the sink, at 20 events a second."""
        began: dict[str, float] = {}
        async with self.relay():
            for number in range(STEADY_EVENTS):
                at = time.time()
                [event_id] = await self.emit([self._restaurants[number % RESTAURANTS]])
                began[event_id] = at
                await asyncio.sleep(max(0.0, at + STEADY_PAUSE_S - time.time()))
            came = await self._arrivals.of(list(began))
        waits = [(arrived - at) * 1000 for arrived, at in zip(came, began.values(), strict=True)]
        return [
            Figure("outbox insert → sink at 20/s, p50", statistics.median(waits), "ms", "≤ 15"),
            Figure("outbox insert → sink at 20/s, p99", percentile(waits, 99), "ms", "≤ 80"),
        ]


@contextlib.contextmanager
def child(module: str, *arguments: str, output: Path | None = None, **settings: str) -> Iterator[None]:
    """``python -m module`` with these settings, until the end of the block."""
    with contextlib.ExitStack() as files:
        stdout = files.enter_context(output.open("w")) if output else None
        command = [sys.executable, "-u", "-m", module, *arguments]
        process = subprocess.Popen(command, stdout=stdout, env=os.environ | settings)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=15)


async def until_ready(port: int) -> None:
    async with asyncio.timeout(START_WITHIN_S):
        while not await asyncio.to_thread(is_ready, port):
            await asyncio.sleep(POLL_S)


async def run(_: int) -> list[Figure]:
    """All figures; about half a minute."""
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="alloresto-bench-")))
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        held.callback(server.stop)
        passwords = (server.password("alloresto_app"), server.password("alloresto_platform"))
        await migrate(server.url(), app_password=passwords[0], platform_password=passwords[1])
        sink_port, printed = free_port(), folder / "arrivals"
        held.enter_context(child("bench.event_sink", str(sink_port), output=printed))
        await until_ready(sink_port)
        postgres = Postgres(server.url("alloresto_platform"))
        await postgres.open()
        try:
            bench = RelayBench(server, postgres, f"http://127.0.0.1:{sink_port}/", Arrivals(printed))
            await bench.open()
            return [await bench.backlog(), await bench.fairness(), *await bench.steady()]
        finally:
            await postgres.close()
