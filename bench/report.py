"""Figures, the conditions they were taken under, and how both are shown."""

from __future__ import annotations

import math
import operator
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

COMPARISONS: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge}
MEASURED_PACKAGES = ("pjsua2-python", "picows", "uvicorn", "asyncpg", "redis", "msgspec")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. ``reach`` is ``"≤ 15"`` or ``"≥ 3"`` in the same unit, or empty for information only."""

    figure: str
    value: float
    unit: str
    reach: str = ""

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


def show(title: str, figures: list[Figure], console: Console) -> None:
    table = Table(title=title, title_justify="left")
    for heading, justify in (("figure", "left"), ("measured", "right"), ("reach", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for figure in figures:
        mark = "" if not figure.reach else ("[green]ok[/]" if figure.ok else "[red]missed[/]")
        reach = f"{figure.reach} {figure.unit}" if figure.reach else ""
        table.add_row(figure.figure, f"{figure.value:.4g} {figure.unit}", reach, mark)
    console.print(table)
    console.print("conditions: " + ", ".join(f"{name} {value}" for name, value in conditions().items()), style="dim")


def write(path: Path, figures: list[Figure]) -> None:
    """Write ``[{figure, value, unit, reach, ok}]`` as JSON; the conditions come last, their ``value`` is a text."""
    rows: list[dict[str, object]] = [{**asdict(one), "ok": one.ok} for one in figures]
    for name, value in conditions().items():
        rows.append({"figure": f"condition: {name}", "value": value, "unit": "", "reach": "", "ok": True})
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
