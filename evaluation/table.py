"""What is shown of an evaluation in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from evaluation.outcome import Outcome
from evaluation.reasons import reason_of
from evaluation.verdict import NAMED

COLOURS = {"passed": "green", "failed": "red", "pending": "yellow", "passes": "red", "caller": "magenta"}


def tell(outcome: Outcome, console: Console) -> None:
    """One line as it comes, and what was wrong."""
    record, status = outcome.worst.record, outcome.status
    name = f"{outcome.case.scenario.id} ({outcome.way})"
    again = f"  {outcome.repeated} thrown away" if outcome.repeated else ""
    console.print(
        f"[{COLOURS[status]}]{NAMED[status]:>24}[/]  {name:<44}{record.seconds:6.1f} s{again}", soft_wrap=True
    )
    reason = outcome.case.scenario.pending_by(outcome.way)
    for problem in outcome.worst.verdict.problems:
        console.print(f"{'':>26}{problem}", style="dim", markup=False, soft_wrap=True)
    why = reason_of(outcome.worst, outcome.case.language)
    if why is not None:
        console.print(f"{'':>26}why: {why.in_words}", style="dim", markup=False, soft_wrap=True)
    if status in ("pending", "passes"):
        console.print(f"{'':>26}pending: {reason}", style="dim", markup=False, soft_wrap=True)


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """A row for each restaurant and way."""
    table = Table(title="scenarios", title_justify="left")
    for column in ("restaurant", "by", *NAMED.values()):
        table.add_column(column, justify="left" if column in ("restaurant", "by") else "right")
    for menu, way in sorted({(one.case.scenario.menu, one.way) for one in outcomes}):
        mine = [one for one in outcomes if (one.case.scenario.menu, one.way) == (menu, way)]
        counts = [sum(one.status == status for one in mine) for status in NAMED]
        table.add_row(menu, way, *(str(count) if count else "" for count in counts))
    console.print(table)
