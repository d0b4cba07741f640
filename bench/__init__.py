"""Measurements, one command each: ``alloresto bench NAME`` prints a table, ``--json FILE`` writes it as data.

A figure is a median or a named percentile over repeated runs, told with the conditions it was taken under.
Nothing here is a test: a noisy machine makes a figure miss its reach without anything being broken.
"""

from __future__ import annotations

import asyncio
from pathlib import Path


def run(name: str, json_file: Path | None, runs: int) -> int:
    """Measure ``name`` and show it. Exit status 0 when every figure reached what it must, 2 for an unknown name."""
    from rich.console import Console

    from bench import call, report

    benches = {"call": call.run}
    console = Console()
    if name not in benches:
        console.print(f"bench {name}: there is {', '.join(benches)}")
        return 2
    figures = asyncio.run(benches[name](runs))
    report.show(f"alloresto bench {name}", figures, console)
    if json_file is not None:
        report.write(json_file, figures)
    return 0 if all(figure.ok for figure in figures) else 1
