"""``alloresto costs``, ``simulate`` and ``prewarm``: what it costs, what a day is like, what is kept ready."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.calls import STATE_DIR, StateOption
from cli.database import refusal, use_running, with_postgres


def costs(
    restaurants: Annotated[
        list[int] | None, typer.Option(min=1, help="How many there are; may be repeated. Else 1,000 and 100,000.")
    ] = None,
    assumptions: Annotated[
        Path | None, typer.Option(help="Another file than ops/costs/assumptions.yaml, such as a changed copy.")
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Bridges as small as manifests/overlays/production has them.")
    ] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """What a month costs: fixed, with the calls, for a restaurant; the trunk and each model beside it.

    Exit status: 0 within 0.28 € a restaurant before trunk and model, 1 over it, 2 the file cannot be used.
    """
    from ops.costs import report

    raise typer.Exit(report.run(restaurants or [1_000, 100_000], assumptions, json, overlay=overlay))


def simulate(
    restaurants: Annotated[int, typer.Option(min=1, max=1_000_000)] = 1_000,
    span: Annotated[str, typer.Option(help="day (an average one) or year (weekdays, months, special days).")] = "day",
    buffer: Annotated[int, typer.Option(min=0, help="Pods without a call that the prewarmer keeps.")] = 3,
    prewarmer: Annotated[bool, typer.Option(help="Whether handlers are warmed before the peaks.")] = True,
    levers: Annotated[
        bool, typer.Option("--levers", help="Also the same calls with one thing changed at a time.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same calls.")] = 1,
    assumptions: Annotated[Path | None, typer.Option(help="Another file than ops/costs/assumptions.yaml.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write a page with the figures and plots.")] = None,
) -> None:
    """Pods and nodes over time, what callers wait for, and the cost against pods that are always on.

    Exit status: 0 everything was reached, 1 something was missed, 2 the file cannot be used.
    """
    if span not in ("day", "year"):
        raise typer.BadParameter("--span: day or year")
    from ops.simulation import report

    asked = report.Asked(restaurants, "day" if span == "day" else "year", buffer, prewarmer, seed)
    raise typer.Exit(report.run(asked, assumptions, json, page, levers=levers))


def prewarm(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it: the function prewarmer does it.")] = False,
    cap: Annotated[int, typer.Option(min=0, help="As PREWARM_CAP.")] = 200,
    buffer: Annotated[int, typer.Option(min=0, help="As PREWARM_BUFFER.")] = 3,
    ahead: Annotated[int, typer.Option(min=0, max=8, help="As PREWARM_AHEAD_QUARTERS.")] = 1,
    weeks: Annotated[int, typer.Option(min=1, max=26, help="As PREWARM_WEEKS.")] = 4,
    state_dir: StateOption = STATE_DIR,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write a page with a plot.")] = None,
) -> None:
    """Each quarter of an hour of the next day (UTC): the calls that PLATFORM_DATABASE_URL lets expect, and the handlers
    that would be kept ready. Nothing is changed."""
    if not dry_run:
        raise refusal(
            "--dry-run: not given; handlers are warmed by the function prewarmer, this only shows what it does"
        )
    from domain.prewarming import quarter_of
    from ops import prewarming

    use_running(Path(state_dir))
    rules = prewarming.Rules(cap, buffer, ahead, weeks)
    first = quarter_of(datetime.now(UTC))
    prewarming.report(with_postgres(lambda connection: prewarming.plan(connection, first, rules)), json, page)
