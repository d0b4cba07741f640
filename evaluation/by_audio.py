"""Runs scenarios by audio: the whole embedded stack with all their restaurants in it, some spoken calls at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis.asyncio import Redis

from devstack.stack.engines import EngineEndpoint
from devstack.stack.running import DialableLine
from devstack.stack.stack import Stack, StackError, StackOptions
from devstack.stack.timeline import watch_live
from evaluation.audio import sentences
from evaluation.audio.spoken_calls import Heard, ring
from evaluation.caller import ScriptedCaller
from evaluation.database import Evaluated
from evaluation.files import Case
from evaluation.outcome import Outcome, Run
from evaluation.repeating import outcome_of
from evaluation.verdict import verdict
from seeds.build import seed_id
from seeds.files import SEED_FILES
from stores import keys
from stores.postgres import Postgres

GREETINGS_WITHIN_S = 120.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class AudioRun:
    """``engine`` None is the local one. ``recordings`` is where the calls are kept, both sides of each.

    ``at_once`` calls at a time, each to another restaurant: what is in a restaurant's rows after a call is that call's.
    """

    engine: EngineEndpoint | None
    folder: Path
    recordings: Path
    runs: int
    silence_ms: float
    at_once: int = 1


async def run_cases(cases: Sequence[Case], how: AudioRun, on_outcome: Callable[[Outcome], None]) -> None:
    """Raises StackError, EmbeddedServerError, ManifestError."""
    files = tuple(dict.fromkeys((*SEED_FILES, *(case.place.file for case in cases))))
    stack = Stack(StackOptions(how.folder / "stack", engine=how.engine, seed_files=files), lambda _: None)
    try:
        await stack.start()
        lines = {line.restaurant_id: line for line in stack.lines}
        await _greetings(stack, list(lines))
        async with _evaluated(stack) as database:

            async def run_case(case: Case) -> None:
                line = lines[seed_id(case.place.content.restaurant.slug)]
                once = partial(_once, case, stack, line, database, how)
                on_outcome(await outcome_of(case, "audio", how.runs, once))

            await each_at_another(cases, how.at_once, run_case)
    finally:
        await stack.stop()


async def each_at_another(cases: Sequence[Case], at_once: int, run_case: Callable[[Case], Awaitable[None]]) -> None:
    """Run every case, ``at_once`` at a time and never two of one restaurant; the next is the first that may begin."""
    left, busy = list(cases), set[str]()
    freed = asyncio.Condition()

    def startable() -> Case | None:
        return next((case for case in left if case.place.name not in busy), None)

    async def work() -> None:
        while True:
            async with freed:
                await freed.wait_for(lambda: not left or startable() is not None)
                case = startable()
                if case is None:
                    return
                left.remove(case)
                busy.add(case.place.name)
            await run_case(case)
            async with freed:
                busy.remove(case.place.name)
                freed.notify_all()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


async def _greetings(stack: Stack, restaurants: list[str]) -> None:
    """A function renders them once they are set; a caller should hear them."""
    async with Redis.from_url(stack.redis_url) as redis:
        try:
            async with asyncio.timeout(GREETINGS_WITHIN_S):
                while not all([await redis.exists(keys.restaurant_greeting(one)) for one in restaurants]):
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise StackError("greeting_renderer did not render the greetings; see its pod's log") from None


@contextlib.asynccontextmanager
async def _evaluated(stack: Stack) -> AsyncIterator[Evaluated]:
    app, platform = Postgres(stack.app_url), Postgres(stack.platform_url)
    await app.open()
    await platform.open()
    try:
        yield Evaluated(app, platform, stack.pii_cipher)
    finally:
        await app.close()
        await platform.close()


async def _once(case: Case, stack: Stack, line: DialableLine, database: Evaluated, how: AudioRun) -> Run:
    heard, caller = Heard(), ScriptedCaller(case)
    how.recordings.mkdir(parents=True, exist_ok=True)
    taken = len(list(how.recordings.glob(f"{case.scenario.id}*.wav")))
    heard.record.recording = str(how.recordings / f"{case.scenario.id}{f'-{taken + 1}' if taken else ''}.wav")
    before = await database.before(line.restaurant_id)
    channel = keys.restaurant_live(line.restaurant_id)
    watching = asyncio.create_task(watch_live(stack.redis_url, heard.live, channel))
    try:
        sip = f"127.0.0.1:{stack.sip_port}"
        await ring(case, caller, heard, sip, line.line_id, sentences.folder())
        ending = await database.ending(line.restaurant_id, heard.call_id, before)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return Run(heard.record, verdict(case, "audio", heard.record, ending, silence_ms=how.silence_ms))
