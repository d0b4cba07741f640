"""``alloresto simulate``: the table, JSON, a page with plots, and what would reach what was missed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from rich.console import Console

from ops.costs import assumptions
from ops.costs.assumptions import Assumed, AssumedText, Assumptions
from ops.figures import Figure, table, write
from ops.simulation.outcomes import Outcome, figures, outcome
from ops.simulation.plots import Line, page, svg
from ops.simulation.running import Policy, handlers_scaling
from ops.simulation.spans import Span, simulate

# What a thousand restaurants' day may take, and a hundred thousand's.
MOST_CORE_S = {1_000: 60.0, 100_000: 600.0}
A_DAY_IN_HOURS = [(hour * 3600.0, f"{hour}h") for hour in range(0, 25, 3)]
MONTHS = ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")
A_YEAR_IN_MONTHS = [((number + 0.5) * 365 / 12 * 86_400, name) for number, name in enumerate(MONTHS)]


@dataclass(frozen=True, slots=True)
class Asked:
    restaurants: int
    span: Span
    buffer: int
    prewarmer: bool
    seed: int


def run(asked: Asked, file: Path | None, json_file: Path | None, page_file: Path | None, *, levers: bool) -> int:
    """Status 0: everything was reached, 1: something was missed, 2: the file cannot be used."""
    console = Console()
    try:
        assumed = assumptions.load(file or assumptions.DEFAULT)
    except assumptions.AssumptionsError as error:
        console.print(f"error: {error}", soft_wrap=True, markup=False)
        return 2
    policy = policy_of(asked)
    found, core_s = timed(assumed, policy, asked)
    told = figures(found, core_s, MOST_CORE_S.get(asked.restaurants, max(MOST_CORE_S.values())))
    title = f"{asked.restaurants:,} restaurants, a {asked.span}"
    console.print(table(title, told, "simulated"))
    sentence = _sentence(asked, found)
    console.print(sentence, style="dim", soft_wrap=True)
    if levers:
        told += _levers(console, assumed, policy, asked)
    if json_file is not None:
        write(json_file, told, {"assumptions": (file or assumptions.DEFAULT).name, "seed": str(asked.seed)})
    if page_file is not None:
        page_file.write_text(page(title, sentence, told, list(_drawings(asked, found))))
    return 0 if all(figure.ok for figure in told) else 1


def policy_of(asked: Asked) -> Policy:
    scaling = handlers_scaling(asked.restaurants)
    return Policy(scaling, asked.buffer, scaling.max_scale if asked.prewarmer else 0)


def timed(assumed: Assumptions, policy: Policy, asked: Asked) -> tuple[Outcome, float]:
    began = time.process_time()
    tallies = simulate(assumed, policy, asked.restaurants, asked.span, asked.seed)
    return outcome(assumed, asked.restaurants, tallies), time.process_time() - began


def _sentence(asked: Asked, found: Outcome) -> str:
    prewarmed = f"the prewarmer keeps {asked.buffer} pods more than calls" if asked.prewarmer else "no prewarmer"
    return (
        f"Knative as the call handler's manifest sets it; {prewarmed}. Always on is {found.always_on_pods} pods on"
        f" {found.always_on_nodes} worker nodes. All of it stays within {found.target_euros:g} € a restaurant and month"
        f" as long as a worker node costs {found.node_euros_for_target:.0f} € a month at most."
    )


def changes(assumed: Assumptions, policy: Policy) -> Iterator[tuple[str, Assumptions, Policy]]:
    """One thing changed at a time, then the two of the machines together, as they are by default elsewhere."""
    node = assumed.worker_node
    slow = msgspec.structs.replace(node, unneeded_for_s=Assumed(600, "cluster-autoscaler's default"))
    spread = AssumedText("spread", "the scheduler's default")
    yield "no prewarmer", assumed, replace(policy, cap=0)
    yield "a buffer of 0", assumed, replace(policy, buffer=0)
    yield "a buffer of 10", assumed, replace(policy, buffer=10)
    yield "85 % instead of 70 %", assumed, replace(policy, scaling=replace(policy.scaling, utilization=0.85))
    yield "nodes go after ten minutes", msgspec.structs.replace(assumed, worker_node=slow), policy
    both = msgspec.structs.replace(slow, placement=spread)
    yield "the same, and pods are spread", msgspec.structs.replace(assumed, worker_node=both), policy


def _levers(console: Console, assumed: Assumptions, policy: Policy, asked: Asked) -> list[Figure]:
    """The same calls, with one thing changed at a time."""
    told = []
    for name, changed, other in changes(assumed, policy):
        found, _ = timed(changed, other, asked)
        told += [
            Figure(f"{name}: wait, p99.9", found.tallies.wait(99.9), "s"),
            Figure(f"{name}: before trunk and model", found.per_restaurant, "€ each and month"),
            Figure(f"{name}: cost against always on", found.of_always_on, ""),
        ]
    console.print(table("with one thing changed", told, "simulated"))
    return told


def _drawings(asked: Asked, found: Outcome) -> Iterator[str]:
    samples = found.tallies.samples
    if not samples:
        return
    ticks, x_title = (A_DAY_IN_HOURS, "hour") if asked.span == "day" else (A_YEAR_IN_MONTHS, "month")
    calls = Line("calls in progress", [(one.second, one.calls) for one in samples])
    ready = Line("ready pods", [(one.second, one.ready) for one in samples])
    always = Line("always on", [(one.second, found.always_on_pods) for one in (samples[0], samples[-1])])
    yield svg("pods and calls", [calls, ready, always], x_title, ticks)
    nodes = Line("worker nodes", [(one.second, one.nodes) for one in samples])
    always = Line("always on", [(one.second, found.always_on_nodes) for one in (samples[0], samples[-1])])
    yield svg("worker nodes", [nodes, always], x_title, ticks)
