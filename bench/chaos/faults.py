"""What can go wrong, by name: a process that dies or freezes, and an engine that breaks its word.

Processes are found through the runtime's own interface. A container is killed with all its processes, as the kubelet
would; its runtime starts it again. The Broker lives in the runtime's process, whose death ends the whole embedded
stack (nothing outlives it, by design): so it is only stopped for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import psutil

from bench.chaos.engine import STAGES, STAGES_OF, Kind, Trouble
from bench.chaos.stack_process import StackProcess

FROZEN_S = 8.0
OUTAGE_S = 6.0
POD_WITHIN_S = 20.0
POLL_S = 0.02


class NothingToBreakError(Exception):
    """The process was not there to be killed."""


@dataclass(frozen=True, slots=True)
class Hit:
    """When a fault began, and, for a server, when it was back (monotonic clock)."""

    at: float
    back_at: float | None = None


class Processes:
    """The stack's processes, by the name of their Service or workload."""

    def __init__(self, stack: StackProcess) -> None:
        self._stack = stack

    async def pod(self, service: str, busy: bool = False) -> psutil.Process:
        """A pod's first process. Raises NothingToBreakError when there is none in time."""
        deadline = asyncio.get_running_loop().time() + POD_WITHIN_S
        while True:
            for pod in await self._pods(service):
                if pod["pid"] and (pod["state"] == "busy" or (not busy and pod["state"] != "terminating")):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        return psutil.Process(pod["pid"])
            if asyncio.get_running_loop().time() > deadline:
                raise NothingToBreakError(service)
            await asyncio.sleep(POLL_S)

    async def wake(self, service: str) -> None:
        """Have one pod of a function that nothing asks for at the moment."""
        await self._prewarm(service, 1)

    async def let_sleep(self, service: str) -> None:
        await self._prewarm(service, 0)

    async def session(self) -> psutil.Process:
        """The bridge's session, which has the calls' audio and handlers."""
        return await self._forked("session")

    async def signaller(self) -> psutil.Process:
        """The bridge's oldest signaller: the first call is its own."""
        return await self._forked("signaller")

    async def _forked(self, name: str) -> psutil.Process:
        """By the name that it gives itself: its command line is the nursery's."""
        supervisor = await self.pod("edge-bridge")
        found = []
        for child in supervisor.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.name().split(" ")[0] == name:
                    found.append(child)
        if not found:
            raise NothingToBreakError(name)
        return min(found, key=lambda child: child.pid)

    async def server(self, name: str) -> psutil.Process:
        return psutil.Process(await self._stack.pid_of(name))

    def runtime(self) -> psutil.Process:
        return psutil.Process(self._stack.pid)

    async def start(self, server: str, *, wiped: bool) -> None:
        if wiped:
            await self._stack.wipe(server)
        await self._stack.start(server)

    async def _pods(self, service: str) -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(f"{self._stack.about.runtime_url}/runtime") as answer,
        ):
            state = await answer.json()
        of_services = [pod for one in state["services"] for pod in one["pods"]]
        return [pod for pod in of_services + state["workloads"] if pod["service"] == service]

    async def _prewarm(self, service: str, pods: int) -> None:
        url = f"{self._stack.about.runtime_url}/runtime/revisions/{service}/prewarm"
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.post(url, json={"pods": pods}) as answer,
        ):
            answer.raise_for_status()


Find = Callable[[Processes], Awaitable[psutil.Process]]
Strike = Callable[[Processes], Awaitable[Hit]]


@dataclass(frozen=True, slots=True)
class Fault:
    """``strike`` is None for a fault of the engine, which is armed for each caller before the call.

    ``callers`` ring in one round. ``ends_calls``: the bridge that holds the calls is gone. ``wakes`` is a function
    that has to be there to be killed.
    """

    name: str
    strike: Strike | None = None
    engine: Kind | None = None
    callers: int = 3
    ends_calls: bool = False
    outage: bool = False
    wakes: str = ""

    def trouble(self, chance: random.Random) -> Trouble | None:
        if self.engine is None:
            return None
        stages = STAGES_OF.get(self.engine, STAGES)
        return Trouble(self.engine, chance.choice(stages), 2 if self.engine == "close_twice" else 1)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """psutil sends nothing to a process that has another's former id."""
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(number)


def _kill(process: psutil.Process) -> None:
    """With all it started. Postgres' processes lead groups of their own: no signal to a group reaches them."""
    _signal((process, *process.children(recursive=True)), signal.SIGKILL)


def _killing(find: Find) -> Strike:
    async def strike(processes: Processes) -> Hit:
        _kill(await find(processes))
        return Hit(_now())

    return strike


def _freezing(find: Find, *, alone: bool = False) -> Strike:
    """``alone``: what the process has started goes on."""

    async def strike(processes: Processes) -> Hit:
        process = await find(processes)
        frozen = [process] if alone else [process, *process.children(recursive=True)]
        _signal(frozen, signal.SIGSTOP)
        at = _now()
        try:
            await asyncio.sleep(FROZEN_S)
        finally:
            _signal(frozen, signal.SIGCONT)
        return Hit(at, _now())

    return strike


def _outage(server: str, *, wiped: bool = False) -> Strike:
    async def strike(processes: Processes) -> Hit:
        _kill(await processes.server(server))
        at = _now()
        await asyncio.sleep(OUTAGE_S)
        await processes.start(server, wiped=wiped)
        return Hit(at, _now())

    return strike


async def _let_no_file_grow(process: psutil.Process) -> None:
    """As the process's own user: limits are changed by nobody else without a capability that containers lack."""
    with contextlib.suppress(psutil.NoSuchProcess):
        user, group = process.uids().real, process.gids().real
        asked = await asyncio.create_subprocess_exec(
            *("prlimit", f"--pid={process.pid}", "--fsize=0:"),
            user=user if user != os.getuid() else None,
            group=group if user != os.getuid() else None,
            extra_groups=() if user != os.getuid() else None,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(asked.wait(), 5)


def _full_disk(server: str) -> Strike:
    """As on a full disk no file grows; then there is room again, and an operator starts the server anew."""

    async def strike(processes: Processes) -> Hit:
        process = await processes.server(server)
        for one in (process, *process.children(recursive=True)):
            await _let_no_file_grow(one)
        at = _now()
        await asyncio.sleep(OUTAGE_S)
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have given up by itself
            _kill(process)
        await processes.start(server, wiped=False)
        return Hit(at, _now())

    return strike


def _pod(service: str, busy: bool = False) -> Find:
    return lambda processes: processes.pod(service, busy)


def _server(name: str) -> Find:
    return lambda processes: processes.server(name)


async def _runtime(processes: Processes) -> psutil.Process:
    return processes.runtime()


FUNCTIONS = (
    *("call-logger", "order-logger", "cache-invalidator", "greeting-renderer"),
    *("archiver", "dead-letter-keeper", "line-assigner", "reconciler", "webhook-sender", "errand-runner"),
)
ENGINE_KINDS: tuple[Kind, ...] = (
    *("drop", "close_twice", "refuse_429", "refuse_503", "stall", "endless_turn"),
    *("active_response", "empty_reply", "incomplete_reply", "tool_twice", "done_twice"),
)


def _all() -> list[Fault]:
    found = [
        Fault("none"),
        Fault("handler-kill", _killing(_pod("call-handler", busy=True)), callers=1),
        Fault("handler-stop", _freezing(_pod("call-handler", busy=True)), callers=1),
        Fault("session-kill", _killing(Processes.session)),
        Fault("session-stop", _freezing(Processes.session)),
        Fault("signaller-kill", _killing(Processes.signaller), callers=1, ends_calls=True),
        Fault("signaller-stop", _freezing(Processes.signaller), callers=1, ends_calls=True),
        Fault("supervisor-kill", _killing(_pod("edge-bridge")), ends_calls=True),
        Fault("supervisor-stop", _freezing(_pod("edge-bridge"), alone=True)),
        Fault("relay-kill", _killing(_pod("outbox-relay"))),
        Fault("relay-stop", _freezing(_pod("outbox-relay"))),
        Fault("broker-stop", _freezing(_runtime, alone=True)),
        Fault("web-kill", _killing(_pod("web"))),
        Fault("web-stop", _freezing(_pod("web"))),
        Fault("postgres-kill", _outage("postgres"), outage=True),
        Fault("postgres-stop", _freezing(_server("postgres")), outage=True),
        Fault("postgres-disk-full", _full_disk("postgres"), outage=True),
        Fault("valkey-disk-full", _full_disk("valkey")),
        Fault("valkey-kill", _outage("valkey")),
        Fault("valkey-lost", _outage("valkey", wiped=True)),
        Fault("valkey-stop", _freezing(_server("valkey"))),
    ]
    for name in FUNCTIONS:
        found.append(Fault(f"{name}-kill", _killing(_pod(name)), wakes=name))
        found.append(Fault(f"{name}-stop", _freezing(_pod(name)), wakes=name))
    found += [Fault(f"engine-{kind.replace('_', '-')}", engine=kind) for kind in ENGINE_KINDS]
    return found


FAULTS: dict[str, Fault] = {fault.name: fault for fault in _all()}
