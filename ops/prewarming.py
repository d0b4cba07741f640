"""What the prewarmer would do over the next day: learnt from the calls, shown, and nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from domain import prewarming
from ops.figures import Figure, write
from ops.simulation.plots import Line, page, svg
from stores import rhythms
from stores.postgres import Connection

BAR = 48


@dataclass(frozen=True, slots=True)
class Planned:
    """A quarter of an hour: calls at once that are expected in it, and pods that are ready from its beginning."""

    begins: datetime
    expected: float
    pods: int


@dataclass(frozen=True, slots=True)
class Rules:
    """As the function's PREWARM_ variables."""

    cap: int
    buffer: int
    ahead: int
    weeks: int


async def plan(connection: Connection, first: datetime, rules: Rules) -> tuple[Planned, ...]:
    """The day from the quarter of an hour that begins at ``first``."""
    count = prewarming.QUARTERS_A_DAY + rules.ahead
    quarters = [first + rhythms.QUARTER * number for number in range(count)]
    expected = [await rhythms.expected(connection, quarter, rules.weeks) for quarter in quarters]
    return tuple(
        Planned(quarters[number], expected[number], _pods(expected, number, rules))
        for number in range(prewarming.QUARTERS_A_DAY)
    )


def _pods(expected: Sequence[float], quarter: int, rules: Rules) -> int:
    return prewarming.wanted(prewarming.expected_within(expected, quarter, rules.ahead), 0, rules.buffer, rules.cap)


def show(console: Console, planned: Sequence[Planned]) -> None:
    """A line a quarter of an hour: calls as ``#``, the pods beyond them as ``+``. Quiet quarters are one line."""
    most = max(max(one.pods, one.expected) for one in planned) or 1.0
    quiet = 0
    for one in planned:
        if not one.pods and one.expected < prewarming.WORTH_A_POD:
            quiet += 1
            continue
        _tell_quiet(console, quiet)
        quiet = 0
        calls, pods = round(one.expected / most * BAR), round(one.pods / most * BAR)
        bar = "#" * calls + "+" * max(0, pods - calls)
        line = f"{one.begins:%a %H:%M}  {one.expected:7.1f} calls  {one.pods:5d} pods  {bar}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    _tell_quiet(console, quiet)


def _tell_quiet(console: Console, quarters: int) -> None:
    if quarters:
        console.print(f"… {timedelta(minutes=15) * quarters}: nothing is warmed", highlight=False)


def figures(planned: Sequence[Planned]) -> list[Figure]:
    return [
        Figure("calls at once that are expected, most", max(one.expected for one in planned), ""),
        Figure("pods that are kept ready, most", max(one.pods for one in planned), ""),
        Figure("pod hours that are kept ready", sum(one.pods for one in planned) / 4, "h"),
        Figure("call hours that are expected", sum(one.expected for one in planned) / 4, "h"),
    ]


def report(planned: Sequence[Planned], json_file: Path | None, page_file: Path | None) -> None:
    """Print it, and write what is asked for."""
    told = figures(planned)
    show(Console(), planned)
    if json_file is not None:
        write(json_file, told, {"from": planned[0].begins.isoformat()})
    if page_file is not None:
        page_file.write_text(page("What the prewarmer would keep ready", _sentence(planned), told, [_drawing(planned)]))


def _sentence(planned: Sequence[Planned]) -> str:
    return f"Learnt from the calls of the weeks before; a day from {planned[0].begins:%Y-%m-%d %H:%M %Z} on."


def _drawing(planned: Sequence[Planned]) -> str:
    pods = Line("pods kept ready", [(number, one.pods) for number, one in enumerate(planned)])
    calls = Line("calls expected at once", [(number, one.expected) for number, one in enumerate(planned)])
    ticks = [(number, f"{one.begins:%H:%M}") for number, one in enumerate(planned) if number % 12 == 0]
    return svg("pods kept ready", [calls, pods], "time", ticks)
