"""Functions as processes, spoken to over HTTP as the Broker does."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from eventing import ticks
from eventing.catalogue import Payload
from eventing.cloudevents import Event, parse, to_binary
from stores.migrate import migrate
from tests.conftest import Database, Pools
from tests.patience import PATIENCE_S
from tests.shifted import clock

Condition = Callable[[], Awaitable[object]]
Eventually = Callable[[Condition], Awaitable[None]]


@dataclass
class Running:
    """A function's process and its address."""

    process: subprocess.Popen[bytes]
    url: str
    session: aiohttp.ClientSession

    async def send(self, event: Event | Payload, path: str = "") -> tuple[int, Event | None, dict[str, Any]]:
        """``(status, reply, problem)``."""
        headers, body = to_binary(event if isinstance(event, Event) else Event.of(event, source="/test"))
        async with self.session.post(self.url + path, data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status == 200:
                return 200, parse(answer.headers, content), {}
            return answer.status, None, await answer.json(content_type=None) if content else {}

    async def tick(self, path: str) -> tuple[int, dict[str, Any]]:
        """What a PingSource does: ``(status, problem)``."""
        source = "/apis/v1/namespaces/alloresto/pingsources/test"
        event = Event(id=str(uuid.uuid4()), source=source, type=ticks.TYPE, data={})
        status, reply, problem = await self.send(event, path)
        assert reply is None and status != 404, path
        return status, problem

    async def metric(self, name: str) -> float:
        async with self.session.get(self.url + "metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        async with self.session.get(self.url + "health/ready") as answer:
            return answer.status, await answer.json()


class Run(Protocol):
    def __call__(
        self, *arguments: str, ready: bool = True, **settings: str
    ) -> contextlib.AbstractAsyncContextManager[Running]: ...


class StartFunction(Protocol):
    def __call__(self, name: str, **settings: str) -> contextlib.AbstractAsyncContextManager[Running]: ...


async def wait_until(condition: Condition, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.02)


@pytest.fixture
def eventually() -> Eventually:
    return wait_until


def _spawn(arguments: tuple[str, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *arguments], env=environment)


@pytest.fixture
def run() -> Run:
    """``run("functions", name, …)``: start ``python -m <arguments>`` with these settings and wait until it answers."""

    @contextlib.asynccontextmanager
    async def start(*arguments: str, ready: bool = True, **settings: str) -> AsyncIterator[Running]:
        port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPYCACHEPREFIX") if name in os.environ}
        environment = clock.inherited() | kept | settings
        process = _spawn(arguments, environment | {"PORT": str(port), "HOST": "127.0.0.1"})
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                running = Running(process, f"http://127.0.0.1:{port}/", session)

                async def answers() -> bool:
                    assert process.poll() is None, f"it ended with status {process.returncode}"
                    with contextlib.suppress(aiohttp.ClientError):
                        status, _ = await running.readiness()
                        return status == 200 or not ready
                    return False

                await wait_until(answers)
                yield running
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                # Beside the loop, which may serve what the process says goodbye to.
                await asyncio.to_thread(process.wait, timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    return start


@pytest.fixture
def function(run: Run, database: Database, redis_url: str) -> StartFunction:
    """``function(name, **settings)``: a function on this test's database and Valkey."""
    return lambda name, **settings: run(
        "functions", name, ready=True, **({"DATABASE_URL": database.app_url, "REDIS_URL": redis_url} | settings)
    )


@pytest.fixture
async def restaurant_id(postgres: Pools) -> str:
    made = str(uuid.uuid4())
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into restaurant (id, name, language, currency, zone, greeting, voice)"
            " values ($1, 'Chez Léa', 'fr', 'EUR', 'Europe/Paris', 'Bonjour, chez Léa.', 'siwis')",
            made,
        )
    return made


@pytest.fixture
async def own_server(open_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A migrated Postgres that this test may stop and start."""
    server = EmbeddedPostgres(open_folder / f"own-{uuid.uuid4().hex}", durable=False)
    server.start()
    await migrate(
        server.url(),
        app_password=server.password("alloresto_app"),
        platform_password=server.password("alloresto_platform"),
    )
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def answering_posts(
    path: str, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> AsyncIterator[TestServer]:
    """An HTTP server on loopback that takes POSTs to ``path``."""
    application = web.Application()
    application.router.add_post(path, answer)
    server = TestServer(application)
    async with server:
        yield server


class SpeechService:
    """Answers ``/audio/speech`` with ``seconds`` of a 1 kHz tone, or with ``status``."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.seconds = 1.0
        self.pause_s = 0.0
        self.requests: list[dict[str, Any]] = []

    async def speak(self, request: web.Request) -> web.Response:
        self.requests.append(await request.json() | {"key": request.headers["authorization"]})
        await asyncio.sleep(self.pause_s)
        if self.status != 200:
            return web.json_response({"error": {"message": "no", "type": "x"}}, status=self.status)
        samples = np.arange(round(24_000 * self.seconds))
        tone = (np.sin(samples * 2 * np.pi * 1000 / 24_000) * 10_000).astype("<i2").tobytes()
        return web.Response(body=tone + b"\x01", content_type="audio/pcm")


@pytest.fixture
async def speech() -> AsyncIterator[SpeechService]:
    service = SpeechService()
    async with answering_posts("/v1/audio/speech", service.speak) as server:
        service.url = str(server.make_url("/v1"))
        yield service
