"""``alloresto eval``: which scenarios, by which way, on which engine; and what is told of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from bench import report
from devstack.servers.embedded_server import EmbeddedServerError
from devstack.stack.engines import EngineEndpoint, configured_engine
from devstack.stack.stack import StackError
from evaluation import by_audio, by_text, page, table
from evaluation.figures import compared, figures
from evaluation.files import SCENARIO_FILES, Case, ScenarioError, read
from evaluation.outcome import Outcome
from evaluation.scenarios import Way
from ops.manifests import ManifestError
from seeds.files import SeedError

LOCAL = "local"
RECORDINGS = "recordings"

OnOutcome = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``only`` are parts of scenarios' ids; ``files`` in place of our own. ``report`` is a folder for the page.

    ``unguided_too``: what runs by text runs once more, with tool results that hold no guidance, for comparison.
    """

    ways: tuple[Way, ...] = ("text",)
    engine: str = LOCAL
    quick: bool = False
    only: tuple[str, ...] = ()
    files: tuple[Path, ...] = SCENARIO_FILES
    runs: int = 1
    at_once: int = 1  # calls by audio
    silence_s: float = 5.0
    unguided_too: bool = False
    json: Path | None = None
    report: Path | None = None


def run(wanted: Wanted) -> int:
    """Exit status 0 when all that is not pending ended right, 1 when not, 2 for what can't be run."""
    console = Console(highlight=False)
    try:
        cases = chosen(wanted)
        engine = _engine(wanted.engine)
        outcomes = _outcomes(cases, engine, wanted, console)
        without = _without_guidance(cases, engine, wanted, console)
    except (ScenarioError, SeedError, ValueError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except (EmbeddedServerError, StackError, ManifestError, RuntimeError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    found = figures(outcomes, _name(engine)) + compared(outcomes, without)
    more = {"runs": str(wanted.runs), "engine": _name(engine)}
    table.show(outcomes, console)
    report.show("alloresto eval", found, console, more)
    if wanted.json is not None:
        report.write(wanted.json, found, more)
    if wanted.report is not None:
        console.print(f"the report: {page.write(wanted.report, outcomes, found, report.conditions() | more)}")
    return 0 if all(one.status in ("passed", "pending") for one in outcomes) else 1


def chosen(wanted: Wanted) -> tuple[Case, ...]:
    """Raises ScenarioError; ValueError when nothing is left."""
    found = tuple(
        case
        for case in read(wanted.files)
        if (case.scenario.quick or not wanted.quick)
        and (not wanted.only or any(part in case.scenario.id for part in wanted.only))
        and set(case.scenario.ways) & set(wanted.ways)
    )
    if not found:
        raise ValueError("no scenario is called so; without --only all are run")
    return found


def _engine(name: str) -> EngineEndpoint | None:
    """None is the local one. Raises ValueError."""
    if name == LOCAL:
        return None
    engine = configured_engine()
    if engine is None:
        raise ValueError("--engine configured: set OPENAI_API_KEY, and OPENAI_BASE_URL where it is not OpenAI")
    return engine


def _name(engine: EngineEndpoint | None) -> str:
    return engine.name if engine is not None else "the local engine"


def _outcomes(cases: Sequence[Case], engine: EngineEndpoint | None, wanted: Wanted, console: Console) -> list[Outcome]:
    """In the scenarios' order. After Ctrl-C those that there are: by audio all of them take more than an hour."""
    outcomes: list[Outcome] = []

    def on_outcome(outcome: Outcome) -> None:
        outcomes.append(outcome)
        table.tell(outcome, console)
        if wanted.report is not None:  # who ends this before its end has the calls until then
            page.write(wanted.report, outcomes, figures(outcomes, _name(engine)), {})

    try:
        asyncio.run(_run(cases, engine, wanted, on_outcome))
    except KeyboardInterrupt:
        if not outcomes:
            raise
        console.print("interrupted: what follows is of those before")
    order = {case.scenario.id: at for at, case in enumerate(cases)}
    return sorted(outcomes, key=lambda one: (one.way == "audio", order[one.case.scenario.id]))


def _without_guidance(
    cases: Sequence[Case], engine: EngineEndpoint | None, wanted: Wanted, console: Console
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    mine = [case for case in cases if "text" in case.scenario.ways]
    if wanted.unguided_too and "text" in wanted.ways and mine:
        console.print("once more, with tool results that hold no guidance:")
        with tempfile.TemporaryDirectory(prefix="alloresto-eval-") as folder:
            told = partial(_told, outcomes, console)
            asyncio.run(_by_text(mine, engine, wanted, Path(folder), told, guided=False))
    return outcomes


def _told(outcomes: list[Outcome], console: Console, outcome: Outcome) -> None:
    outcomes.append(outcome)
    table.tell(outcome, console)


async def _run(cases: Sequence[Case], engine: EngineEndpoint | None, wanted: Wanted, on_outcome: OnOutcome) -> None:
    for way in wanted.ways:
        mine = [case for case in cases if way in case.scenario.ways]
        if mine:
            with tempfile.TemporaryDirectory(prefix="alloresto-eval-") as folder:
                by = _by_text if way == "text" else _by_audio
                await by(mine, engine, wanted, Path(folder), on_outcome)


async def _by_text(
    cases: Sequence[Case],
    engine: EngineEndpoint | None,
    wanted: Wanted,
    folder: Path,
    on_outcome: OnOutcome,
    *,
    guided: bool = True,
) -> None:
    async with by_text.embedded_servers(folder) as servers:
        with ExitStack() as stack:
            endpoint = engine or stack.enter_context(by_text.local_engine(folder))
            how = by_text.TextRun(endpoint, folder, wanted.runs, wanted.silence_s * 1000, guided=guided)
            await by_text.run_cases(cases, how, servers, on_outcome)


async def _by_audio(
    cases: Sequence[Case], engine: EngineEndpoint | None, wanted: Wanted, folder: Path, on_outcome: OnOutcome
) -> None:
    """Without a report the recordings go with the folder."""
    recordings = (wanted.report or folder) / RECORDINGS
    silence_ms = wanted.silence_s * 1000
    how = by_audio.AudioRun(engine, folder, recordings.absolute(), wanted.runs, silence_ms, wanted.at_once)
    await by_audio.run_cases(cases, how, on_outcome)
