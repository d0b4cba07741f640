"""Measurements, one command each: ``alloresto bench NAME`` prints a table, ``--json FILE`` writes it as data.

A figure is a median or a named percentile over repeated runs, told with the conditions it was taken under.
Nothing here is a test: a noisy machine makes a figure miss its reach without anything being broken.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

BENCHES = {
    "call": "the call path: SIP, media, turns, four calls at once, events (about 10 minutes)",
    "conversation": "what the call handler adds: audio held, events, memory of an hour's call (about 2 minutes)",
    "events": "the outbox and its relay: speed, fairness, latency (about a minute)",
    "autoscaling": "half an hour of calls on the local runtime, and the same simulated (about 6 minutes)",
    "knative": "the local Knative runtime beside a measured cluster (about 4 minutes)",
    "gate": "what the SIP gate costs a caller, alone and under a flood (about 5 minutes)",
    "edge": "one node: what a call costs, how soon it is answered, what a death costs (about 4 minutes a registrar)",
    "rtp": "what a call's audio costs and how late it is, beside a plain asyncio endpoint (about 3 minutes)",
    "fuzz": "a bridge under attack: does it stay up, keep its calls and give nothing away (a minute a target)",
    "web": "the admin on a million orders: pages, the board, live pages, slow clients (about 5 minutes)",
    "old": "the admin on years of orders, and a month put into the archive and back (--orders, a million: 6 minutes)",
    "restore": "100,000 orders backed up, restored and compared, and their key rotated (about 5 minutes)",
    "churn": "many short calls, one after the other: is their memory given back (10,000 calls: 40 minutes)",
    "soak": "scripted orders without a pause: is any lost, is memory flat (10,000 calls: hours)",
    "tracing": "what traces and error reports cost a call handler, beside one without (about 4 minutes)",
    "overload": "three times the callers that handlers, and then places, suffice for (about 3 minutes)",
    "upgrade": "20 calls while everything is replaced, and a broken candidate that goes back (about 3 minutes)",
    "around": "all around the order in one run: arrivals, doubles, an hour without services, 86, sagas (12 minutes)",
    "sagas": "1,000 bookings while their runner is killed at random steps; 10,000 notices (the sagas have 8 minutes)",
    "chaos": "calls while processes die and the engine misbehaves: is any order lost, invented or doubled (hours)",
}
"""What ``bench.NAME`` measures.

Each has ``run(runs) -> list[Figure]``, which may take more (``OPTIONS``), and its further ``CONDITIONS``.
"""


OPTIONS = {
    "chaos": ("faults", "seed"),
    "edge": ("calls", "registrar", "times", "quick"),
    "fuzz": ("targets", "seed", "seconds", "packets"),
    "churn": ("calls",),
    "soak": ("calls",),
    "rtp": ("calls",),
    "web": ("quick",),
    "old": ("quick", "orders", "data"),
    "restore": ("quick",),
    "upgrade": ("before",),
}
"""What ``run`` of a bench takes besides ``runs``."""
NAMED = ("faults", "targets", "registrar")
"""Options whose values have names; the bench has a constant of all that there are, such as ``FAULTS``."""


def run(name: str, json_file: Path | None, runs: int, **given: object) -> int:
    """Measure ``name`` and show it; without a name, say what there is. ``given`` options that are empty are not given.

    Exit status 0 when every figure reached what it must, 1 when one missed it, 2 for an unknown name or option.
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
    options = {option: value for option, value in given.items() if value is not None and value != []}
    wrong = _wrong_option(name, options, bench)
    if wrong:
        console.print(wrong, soft_wrap=True)
        return 2
    figures: list[report.Figure] = asyncio.run(bench.run(runs, **options))
    report.show(f"alloresto bench {name}", figures, console, bench.CONDITIONS)
    if json_file is not None:
        report.write(json_file, figures, bench.CONDITIONS)
    return 0 if all(figure.ok for figure in figures) else 1


def _wrong_option(name: str, options: Mapping[str, object], bench: ModuleType) -> str:
    """What is wrong with them; "" for nothing."""
    for option, value in options.items():
        if option not in OPTIONS.get(name, ()):
            takers = [one for one, taken in OPTIONS.items() if option in taken]
            return f"bench {name}: --{option} is for {' and '.join(takers)}"
        if option in NAMED:
            known = getattr(bench, option.upper())
            given = [str(one) for one in (value if isinstance(value, list) else [value])]
            unknown = [one for one in given if one not in known]
            if unknown:
                return f"no such {option.removesuffix('s')}: {', '.join(unknown)}; there is {', '.join(known)}"
    return ""
