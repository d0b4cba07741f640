"""Functions as processes, spoken to over HTTP as the Broker does."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from eventing.catalogue import Payload
from eventing.cloudevents import Event, parse, to_binary

START_S = 20
RUNS = Callable[..., contextlib.AbstractAsyncContextManager["Running"]]


@dataclass
class Running:
    """A function's process and its address."""

    process: subprocess.Popen[bytes]
    url: str
    session: aiohttp.ClientSession

    async def send(self, event: Event | Payload) -> tuple[int, Event | None, dict[str, Any]]:
        """``(status, reply, problem)``."""
        headers, body = to_binary(event if isinstance(event, Event) else Event.of(event, source="/test"))
        async with self.session.post(self.url, data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status == 200:
                return 200, parse(answer.headers, content), {}
            return answer.status, None, await answer.json(content_type=None) if content else {}

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        async with self.session.get(self.url + "health/ready") as answer:
            return answer.status, await answer.json()


async def wait_until(condition: Callable[[], Awaitable[object]], within_s: float = START_S) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    return wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(arguments: tuple[str, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *arguments], env=environment)


@pytest.fixture
def run() -> RUNS:
    """``run("functions", name, …)``: start ``python -m <arguments>`` with these settings and wait until it answers."""

    @contextlib.asynccontextmanager
    async def start(*arguments: str, ready: bool = True, **settings: str) -> AsyncIterator[Running]:
        port = free_port()
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPYCACHEPREFIX") if name in os.environ
        } | settings
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
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    return start


@pytest.fixture
def function(run: RUNS, database: Any, redis_url: str) -> RUNS:
    """``function(name, **settings)``: a function on this test's database and Valkey."""
    return lambda name, **settings: run(
        "functions", name, **({"DATABASE_URL": database.app_url, "REDIS_URL": redis_url} | settings)
    )


@pytest.fixture
async def restaurant_id(postgres: Any) -> str:
    made = str(uuid.uuid4())
    async with postgres.platform.platform() as connection:
        await connection.execute(
            "insert into restaurant (id, name, language, currency, zone, greeting, voice)"
            " values ($1, 'Chez Léa', 'fr', 'EUR', 'Europe/Paris', 'Bonjour, chez Léa.', 'siwis')",
            made,
        )
    return made
