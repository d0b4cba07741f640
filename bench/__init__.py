"""Measurements, one command each: ``alloresto bench NAME`` prints a table, ``--json FILE`` writes it as data.

A figure is a median or a named percentile over repeated runs, told with the conditions it was taken under.
Nothing here is a test: a noisy machine makes a figure miss its reach without anything being broken.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from pathlib import Path

BENCHES = {
    "call": "the call path: SIP, media, turns, four calls at once, events (about 10 minutes)",
    "events": "the outbox and its relay: speed, fairness, latency (about a minute)",
    "knative": "the local Knative runtime beside a measured cluster (about 4 minutes)",
    "gate": "what the SIP gate costs a caller, alone and under a flood (about 5 minutes)",
    "rtp": "what a call's audio costs and how late it is, beside a plain asyncio endpoint (about 3 minutes)",
    "chaos": "calls while processes die and the engine misbehaves: is any order lost, invented or doubled (hours)",
}
"""What ``bench.NAME`` measures.

Each has ``run(runs) -> list[Figure]``, which for rtp and chaos takes more, and its further ``CONDITIONS``.
"""


def run(
    name: str,
    json_file: Path | None,
    runs: int,
    faults: Sequence[str] = (),
    seed: int | None = None,
    counts: Sequence[int] = (),
) -> int:
    """Measure ``name`` and show it; without a name, say what there is. ``faults`` and ``seed`` are for ``chaos``,
    ``counts`` of calls for ``rtp``.

    Exit status 0 when every figure reached what it must, 1 when one missed it, 2 for an unknown name.
    """
    from rich.console import Console

    from bench import report

    console = Console()
    if not name:
        for known, measures in BENCHES.items():
            console.print(f"alloresto bench {known:8} {measures}", soft_wrap=True)
        return 0
    if name not in BENCHES:
        console.print(f"bench {name}: no such measurement; there is {', '.join(BENCHES)}")
        return 2
    bench = importlib.import_module(f"bench.{name}")
    options: dict[str, object] = {}
    if name == "chaos":
        unknown = [fault for fault in faults if fault not in bench.FAULTS]
        if unknown:
            console.print(f"no such fault: {', '.join(unknown)}; there is {', '.join(bench.FAULTS)}", soft_wrap=True)
            return 2
        options = {"faults": faults, "seed": bench.SEED if seed is None else seed}
    elif faults or seed is not None:
        console.print(f"bench {name}: --faults and --seed are for chaos")
        return 2
    if counts and name != "rtp":
        console.print(f"bench {name}: --calls is for rtp")
        return 2
    if counts:
        options = {"counts": counts}
    figures: list[report.Figure] = asyncio.run(bench.run(runs, **options))
    report.show(f"alloresto bench {name}", figures, console, bench.CONDITIONS)
    if json_file is not None:
        report.write(json_file, figures, bench.CONDITIONS)
    return 0 if all(figure.ok for figure in figures) else 1
