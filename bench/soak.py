"""``alloresto bench soak``: scripted orders without a pause on the embedded stack: is any lost, and is memory flat.

The callers of ``bench.chaos`` ring one restaurant over SIP, twenty at a time, each with a name and a number of their
own; every order that one of them agreed to is looked for in the books. Meanwhile each process that stays is weighed:
its own memory (unique set size, so that Postgres's shared buffers count for nobody), its open files; and Redis's keys
and the connections to both servers. A slope is the least squares' over the samples after the warm-up of WARM_UP_CALLS,
in which pools and caches fill; where fewer than twice as many ring, it is half of them, which is not all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil
from rich.console import Console

from bench.chaos import places
from bench.chaos.accounts import Accountant
from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.campaign import FIRST_NAMES, LAST_NAMES, TITLES
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.stack_process import Description, StackProcess
from bench.chaos.tones import VOICES, Voice
from bench.report import Figure
from stores.redis import connect

CALLS = 10_000
AT_ONCE = len(VOICES)
FIRST_CALLS = 10  # what the example restaurant may have: within them the bridge reads that it may have AT_ONCE
SAMPLES = 20
WARM_UP_CALLS = 500
MOST_BETWEEN_READINGS = 100  # of the books, which give back the newest 200
RTP_PORT_MIN = 20_600  # away from a stack that the developer has running, and from the other benches'
SETTLED_WITHIN_S = 60.0
READ_EVERY_S = 0.5
CALLS_OF_A_SLOPE = 1000
TOLD, TOLD_BY_FILES = 15, 5  # processes, the fastest growing first
MB = 1 << 20
CONDITIONS: dict[str, str] = {"callers": f"{AT_ONCE} at once, in tones, without speech models"}


@dataclass(frozen=True, slots=True)
class Weight:
    """Of a process: its own bytes, and open files. ``name`` tells which one it is."""

    name: str
    own: int
    files: int


@dataclass(frozen=True, slots=True)
class Sample:
    """``lasting`` are Redis's keys without an end of their own, ``ending`` the others; connections are clients'."""

    calls: int
    weights: Mapping[int, Weight]
    lasting: int
    ending: int
    postgres: int
    redis: int


@dataclass(slots=True)
class Soak:
    """``missing``: agreed to, and not found in the books so far. ``wrong``: found other than once."""

    calls: int = 0
    refused: int = 0
    agreed: int = 0
    cut: list[str] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)
    missing: list[Experience] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    lasted_s: float = 0.0


class Callers:
    """One after the other in each voice; what they lived through is in ``told`` until it is taken."""

    def __init__(self, engine: Engine, about: Description) -> None:
        self.told: list[Experience] = []
        self._engine = engine
        self._about = about
        self._numbers = itertools.count(1)

    async def ring(self, calls: int) -> None:
        left = iter(range(calls))
        await asyncio.gather(*(self._at(voice, left) for voice in VOICES[:AT_ONCE]))

    async def _at(self, voice: Voice, left: Iterable[int]) -> None:
        for _ in left:
            number = next(self._numbers)
            wish = Wish(_name(number), 1 + number % 3, voice)
            self._engine.expect(wish)
            target = ("127.0.0.1", self._about.sip_port)
            caller = ScriptedCaller(target, self._about.line.line_id, wish, f"+35320{number:07d}")
            self.told.append(await caller.run())


def _name(number: int) -> str:
    """A caller's own."""
    number, last = divmod(number, len(LAST_NAMES))
    title, first = divmod(number, len(FIRST_NAMES))
    return f"{FIRST_NAMES[first]} {TITLES[title % len(TITLES)]}{LAST_NAMES[last]}"


async def run(_runs: int, calls: Sequence[int] = (CALLS,)) -> list[Figure]:
    """The first of ``calls`` is how many."""
    console = Console(file=sys.stderr)
    engine = Engine()
    await engine.start()
    try:
        with tempfile.TemporaryDirectory(prefix="alloresto-soak-") as folder:
            Path(folder).chmod(0o755)  # Postgres may run as nobody
            async with StackProcess(places.options(Path(folder), engine.base_url, RTP_PORT_MIN, AT_ONCE)) as stack:
                await places.admit(stack.about, AT_ONCE)
                soak = await soaked(stack, engine, calls[0], console)
    finally:
        await engine.stop()
    lost = [f"{one.wish.name} ({one.number}): agreed to, and not in the books" for one in soak.missing]
    for line in (*lost, *soak.wrong, *soak.cut, *_heaviest(soak.samples)):
        console.print(line, soft_wrap=True, highlight=False)
    return figures(soak)


async def soaked(stack: StackProcess, engine: Engine, calls: int, console: Console) -> Soak:
    """``calls`` calls in stretches; between them nobody rings, the books are read and the processes weighed."""
    soak, callers, accountant = Soak(), Callers(engine, stack.about), Accountant(stack.about)
    stretch = min(max(calls // SAMPLES, AT_ONCE), MOST_BETWEEN_READINGS)
    began = time.monotonic()
    while soak.calls < calls:
        await callers.ring(min(stretch if soak.calls else FIRST_CALLS, calls - soak.calls))
        _take(soak, callers.told)
        callers.told.clear()
        await _compare(soak, accountant, SETTLED_WITHIN_S)
        soak.samples.append(await _weighed(stack, soak.calls))
        console.print(f"{soak.calls} calls, {soak.agreed} orders agreed to, {len(soak.missing)} not there yet")
    soak.lasted_s = time.monotonic() - began
    return soak


def _take(soak: Soak, told: Sequence[Experience]) -> None:
    for one in told:
        soak.calls += 1
        soak.refused += one.status != 200
        if one.status == 200 and not (one.ended_by == "assistant" and one.agreed):
            soak.cut.append(f"{one.wish.name} ({one.number}): {one.ended_by}, heard {[said for _, said in one.heard]}")
        soak.silences.append(one.silence_s)
        if one.agreed:
            soak.agreed += 1
            one.voices.clear()  # thousands a call
            soak.missing.append(one)


async def _compare(soak: Soak, accountant: Accountant, within_s: float) -> None:
    """Take from ``missing`` what the books have, until nothing is missing and no call in progress or time is over."""
    end = time.monotonic() + within_s
    while True:
        books = await accountant.read()
        found = [one for one in soak.missing if books.orders_under(one)]
        soak.missing = [one for one in soak.missing if one not in found]
        for one in found:
            quantities = [line.quantity for order in books.orders_under(one) for line in order.lines]
            if quantities != [one.wish.quantity]:
                soak.wrong.append(f"{one.wish.name} ({one.number}): {one.wish.quantity} agreed to, stored {quantities}")
        if (not soak.missing and not books.leases) or time.monotonic() > end:
            return
        await asyncio.sleep(READ_EVERY_S)


async def _weighed(stack: StackProcess, calls: int) -> Sample:
    root = psutil.Process(stack.pid)
    weights: dict[int, Weight] = {}
    for one in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            weights[one.pid] = Weight(_called(one), one.memory_full_info().uss, one.num_fds())
    connection = await asyncpg.connect(stack.about.platform_url, timeout=30)
    try:
        clients: int = await connection.fetchval(
            "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        )
    finally:
        await connection.close()
    async with connect(stack.about.redis_url) as redis:
        keyspace = (await redis.info("keyspace")).get("db0", {"keys": 0, "expires": 0})
        redis_clients = int((await redis.info("clients"))["connected_clients"])
    ending = int(keyspace["expires"])
    return Sample(calls, weights, int(keyspace["keys"]) - ending, ending, clients, redis_clients)


def _called(process: psutil.Process) -> str:
    command = process.cmdline()
    module = command[command.index("-m") + 1 :] if "-m" in command[:-1] else command
    return " ".join([process.name(), *module[:2]])[:60]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares' of y over x; 0 for fewer than two x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def after_warm_up(samples: Sequence[Sample]) -> list[Sample]:
    warm_up = min(WARM_UP_CALLS, samples[-1].calls / 2)
    return [one for one in samples if one.calls > warm_up]


def grown(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """``(MB, open files)`` a thousand calls, of each process that is in all samples after the warm-up; by its name and
    id."""
    warm = after_warm_up(samples)
    stayed = set(warm[0].weights).intersection(*(one.weights for one in warm))
    found = {}
    for pid in stayed:
        own = slope([(one.calls / CALLS_OF_A_SLOPE, one.weights[pid].own / MB) for one in warm])
        files = slope([(one.calls / CALLS_OF_A_SLOPE, float(one.weights[pid].files)) for one in warm])
        found[f"{warm[-1].weights[pid].name} {pid}"] = (own, files)
    return found


def _heaviest(samples: Sequence[Sample]) -> list[str]:
    """Those that grew most in memory, and those in files."""
    slopes = grown(samples)
    by_memory = sorted(slopes.items(), key=lambda one: one[1], reverse=True)[:TOLD]
    by_files = sorted(slopes.items(), key=lambda one: one[1][1], reverse=True)[:TOLD_BY_FILES]
    first, last = after_warm_up(samples)[0], samples[-1]
    told = [f"after {first.calls} calls, which are the warm-up:"]
    for name, (own, files) in dict(by_memory + by_files).items():
        pid = int(name.rpartition(" ")[2])
        begun, ended = (one.weights[pid].own / MB for one in (first, last))
        told.append(f"{name}: {begun:.1f} → {ended:.1f} MB, {own:+.2f} MB and {files:+.1f} files a thousand calls")
    return told


def figures(soak: Soak) -> list[Figure]:
    slopes, last = grown(soak.samples), soak.samples[-1]
    bridge = [own for name, (own, _) in slopes.items() if "edge_bridge" in name]
    handlers = [own for name, (own, _) in slopes.items() if "call_handler" in name]
    # Postgres' keep each table's file that they have met open, a partition's and an index' are others, up to 1000.
    files = [files for name, (_, files) in slopes.items() if not name.startswith("postgres")]
    warm = after_warm_up(soak.samples)[0]
    return [
        Figure("calls", soak.calls, ""),
        Figure("calls a second", soak.calls / soak.lasted_s, ""),
        Figure("calls refused", soak.refused, "", "= 0"),
        Figure("calls cut, or without an order", len(soak.cut), "", "= 0"),
        Figure("longest silence that nothing explains", max(soak.silences), "s"),
        Figure("orders agreed to", soak.agreed, ""),
        Figure("… lost", len(soak.missing), "", "= 0"),
        Figure("… doubled or changed", len(soak.wrong), "", "= 0"),
        Figure("calls of the warm-up, which no slope counts", warm.calls, ""),
        Figure("processes that stayed", len(slopes), ""),
        Figure("the bridge's processes: memory more a call", sum(bridge), "kB", "≤ 2"),
        Figure("a call handler: memory more a call, most", max(handlers, default=0.0), "kB", "≤ 2"),
        Figure("memory of one process, most a 1,000 calls", max(own for own, _ in slopes.values()), "MB", "≤ 2"),
        Figure("memory of all that stayed, a 1,000 calls", sum(own for own, _ in slopes.values()), "MB", "≤ 8"),
        Figure("open files of a process, Postgres' apart, most a 1,000 calls", max(files), "", "≤ 10"),
        Figure("Redis: keys without an end, more", last.lasting - warm.lasting, "", "≤ 10"),
        Figure("Redis: keys that end, a call", (last.ending - warm.ending) / max(1, last.calls - warm.calls), ""),
        Figure("Postgres: connections more", last.postgres - warm.postgres, "", "≤ 10"),
        Figure("Redis: connections more", last.redis - warm.redis, "", "≤ 10"),
    ]
