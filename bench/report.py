"""Figures, the conditions they were taken under, and how both are shown."""

from __future__ import annotations

import math
import operator
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

COMPARISONS: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge, "=": operator.eq}
MEASURED_PACKAGES = ("pjsua2-python", "picows", "uvicorn", "asyncpg", "redis", "msgspec")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. ``reach`` is ``"≤ 15"``, ``"≥ 3"`` or ``"= 0"`` in its unit, or empty for information only.

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


def percentile(samples: list[float], rank: float) -> float:
    """The ``rank``-th percentile (0–100) by nearest rank. Raises ValueError without samples."""
    if not samples:
        raise ValueError("a percentile needs at least one sample")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(rank / 100 * len(ordered)) - 1)]


def conditions() -> dict[str, str]:
    """What a reader needs to compare: cores, load, Python and package versions."""
    found = {
        "cores": str(os.cpu_count()),
        "load (1 min)": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "kernel": platform.release(),
    }
    return found | {package: version(package) for package in MEASURED_PACKAGES}


def show(title: str, figures: list[Figure], console: Console, more: Mapping[str, str]) -> None:
    """A table, with a column for the cluster's numbers where there are any; ``more`` are further conditions."""
    beside = any(figure.cluster for figure in figures)
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    if beside:
        table.add_column("on the cluster", justify="right")
    table.add_column("here" if beside else "measured", justify="right")
    table.add_column("reach", justify="right")
    table.add_column("")
    for figure in figures:
        mark = "" if not figure.reach else ("[green]ok[/]" if figure.ok else "[red]missed[/]")
        reach = f"{figure.reach} {figure.unit}" if figure.reach else ""
        there = [figure.cluster] if beside else []
        table.add_row(figure.figure, *there, f"{figure.value:.4g} {figure.unit}".strip(), reach.strip(), mark)
    console.print(table)
    told = {**conditions(), **more}
    console.print("conditions: " + ", ".join(f"{name} {value}" for name, value in told.items()), style="dim")


def write(path: Path, figures: list[Figure], more: Mapping[str, str]) -> None:
    """Write ``[{figure, value, unit, reach, cluster, ok}]`` as JSON; the conditions come last, their ``value`` is a
    text.
    """
    rows: list[dict[str, object]] = [{**asdict(one), "ok": one.ok} for one in figures]
    for name, value in {**conditions(), **more}.items():
        rows.append(
            {"figure": f"condition: {name}", "value": value, "unit": "", "reach": "", "cluster": "", "ok": True}
        )
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
