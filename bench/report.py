"""Figures, the conditions they were taken under, and how both are shown."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from ops import figures as tables
from ops.figures import Figure as Figure

MEASURED_PACKAGES = ("pjsua2-python", "picows", "uvicorn", "asyncpg", "redis", "msgspec")


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
    console.print(tables.table(title, figures, "measured"))
    told = {**conditions(), **more}
    console.print("conditions: " + ", ".join(f"{name} {value}" for name, value in told.items()), style="dim")


def write(path: Path, figures: list[Figure], more: Mapping[str, str]) -> None:
    """The figures as JSON, with the conditions; see ``ops.figures.write``."""
    tables.write(path, figures, {**conditions(), **more})
