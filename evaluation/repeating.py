"""Runs a case as often as wanted; a run whose caller misbehaved is thrown away and made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evaluation.files import Case
from evaluation.outcome import Outcome, Run
from evaluation.scenarios import Way

REPEATS = 2  # of runs thrown away, for one case


async def outcome_of(case: Case, way: Way, runs: int, run_once: Callable[[], Awaitable[Run]]) -> Outcome:
    """Ends with the first run that is wrong: all have to pass."""
    counted: list[Run] = []
    thrown_away = 0
    while len(counted) < runs:
        run = await run_once()
        if run.verdict.status == "caller" and thrown_away < REPEATS:
            thrown_away += 1
            continue
        counted.append(run)
        if run.verdict.status not in ("passed", "passes"):
            break
    return Outcome(case, way, tuple(counted), thrown_away)
