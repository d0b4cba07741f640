"""``alloresto slo report``: the objectives, what is left of their budgets, and what burned it."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.database import refusal, use_running, with_postgres

if TYPE_CHECKING:
    from domain.objectives import Reading
    from stores.objectives import Unserved

app = typer.Typer(no_args_is_help=True, help="The objectives.")

STATE_DIR = Path(".alloresto") / "up"
TITLES = {
    "availability": "calls served",
    "recognition": "turns written down within 200 ms",
    "response": "replies that begin within 500 ms",
    "errors": "turns that could be written down",
    "processor": "nodes' processor below 70 %",
    "memory": "nodes' memory below 70 %",
}


@app.callback()
def group() -> None:
    """A command of its own for each, though there is one."""


@app.command()
def report(
    days: Annotated[int, typer.Option(min=1, max=365)] = 30,
    prometheus: Annotated[
        str, typer.Option(envvar="PROMETHEUS_URL", help="Where it answers; that of a running up.")
    ] = "",
    json: Annotated[Path | None, typer.Option("--json", help="Also write the report to this file, as JSON.")] = None,
    state_dir: Annotated[Path, typer.Option("--state-dir", help="Of a running up.")] = STATE_DIR,
) -> None:
    """Each objective: the share that was good, the target, the budget left, the worst days; and the calls not served.

    From Prometheus, and PLATFORM_DATABASE_URL or a running up. Exit status: 0 all are met, 1 one is missed, 3 those
    that could be told are met, and some could not.
    """
    from devstack.stack.running import read_running
    from process.prometheus import Prometheus
    from stores import objectives

    use_running(state_dir)
    running = read_running(state_dir)
    prometheus = prometheus or (running.prometheus_url if running else "")
    now = datetime.now(UTC)
    try:
        asked = Prometheus(prometheus) if prometheus else None
    except ValueError as error:
        raise refusal(str(error)) from None
    found = objectives.readings(asked, days, now)
    calls = with_postgres(lambda connection: objectives.unserved(connection, now - timedelta(days=days)))
    for line in _lines(found, calls, days):
        typer.echo(line)
    if json is not None:
        json.write_text(json_module.dumps(_document(found, calls, days), indent=2))
    if any(reading.met is False for reading in found):
        raise typer.Exit(1)
    if any(reading.met is None for reading in found):
        raise typer.Exit(3)


def _lines(found: tuple[Reading, ...], calls: Unserved, days: int) -> Iterator[str]:
    yield f"{days} days"
    for one in found:
        title, target = TITLES[one.objective.name], f"{one.objective.target:.2%}"
        if one.share is None or one.budget_left is None:
            yield f"  --      {title:<36} {'':>9} of {target:>7}  {one.why}"
            continue
        verdict = "met" if one.met else "MISSED"
        yield f"  {verdict:<7} {title:<36} {one.share:>9.3%} of {target:>7}  budget left {one.budget_left:.0%}"
        for day, share in one.worst:
            yield f"          burned on {day}: {share:.3%}"
    yield f"calls in the log: {calls.ended} ended, {calls.unserved} not served for a reason of ours"
    for reason, count in calls.by_reason.items():
        yield f"          {reason}: {count}"
    for day, count in calls.by_day:
        yield f"          on {day}: {count}"


def _document(found: tuple[Reading, ...], calls: Unserved, days: int) -> dict[str, Any]:
    return {
        "days": days,
        "objectives": [
            {
                "name": one.objective.name,
                "target": one.objective.target,
                "share": one.share,
                "budgetLeft": one.budget_left,
                "why": one.why,
                "worst": {str(day): share for day, share in one.worst},
            }
            for one in found
        ],
        "calls": {
            "ended": calls.ended,
            "unserved": calls.unserved,
            "byReason": dict(calls.by_reason),
            "byDay": {str(day): count for day, count in calls.by_day},
        },
    }
