"""``alloresto bench call``: the call path on this machine, with an engine that answers at once.

The stack is the real one (Postgres, Valkey, the local Knative runtime, the edge bridge, the functions); the caller
and the engine are instruments. What is measured is what is ours: SIP, media, cold start, events.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench import handler_start
from bench.report import Figure, percentile
from devstack.servers.ports import free_port
from devstack.stack.engines import EngineEndpoint
from devstack.stack.stack import Stack, StackOptions
from devstack.stack.timeline import watch_live
from eventing import outbox
from eventing.catalogue import MenuChanged, RestaurantChanged
from softphone.caller import Caller
from stores import tenants
from stores.postgres import Postgres

SERVICE = "call-handler"
TURN_FIGURE = "end of speech → first reply RTP, less the engine's time"
TURN_CALLS = 7
TURNS = 5
INTERRUPTIONS = 10
MANY_HANDLERS = Path(__file__).parent / "many_calls"
CALLS_AT_ONCE = 32  # what each wakeup of the edge costs is shared by all of them
RINGING_PER_S = 2  # a handler's start takes a quarter of a second of processor
AT_ONCE_S = 20.0
IDLE_TIMEOUT_S = 60.0
JOIN_TIMEOUT_S = 15.0
SPEECH_S = 1.0
PAUSE_S = 2.4  # the tone lasts 2 s: the next sentence comes after it
INTERRUPT_AFTER_S = 0.6
QUICK_CALLS = 60
QUICK_SETTLE_S = 2.0
QUICK_PAUSE_S = 0.4  # one after the other, well below the 20 calls a second that a signaller takes
LATE_S = 0.060
POLL_S = 0.01
EVENTS_WARM_UP = 10
EVENTS = 200
EVENT_TIMEOUT_S = 20.0
EVENT_PAUSE_S = 0.02
MIB = 1 << 20
CONDITIONS: dict[str, str] = {}  # no more than every bench's


def _speech(seconds: float) -> bytes:
    """A 200 Hz square wave at −14 dBFS: voiced in every frame."""
    return (bytes([0x98] * 20 + [0x18] * 20) * (int(seconds * 8000) // 40 + 1))[: int(seconds * 8000)]


class Stamps:
    """What the echo engine wrote, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, kind: str, since: float = 0.0) -> list[dict[str, Any]]:
        lines = [orjson.loads(line) for line in self._path.read_bytes().splitlines()]
        return [one for one in lines if one["kind"] == kind and one["at"] >= since]


@contextmanager
def echo_engine(stamps: Path) -> Iterator[EngineEndpoint]:
    """The echo engine as a child process."""
    stamps.touch()
    port = free_port()
    command = [sys.executable, "-m", "bench.echo_engine", "--port", str(port), "--stamps", str(stamps)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield EngineEndpoint("an echo of the protocol", f"http://127.0.0.1:{port}/v1", "bench")
    finally:
        process.terminate()
        process.wait(10)


class CallBench:
    """One started stack and what watches it."""

    def __init__(self, stack: Stack, stamps: Stamps) -> None:
        self._stack = stack
        self._stamps = stamps
        self.calls_joined = asyncio.Queue[float](maxsize=1000)

    def live(self, message: dict[str, Any], at: float) -> None:
        if message.get("kind") == "call" and message.get("state") == "joined":
            self.calls_joined.put_nowait(at)

    def caller(self) -> Caller:
        line = self._stack.lines[0]
        return Caller(("127.0.0.1", self._stack.sip_port), line.line_id)

    def pods(self) -> int:
        """Pods that could take a call; one that is ending takes none."""
        return sum(pod.state != "terminating" for pod in self._stack.runtime.pods(SERVICE))

    async def no_pods(self) -> None:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            while self.pods():
                await asyncio.sleep(POLL_S)

    async def cold_calls(self, runs: int) -> list[Figure]:
        """Each from zero pods: the greeting, the handler."""
        greeted, joined = [], []
        for _ in range(runs):
            await self.no_pods()
            async with self.caller() as caller:
                rang = time.time()
                await caller.invite()
                await caller.rtp.wait_for_voice(0.0, JOIN_TIMEOUT_S)
                joined.append((await asyncio.wait_for(self.calls_joined.get(), JOIN_TIMEOUT_S) - rang) * 1000)
                greeted.append(caller.first_voice_ms or float("nan"))
        return [
            Figure("INVITE → first greeting RTP, from zero pods, p99", percentile(greeted, 99), "ms", "≤ 200"),
            Figure("INVITE → handler joined, from zero, p50", statistics.median(joined), "ms", "≤ 700"),
        ]

    async def quick_calls(self) -> list[Figure]:
        """Answered and hung up at once: how long the caller's phone waits for 200 OK."""
        answered: list[float] = []
        for _ in range(QUICK_CALLS):
            async with self.caller() as caller:
                result = await caller.invite()
                if result.ms_to_200 is None:
                    raise RuntimeError(f"a call was not answered: {result.status} {result.reason}")
                answered.append(result.ms_to_200)
            await asyncio.sleep(QUICK_PAUSE_S)
        await asyncio.sleep(QUICK_SETTLE_S)  # a handler that was on its way may still join
        while not self.calls_joined.empty():
            self.calls_joined.get_nowait()
        return [
            Figure("INVITE → 200 OK, p50", statistics.median(answered), "ms"),
            Figure("INVITE → 200 OK, p99", percentile(answered, 99), "ms", "≤ 15"),
        ]

    async def turns(self) -> list[Figure]:
        """End of speech → first reply, less what the engine took between the two.

        Over several calls: the offset between the caller's 20 ms clock and the bridge's is settled once a call.
        """
        ours: list[float] = []
        for _ in range(TURN_CALLS):
            async with self.caller() as caller:
                await self._join(caller)
                ours += [await self._turn(caller) for _ in range(TURNS)]
        return [
            Figure(f"{TURN_FIGURE}, p50", statistics.median(ours), "ms", "≤ 60"),
            Figure(f"{TURN_FIGURE}, p95", percentile(ours, 95), "ms", "≤ 110"),
        ]

    async def _turn(self, caller: Caller) -> float:
        """Milliseconds; then a pause until the answer is over."""
        began = time.monotonic()
        caller.say(_speech(SPEECH_S))
        await caller.rtp.until_said(SPEECH_S + 5)
        ended = time.monotonic()
        first = await caller.rtp.wait_for_voice(ended, JOIN_TIMEOUT_S)
        voice_end = self._stamps.read("voice_end", began)[0]["at"]
        engine_s = self._stamps.read("first_delta", voice_end)[0]["at"] - voice_end
        await asyncio.sleep(PAUSE_S)
        return float(first - ended - engine_s) * 1000

    async def interruptions(self) -> list[Figure]:
        """From the engine's speech_started to the last packet of what was being said."""
        silent: list[float] = []
        async with self.caller() as caller:
            await self._join(caller)
            for _ in range(INTERRUPTIONS):
                caller.say(_speech(SPEECH_S))
                await caller.rtp.until_said(SPEECH_S + 5)
                await caller.rtp.wait_for_voice(time.monotonic(), JOIN_TIMEOUT_S)
                await asyncio.sleep(INTERRUPT_AFTER_S)
                began = time.monotonic()
                caller.say(_speech(SPEECH_S / 2))
                await caller.rtp.until_said(SPEECH_S + 5)
                started = self._stamps.read("speech_started", began)[0]["at"]
                last = max(packet.at for packet in caller.rtp.received if packet.voice and packet.at < started + 0.5)
                if started - last > LATE_S:
                    raise RuntimeError("nothing was being said when the caller interrupted: the figure means nothing")
                silent.append(max(0.0, last - started) * 1000)
                await asyncio.sleep(PAUSE_S)
        return [Figure("speech_started → last old RTP packet, worst of all", max(silent), "ms", "≤ 60")]

    async def _join(self, caller: Caller) -> None:
        """Ring, wait for the handler and for the greeting to be over."""
        await caller.invite()
        await asyncio.wait_for(self.calls_joined.get(), JOIN_TIMEOUT_S)
        await caller.rtp.wait_for_speech_end(700, JOIN_TIMEOUT_S, since=0.0)

    async def calls_at_once(self) -> list[Figure]:
        """Processor time per call, also of handlers that stand by; late frames both ways; memory of a handler."""
        callers = [self.caller() for _ in range(CALLS_AT_ONCE)]
        async with AsyncExitStack() as calls:
            joining = []
            for caller in callers:
                await calls.enter_async_context(caller)
                joining.append(asyncio.create_task(self._join(caller)))
                await asyncio.sleep(1 / RINGING_PER_S)
            await asyncio.gather(*joining)
            processes = {name: self._processes(name) for name in ("edge-bridge", SERVICE)}
            before = {name: _processor_seconds(ours) for name, ours in processes.items()}
            began = time.monotonic()
            while time.monotonic() - began < AT_ONCE_S:
                for caller in callers:
                    caller.say(_speech(SPEECH_S))
                await asyncio.sleep(SPEECH_S + PAUSE_S)
            took = time.monotonic() - began
            spent = {name: _processor_seconds(ours) - before[name] for name, ours in processes.items()}
            shares = {name: seconds / took / len(callers) * 100 for name, seconds in spent.items()}
            share = sum(shares.values())
            memory = max(process.memory_info().rss for process in self._processes(SERVICE)) / MIB
            # Of the frames at the callers and, as its stamps say, at the engine.
            arrivals = [[packet.at for packet in caller.rtp.received if packet.at >= began] for caller in callers]
            gaps = [later - earlier for times in arrivals for earlier, later in itertools.pairwise(times)]
            late = sum(gap > LATE_S for gap in gaps) + len(self._stamps.read("late", began))
        what = f"{CALLS_AT_ONCE} calls:"
        return [
            Figure(f"{what} CPU of edge + handler per call", share, "% of a core", "≤ 1.25"),
            Figure(f"{what} CPU of the handlers alone per call", shares[SERVICE], "% of a core", "≤ 0.8"),
            Figure(f"{what} calls per vCPU, whole path", 100 / share, "", "≥ 80"),
            Figure(f"{what} frames later than 60 ms", 100 * late / max(1, 2 * len(gaps)), "%", "≤ 0.5"),
            Figure("handler RSS in a call", memory, "MiB", "≤ 50"),
        ]

    def _processes(self, service: str) -> list[psutil.Process]:
        roots = [psutil.Process(pod.pid) for pod in self._stack.runtime.pods(service) if pod.pid]
        return [process for root in roots for process in (root, *root.children(recursive=True))]


def _processor_seconds(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


async def allow_calls(stack: Stack, at_once: int) -> None:
    """The first restaurant may have so many: its bridge knows after ten seconds."""
    restaurant_id = stack.lines[0].restaurant_id
    postgres = Postgres(stack.platform_url)
    await postgres.open()
    try:
        async with postgres.platform() as connection:
            await tenants.set_plan(connection, restaurant_id, max_calls=at_once, plan="", plan_notes="")
            changed = RestaurantChanged(restaurant_id=restaurant_id, fields=("max_calls",))
            await outbox.emit(connection, changed, source="/bench")
    finally:
        await postgres.close()


async def event_latencies(stack: Stack) -> list[Figure]:
    """From the outbox insert to a function's committed effect, through the relay, the Broker and a Trigger, warm.

    One event at a time, on this process's clock: from before the insert to the live feed's message that the effect
    is committed.
    """
    seen: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)

    def live(message: dict[str, Any], _: float) -> None:
        if message.get("kind") == "event" and message.get("function") == "cache_invalidator":
            seen.put_nowait(message["id"])

    watching = asyncio.create_task(watch_live(stack.redis_url, live))
    postgres = Postgres(stack.platform_url)
    await postgres.open()
    samples: list[float] = []
    try:
        for _ in range(EVENTS_WARM_UP + EVENTS):
            began = time.perf_counter()
            async with postgres.platform() as connection:
                change = MenuChanged(restaurant_id=stack.lines[0].restaurant_id, item_ids=(), reason="bench")
                event = await outbox.emit(connection, change, source="/bench")
            async with asyncio.timeout(EVENT_TIMEOUT_S):
                while await seen.get() != event.id:
                    pass
            samples.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(EVENT_PAUSE_S)
    finally:
        await postgres.close()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    del samples[:EVENTS_WARM_UP]
    return [
        Figure("outbox insert → effect committed, warm, p50", statistics.median(samples), "ms", "≤ 15"),
        Figure("outbox insert → effect committed, warm, p99", percentile(samples, 99), "ms", "≤ 80"),
    ]


async def run(runs: int) -> list[Figure]:
    """All figures of the call path, ``runs`` calls from zero pods. A run takes about 25 s, the rest about 5 minutes."""
    with (
        tempfile.TemporaryDirectory(prefix="alloresto-bench-") as folder,
        echo_engine(Path(folder) / "stamps") as engine,
    ):
        stack = Stack(
            StackOptions(Path(folder) / "state", engine=engine, max_calls=CALLS_AT_ONCE, manifests=MANY_HANDLERS),
            lambda _: None,
        )
        await stack.start()
        try:
            await allow_calls(stack, CALLS_AT_ONCE)
            bench = CallBench(stack, Stamps(Path(folder) / "stamps"))
            watching = asyncio.create_task(watch_live(stack.redis_url, bench.live))
            try:
                figures = [
                    *await bench.cold_calls(runs),
                    *await bench.quick_calls(),
                    *await bench.turns(),
                    *await bench.interruptions(),
                    *await bench.calls_at_once(),
                    *await event_latencies(stack),
                ]
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        finally:
            await stack.stop()
    return [*figures, *handler_start.figures()]
