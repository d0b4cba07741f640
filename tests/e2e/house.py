"""The running stack as a test meets it: its pods, and what is in its database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from bench.chaos.stack_process import Description, Options
from devstack.stack.running import DialableLine
from devstack.stand_ins import connecting
from stores import orders
from stores.ciphers import PiiCipher
from stores.orders import Order
from stores.postgres import Connection, Postgres
from stores.redis import connect
from tests.live_state import counters, waiting

T = TypeVar("T")

HANDLER = "call-handler"
EDGE = "edge-bridge"
REPOSITORY = Path(__file__).parents[2]
START_WITHIN_S = 120.0
STOP_WITHIN_S = 40.0
POLL_S = 0.05


async def eventually(
    look: Callable[[], Awaitable[T]], enough: Callable[[T], bool] = bool, timeout_s: float = 20.0
) -> T:
    """What ``look`` gives once it is ``enough``; an assertion that shows the last look when it never is."""
    deadline = time.monotonic() + timeout_s
    while not enough(found := await look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s; last seen: {found!r}"
        await asyncio.sleep(POLL_S)
    return found


class House:
    """Starts when it is made and ends with ``close``."""

    def __init__(self, options: Options) -> None:
        self.state_dir = Path(options.state_dir)
        self.log = self.state_dir / "stack.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.chaos.stack_process", msgspec.json.encode(options).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=REPOSITORY,
            )
        self._said = b""
        self._about: Description | None = None

    def wait_until_up(self) -> None:
        self._about = msgspec.json.decode(self._next_line(START_WITHIN_S), type=Description)

    @property
    def about(self) -> Description:
        assert self._about is not None, "the stack is not up"
        return self._about

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_WITHIN_S)
        finally:
            self._process.kill()
            self._process.wait()

    def line(self, restaurant: str) -> DialableLine:
        return next(line for line in self.about.lines if line.restaurant == restaurant)

    # --- The runtime -------------------------------------------------------------------------------------

    async def pods(self, service: str = HANDLER) -> list[dict[str, Any]]:
        """The pods of a Service or a workload, but for those that are ending."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.about.runtime_url}/runtime") as answer:
            state = await answer.json()
        pods = [pod for one in state["services"] for pod in one["pods"]] + state["workloads"]
        return [pod for pod in pods if pod["service"] == service and pod["state"] != "terminating"]

    async def busy_pod(self) -> str:
        """The name of the one handler pod that has a call."""
        [pod] = [pod for pod in await self.pods() if pod["state"] == "busy"]
        return str(pod["name"])

    async def kill(self, pod: str) -> None:
        """SIGKILL to the pod's process."""
        url = f"{self.about.runtime_url}/runtime/pods/{pod}/kill"
        async with aiohttp.ClientSession() as http, http.post(url) as answer:
            assert answer.status == 204

    def logged(self, service: str) -> str:
        """Everything that the pods of ``service`` have logged."""
        folder = self.state_dir / "runtime" / "pods"
        return "".join(log.read_text(errors="replace") for log in sorted(folder.glob(f"{service}-*.log")))

    # --- What a restaurant has connected -------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def tenant(self, restaurant_id: str) -> AsyncIterator[Connection]:
        """A transaction of this restaurant."""
        postgres = Postgres(self.about.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(restaurant_id) as connection:
                yield connection
        finally:
            await postgres.close()

    async def connect(self, restaurant_id: str, provider: str, address: str = "") -> str:
        """A stand-in, the stack's own where no ``address`` is given, as its owner would do it in the admin. Its id."""
        async with self.tenant(restaurant_id) as connection:
            at, pii = address or self.about.neighbours[provider], PiiCipher(self.about.master_key)
            made = await connecting.connect(connection, restaurant_id, provider, at, pii, created_by="tests")
        return made.id

    async def was_told(self, provider: str) -> list[dict[str, Any]]:
        """What the stand-in of a provider was told, in order."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.about.neighbours[provider]}/-/seen") as answer:
            seen: list[dict[str, Any]] = await answer.json()
            return seen

    # --- What is kept ------------------------------------------------------------------------------------

    async def orders(self, restaurant_id: str, call_id: str) -> tuple[Order, ...]:
        async with self.tenant(restaurant_id) as connection:
            return await orders.of_call(connection, call_id, pii=PiiCipher(self.about.master_key))

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Of all restaurants."""
        postgres = Postgres(self.about.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await postgres.close()

    async def logged_call(self, call_id: str) -> dict[str, Any]:
        """The call's row in the log, {} while there is none that says how the call ended."""
        found = await self.rows("select * from call_log where id = $1 and ended_at is not null", call_id)
        return found[0] if found else {}

    async def live_counters(self) -> tuple[int, int, int]:
        """Calls in progress, calls that wait, and the length of the list of those."""
        async with connect(self.about.redis_url) as redis:
            counted = await counters(redis)
            return counted.active_calls, counted.queued_calls, len(await waiting(redis))

    # --- The process -------------------------------------------------------------------------------------

    def _next_line(self, timeout_s: float) -> bytes:
        """Of the process's output. Raises AssertionError with the end of its log when none comes."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._said:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                read = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
                assert read, f"the stack said nothing more: {self.log.read_text(errors='replace')[-3000:]}"
                self._said += read
        line, _, self._said = self._said.partition(b"\n")
        return line
