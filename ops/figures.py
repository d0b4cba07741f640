"""Figures that may have something to reach, as a table for people and as JSON for programs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from rich.table import Table

COMPARISONS: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge, "=": operator.eq}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``reach`` is ``"≤ 15"``, ``"≥ 3"`` or ``"= 0"`` in its unit, or empty for information only.

    ``cluster``: what was measured on a real cluster, with its unit; empty where nothing was.
    """

    figure: str
    value: float
    unit: str
    reach: str = ""
    cluster: str = ""

    @property
    def ok(self) -> bool:
        if not self.reach:
            return True
        sign, bound = self.reach.split()
        return COMPARISONS[sign](self.value, float(bound))


def table(title: str, figures: Sequence[Figure], value_heading: str) -> Table:
    """One row a figure, with a column for the cluster's numbers where there are any."""
    beside = any(figure.cluster for figure in figures)
    made = Table(title=title, title_justify="left")
    made.add_column("figure")
    if beside:
        made.add_column("on the cluster", justify="right")
    made.add_column("here" if beside else value_heading, justify="right")
    made.add_column("reach", justify="right")
    made.add_column("")
    for figure in figures:
        mark = "" if not figure.reach else ("[green]ok[/]" if figure.ok else "[red]missed[/]")
        reach = f"{figure.reach} {figure.unit}" if figure.reach else ""
        there = [figure.cluster] if beside else []
        made.add_row(figure.figure, *there, f"{figure.value:.4g} {figure.unit}".strip(), reach.strip(), mark)
    return made


def write(path: Path, figures: Sequence[Figure], conditions: Mapping[str, str]) -> None:
    """Write ``[{figure, value, unit, reach, cluster, ok}]`` as JSON; the conditions come last, their ``value`` is a
    text.
    """
    rows: list[dict[str, object]] = [{**asdict(one), "ok": one.ok} for one in figures]
    for name, value in conditions.items():
        rows.append(
            {"figure": f"condition: {name}", "value": value, "unit": "", "reach": "", "cluster": "", "ok": True}
        )
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
