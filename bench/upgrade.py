"""``alloresto bench upgrade``: 20 spoken orders while bridge, handler, functions, admin and relay are replaced.

The callers of ``bench.chaos`` ring one restaurant of the embedded stack, twenty at a time. They speak in tones, and so
does the engine: no speech model takes part. They begin on a bridge and on handlers of the
version before; with ``--before`` that is another commit's code, on this one's schema: two versions at once. The bridge
is replaced as a StatefulSet's is with a node beside it: the next one stands, the old one drains, and who rings it is
sent on. The handler is replaced by a release. Then a candidate that reaches no engine is tried: it has to go back by
itself, and its callers have to get their orders.
"""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from rich.console import Console

from bench.chaos import places
from bench.chaos.accounts import Accountant, Books
from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.campaign import FIRST_NAMES, LAST_NAMES, TITLES
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.faults import Processes
from bench.chaos.stack_process import StackProcess
from bench.chaos.tones import VOICES, Voice
from bench.report import Figure
from devstack.edge.bridge_process import ROOT, BridgeProcess
from domain.traces import Moment
from domain.trials import Tally
from ops import releases
from ops.releases import HANDLER, LocalHandlers
from stores import releases as stored
from stores import traces
from stores.postgres import Connection, Postgres

RTP_PORT_MIN = 18_000
CALLS = 20
AT_ONCE = len(VOICES)
BETWEEN_STEPS = 2  # calls that begin
COUNTED = 3  # calls that a candidate has ended
WITHIN_S = 180.0
SETTLED_WITHIN_S = 30.0
DRAIN_S = 120
RANG_AGAIN_S = 0.05
UNAVAILABLE = 503
LOOK_EVERY_S = 0.1
NO_ENGINE = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
SILENT_S = 5.0
CONDITIONS = {
    "callers": f"{AT_ONCE} at once, in tones, without speech models",
    "bridge": "a second node takes the calls while the first one drains",
}

Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(slots=True)
class Upgrade:
    """What came of it. ``sent_on`` calls were refused by a draining bridge and taken by the next, ``refused`` ones by
    both, or by one for another reason, or not answered."""

    calls: list[Experience] = field(default_factory=list)
    broken: list[Experience] = field(default_factory=list)
    sent_on: int = 0
    refused: int = 0
    orders: dict[str, int] = field(default_factory=dict)  # by name: stored under the caller's own call
    missed: list[str] = field(default_factory=list)  # each call that something was wrong with
    silent: list[str] = field(default_factory=list)  # each call with a longer silence than SILENT_S, and its course
    release: stored.Release | None = None
    returned: stored.Release | None = None
    versions: stored.Tallies | None = None


class Callers:
    """Ring one after the other in each voice until they are told to end; ``targets`` are tried in order."""

    def __init__(self, engine: Engine, line_id: str, at_once: int, told: Upgrade) -> None:
        self.targets: list[tuple[str, int]] = []
        self.begun = 0
        self.into = told.calls
        self._engine = engine
        self._line_id = line_id
        self._told = told
        self._numbers = itertools.count(1)
        self._ended = asyncio.Event()
        self._tasks = [asyncio.create_task(self._ring(voice)) for voice in VOICES[:at_once]]

    async def until_begun(self, more: int) -> None:
        wanted = self.begun + more
        await until(lambda: self.begun >= wanted, f"{more} further calls")

    async def end(self) -> None:
        """No further calls; those in progress end by themselves."""
        self._ended.set()
        await asyncio.gather(*self._tasks)

    async def _ring(self, voice: Voice) -> None:
        while not self._ended.is_set():
            if not self.targets:
                await asyncio.sleep(RANG_AGAIN_S)
                continue
            number = next(self._numbers)
            wish = Wish(_name(number), 1 + number % 3, voice)
            self._engine.expect(wish)
            into = self.into
            for place, target in enumerate(tuple(self.targets)):
                experience = await self._call(target, wish, f"+3532092{number:05d}")
                if experience.status != UNAVAILABLE:
                    self._told.sent_on += place
                    self._told.refused += experience.status != 200
                    into.append(experience)
                    break
            else:
                self._told.refused += 1
                await asyncio.sleep(RANG_AGAIN_S)

    async def _call(self, target: tuple[str, int], wish: Wish, number: str) -> Experience:
        self.begun += 1
        return await ScriptedCaller(target, self._line_id, wish, number).run()


def _name(number: int) -> str:
    """A caller's own, for more callers than an upgrade has time for."""
    number, last = divmod(number, len(LAST_NAMES))
    title, first = divmod(number, len(FIRST_NAMES))
    return f"{FIRST_NAMES[first]} {TITLES[title % len(TITLES)]}{LAST_NAMES[last]}"


class Site:
    """The embedded stack with the bridge of the version before beside it."""

    def __init__(self, stack: StackProcess, folder: Path, code: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._code = code
        self._handlers = LocalHandlers(stack.about.runtime_url)
        self._processes = Processes(stack)
        self._postgres = Postgres(stack.about.platform_url, max_size=2)
        self.old_bridge: BridgeProcess | None = None

    @property
    def new_target(self) -> tuple[str, int]:
        return ("127.0.0.1", self._stack.about.sip_port)

    async def begin(self, at_once: int) -> None:
        """All of the version before, but for the schema; and the restaurant may have ``at_once`` calls."""
        await self._postgres.open()
        await places.admit(self._stack.about, at_once)
        await self.deploy(await self.services(), self._code)
        await releases.hold(self._handlers)
        runtime = await self._runtime()
        sink = next(one["url"] for one in runtime["services"] if one["name"] == HANDLER)
        about = self._stack.about
        self.old_bridge = BridgeProcess(
            self._folder,
            about.platform_url,
            about.redis_url,
            about.master_key,
            int(sink.rpartition(":")[2]),
            code=self._code,
            BRIDGE_NODE_ID="edge-before",
            LOCAL_RUNTIME_URL=about.runtime_url,
            HANDLER_WAIT_S="30",
            DRAIN_S=str(DRAIN_S),
            MAX_CALLS=str(AT_ONCE + places.SPARE),
        )
        await asyncio.to_thread(self.old_bridge.start)

    async def end(self) -> None:
        if self.old_bridge is not None:
            await asyncio.to_thread(self.old_bridge.stop)
        await self._postgres.close()

    async def services(self) -> list[str]:
        return [one["name"] for one in (await self._runtime())["services"]]

    async def deploy(self, services: Sequence[str], code: Path, **environment: str) -> None:
        """A Revision of each, and wait until each was ready."""
        body = {"folder": str(code), "environment": environment}
        url = f"{self._stack.about.runtime_url}/runtime/services"
        async with aiohttp.ClientSession() as http:
            for name in services:
                async with http.post(f"{url}/{name}/revisions", json=body) as answer:
                    answer.raise_for_status()
                    made = (await answer.json())["name"]

                async def proved(name: str = name, made: str = made) -> bool:
                    async with http.get(f"{url}/{name}") as answer:
                        return bool((await answer.json())["status"]["latestReadyRevisionName"] == made)

                await eventually(proved, f"{made} is ready")

    async def drain_bridge(self) -> None:
        assert self.old_bridge is not None
        process = self.old_bridge.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None, "the old bridge has drained")

    async def restart(self, workload: str) -> None:
        """As a Deployment's pod is replaced, without another beside it: its work waits a moment."""
        (await self._processes.pod(workload)).send_signal(signal.SIGTERM)

    async def try_candidate(self) -> stored.Release:
        return await self._in_database(lambda connection: releases.begin(self._handlers, connection, 100))

    async def promote(self) -> stored.Release:
        return await self._in_database(lambda connection: releases.promote(self._handlers, connection))

    async def tallies(self, release: stored.Release) -> stored.Tallies:
        return await self._in_database(lambda connection: stored.tally(connection, release.id))

    async def latest(self) -> stored.Release | None:
        return await self._in_database(stored.latest)

    async def _in_database(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._postgres.platform() as connection:
            return await work(connection)

    async def _runtime(self) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self._stack.about.runtime_url}/runtime") as answer,
        ):
            return dict(await answer.json())


async def upgrade(
    stack: StackProcess, engine: Engine, folder: Path, code: Path, calls: int, at_once: int, tell: Tell
) -> Upgrade:
    """From ``code`` to what is here, at least ``calls`` calls long; then the broken candidate. The old bridge's log
    comes into ``folder``. Raises TimeoutError when a step is not over in time."""
    told = Upgrade()
    site = Site(stack, folder, code)
    callers: Callers | None = None
    try:
        await site.begin(at_once)
        callers = Callers(engine, stack.about.line.line_id, at_once, told)
        assert site.old_bridge is not None
        callers.targets = [site.old_bridge.target, site.new_target]
        await callers.until_begun(BETWEEN_STEPS)
        await _replace(site, callers, told, tell)
        await until(lambda: len(told.calls) >= calls - at_once, f"{calls} calls")
        tell("a candidate that reaches no engine is tried")
        callers.into = told.broken
        await _try_broken(site, told)
    except TimeoutError:
        tell(f"the newest calls: {await _outcomes(stack)}")
        raise
    finally:
        if callers is not None:
            await callers.end()
        await site.end()
    await _count_orders(stack, told)
    return told


async def _outcomes(stack: StackProcess) -> str:
    books = await Accountant(stack.about).read()
    counted = Counter(f"{row.outcome} {row.missed_reason or ''}".strip() for row in books.calls)
    return ", ".join(f"{number} {outcome}" for outcome, number in counted.most_common())


async def _replace(site: Site, callers: Callers, told: Upgrade, tell: Tell) -> None:
    tell("functions: new Revisions")
    await site.deploy([name for name in await site.services() if name != HANDLER], ROOT)
    await callers.until_begun(BETWEEN_STEPS)
    tell("bridge: the old node drains")
    draining = asyncio.create_task(site.drain_bridge())
    await callers.until_begun(BETWEEN_STEPS)
    tell("admin and relay: restarted")
    await asyncio.gather(site.restart("web"), site.restart("outbox-relay"))
    await draining
    callers.targets = [site.new_target]
    tell("handler: a candidate takes the calls")
    await site.deploy([HANDLER], ROOT)
    release = await site.try_candidate()

    async def counted() -> bool:
        told.versions = await site.tallies(release)
        return told.versions.candidate.calls >= COUNTED

    await eventually(counted, f"{COUNTED} calls of the candidate")
    tell("handler: the candidate is promoted")
    told.release = await site.promote()
    await callers.until_begun(BETWEEN_STEPS)


async def _try_broken(site: Site, told: Upgrade) -> None:
    await site.deploy([HANDLER], ROOT, **NO_ENGINE)
    await site.try_candidate()

    async def returned() -> bool:
        told.returned = await site.latest()
        return told.returned is not None and told.returned.state == "returned"

    await eventually(returned, "the broken candidate is returned")


async def _count_orders(stack: StackProcess, told: Upgrade) -> None:
    accountant = Accountant(stack.about)

    async def all_there() -> bool:
        books = await accountant.read()
        everybody = [*told.calls, *told.broken]
        told.orders = {one.wish.name: len(books.orders_under(one)) for one in everybody}
        return all(told.orders[one.wish.name] for one in everybody if one.agreed)

    with contextlib.suppress(TimeoutError):  # the figures say it
        await eventually(all_there, "every order", SETTLED_WITHIN_S)
    books = await accountant.read()
    for one in (*told.calls, *told.broken):
        if is_cut(one, told) or (one.agreed and told.orders[one.wish.name] != 1):
            row = books.row_of(one)
            what = "no row" if row is None else row.outcome
            under = [(order.customer_name, order.status) for order in books.orders_under(one)]
            heard = [said for _, said in one.heard]
            told.missed.append(
                f"{one.wish.name} ({one.number}): {what}; stored {told.orders[one.wish.name]} times, under this call"
                f" {under}; ended by {one.ended_by}, heard {heard}, agreed {len(one.agreed_at)}"
            )
    told.silent = await _silences(stack, [one for one in told.calls if one.silence_s > SILENT_S], books)


async def _silences(stack: StackProcess, silent: Sequence[Experience], books: Books) -> list[str]:
    """Each caller's silence, what was heard, and what the bridge noted of the call; all in seconds since its INVITE."""
    found = []
    postgres = Postgres(stack.about.platform_url, max_size=1)
    await postgres.open()
    try:
        for one in silent:
            row = books.row_of(one)
            if row is None:
                continue
            async with postgres.platform() as connection:
                trace = await traces.get(connection, row.id, row.started_at)
            course = [] if trace is None else [_in_words(moment) for moment in trace.moments]
            heard = [f"{at - one.rang_at:.1f} {said}" for at, said in one.heard]
            found.append(
                f"{one.wish.name} (call {row.id}): {one.silence_s:.1f} s from {one.silence_at - one.rang_at:.1f} on,"
                f" with {row.bridge_node_id}; heard {heard}; {course}"
            )
    finally:
        await postgres.close()
    return found


def _in_words(moment: Moment) -> str:
    attempt = f" {moment.attempt}" if moment.attempt else ""
    return f"{moment.at_ms / 1000:.1f} {moment.what}{attempt} {moment.detail}".strip()


async def until(condition: Callable[[], bool], what: str) -> None:
    async def look() -> bool:
        return condition()

    await eventually(look, what)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = WITHIN_S) -> None:
    """Raises TimeoutError."""
    try:
        async with asyncio.timeout(within_s):
            while not await condition():
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise TimeoutError(f"not within {within_s:g} s: {what}") from None


def is_cut(one: Experience, told: Upgrade) -> bool:
    """It was answered, and the assistant did not end it after an order: one that was confirmed aloud, or is stored."""
    ordered = one.confirmed_at or told.orders.get(one.wish.name)
    return one.status == 200 and not (one.ended_by == "assistant" and ordered)


def figures(told: Upgrade) -> list[Figure]:
    everybody = [*told.calls, *told.broken]
    versions = told.versions or stored.Tallies(Tally(0, 0), Tally(0, 0))
    returned = told.returned
    return [
        Figure("calls during the upgrade", len(told.calls), "", f"≥ {CALLS - AT_ONCE}"),
        Figure("… cut", sum(is_cut(one, told) for one in told.calls), "", "= 0"),
        Figure("… sent on by the draining bridge", told.sent_on, ""),
        Figure("… that no bridge took", told.refused, "", "= 0"),
        Figure("… longest silence that nothing explains", max((one.silence_s for one in told.calls), default=0), "s"),
        Figure("calls that the candidate ended before it was promoted", versions.candidate.calls, ""),
        Figure("… and failed", versions.candidate.failed, "", "= 0"),
        Figure("calls while a broken candidate was tried", len(told.broken), ""),
        Figure("… cut", sum(is_cut(one, told) for one in told.broken), "", "= 0"),
        Figure("broken candidates returned", int(returned is not None and returned.state == "returned"), "", "= 1"),
        Figure("orders agreed to", sum(one.agreed for one in everybody), ""),
        Figure(
            "… not stored exactly once, under the caller's call",
            sum(one.agreed and told.orders.get(one.wish.name) != 1 for one in everybody),
            "",
            "= 0",
        ),
    ]


async def run(runs: int, before: str = "") -> list[Figure]:
    """One upgrade, whatever ``runs`` says. ``before`` is the commit of the version before, with git; "": this one.

    What all processes logged is kept when something went wrong, and where is told."""
    console = Console(file=sys.stderr)
    folder = Path(tempfile.mkdtemp(prefix="alloresto-bench-"))
    folder.chmod(0o755)  # Postgres may run as nobody
    state = folder / "state"
    state.mkdir()
    all_well = False
    try:
        told = await on_a_stack(state, _code_of(before, folder / "before"), CALLS, AT_ONCE, console.print)
        all_well = all(figure.ok for figure in figures(told)) and not told.silent
    finally:
        if all_well:
            shutil.rmtree(folder)
        else:
            console.print(f"the logs are in {state}", soft_wrap=True)
    for line in told.missed:
        console.print(f"missed: {line}", soft_wrap=True, highlight=False)
    for line in told.silent:
        console.print(f"silent: {line}", soft_wrap=True, highlight=False)
    if told.returned is not None:
        console.print(f"returned: {told.returned.why}", soft_wrap=True)
    return figures(told)


async def on_a_stack(state: Path, code: Path, calls: int, at_once: int, tell: Tell) -> Upgrade:
    engine = Engine()
    await engine.start()
    try:
        options = places.options(state, engine.base_url, RTP_PORT_MIN, at_once)
        async with StackProcess(options) as stack:
            return await upgrade(stack, engine, state, code, calls, at_once, tell)
    finally:
        await engine.stop()


def _code_of(commit: str, folder: Path) -> Path:
    """A commit's tree, compiled as an image's is. Raises subprocess.CalledProcessError."""
    if not commit:
        return ROOT
    folder.mkdir()
    tree = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=tree, check=True)
    for package in ("process", "domain", "stores", "eventing", "protocols", "edge_bridge", "functions"):
        compileall.compile_dir(folder / package, quiet=2)
    return folder
