"""``alloresto bench autoscaling``: half an hour of calls on the local runtime, and the same calls simulated.

Both run one module of arithmetic (``ops.knative.autoscaler``); what is compared is all around it: when pods are there,
who waits, what a scale-down takes. The runtime's clock passes it in five minutes. A pod's start is real and is not
compressed, so the simulation is given what it took here.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from bench.knative.probes import ProbeCall, ProbeCluster, probes, running
from bench.report import Figure, percentile
from devstack.knative import Clock
from ops.costs.assumptions import Assumed, Assumptions, load
from ops.simulation import demand
from ops.simulation.revision import Revision
from ops.simulation.running import events_until, handlers_scaling
from ops.simulation.tallies import Tallies

SPEED = 6.0
LENGTH_S = 1800.0
SAMPLE_S = 10.0
SPAN_S = 300.0
SEED = 4
MAX_PODS = 24
SERVICE = "handler"
# By hours: a quiet start, a peak, a second one, quiet again.
SHAPE = ((0.0, 0.5), (0.12, 5.0), (0.25, 1.5), (0.35, 6.0), (0.45, 0.5), (24.0, 0.5))
CONDITIONS = {"clock": f"{SPEED:g} Knative seconds a second", "calls": f"a Poisson stream of seed {SEED}"}

Calls = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Seen:
    """Pods that are not terminating, each SAMPLE_S; each call's wait for its first line, in Knative seconds."""

    pods: list[int]
    waits: list[float]
    start_s: float = 0.0

    @property
    def pod_seconds(self) -> float:
        return sum(self.pods) * SAMPLE_S


async def run(runs: int) -> list[Figure]:
    """The number of runs is one: it takes five minutes."""
    assumed = load()
    calls = half_an_hour_of_calls(assumed)
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-") as name:
        manifests = probes([SERVICE], {}, max_scale=str(MAX_PODS), **_as_in_production())
        for one in manifests:  # a start is not compressed, and may take longer than the time that is
            one.body["spec"]["template"]["spec"]["responseStartTimeoutSeconds"] = 600
        async with running(manifests, Path(name), Clock(SPEED)) as cluster:
            seen = await on_the_runtime(cluster, calls)
    return figures(seen, simulated(assumed, calls, seen.start_s), len(calls))


def _as_in_production() -> dict[str, str]:
    """The dev overlay lets pods go sooner; the simulation has the base's windows."""
    scaling = handlers_scaling(1)
    return {
        "window": f"{scaling.window_s:g}s",
        "scale_to_zero_pod_retention_period": f"{scaling.retention_s:g}s",
        "scale_down_delay": f"{scaling.scale_down_delay_s:g}s",
    }


def half_an_hour_of_calls(assumed: Assumptions) -> Calls:
    """Of one restaurant with many lines."""
    shape = msgspec.structs.replace(assumed.demand.calls_in_progress, restaurants=1, points=SHAPE)
    demanded = msgspec.structs.replace(assumed.demand, calls_in_progress=shape)
    stream = demand.calls(demanded, 1, iter([1.0]), random.Random(SEED))
    return [(second, lasts) for second, lasts in stream if second < LENGTH_S]


async def on_the_runtime(cluster: ProbeCluster, calls: Calls) -> Seen:
    began, pods, waits = time.monotonic(), [], []

    async def one(second: float, lasts: float) -> None:
        await asyncio.sleep(max(0.0, began + second / SPEED - time.monotonic()))
        call = await ProbeCall.start(cluster, SERVICE, lasts / SPEED)
        waits.append(call.first_byte_s * SPEED)
        await call.finish()

    async def watch() -> None:
        for number in range(1, round(LENGTH_S / SAMPLE_S) + 1):
            await asyncio.sleep(max(0.0, began + number * SAMPLE_S / SPEED - time.monotonic()))
            pods.append(len(cluster.pods(SERVICE)))

    held = [asyncio.create_task(one(*call)) for call in calls]
    await watch()
    await asyncio.gather(*held)
    return Seen(pods, waits, await cold_start(cluster) * SPEED)


async def cold_start(cluster: ProbeCluster) -> float:
    """From a POST without a pod to its first line, in real seconds."""
    await cluster.until(lambda: not cluster.pods(SERVICE), "no pod", LENGTH_S / SPEED)
    call = await ProbeCall.start(cluster, SERVICE)
    call.hang_up()
    return call.first_byte_s


def simulated(assumed: Assumptions, calls: Calls, start_s: float) -> Seen:
    """The same calls, with room for every pod."""
    handler = msgspec.structs.replace(
        assumed.handler, cold_start_s=Assumed(start_s, "measured"), burst_start_s=Assumed(0.0, "a core is free")
    )
    node = msgspec.structs.replace(assumed.worker_node, room_on_web_nodes_pods=Assumed(1000, "one machine"))
    assumed = msgspec.structs.replace(assumed, handler=handler, worker_node=node)
    tallies, pods = Tallies(), []
    scaling = replace(handlers_scaling(1), max_scale=MAX_PODS)
    revision = Revision(scaling, assumed, 0, tallies, random.Random(SEED), 0.0)
    stream = iter(calls)
    arrival = next(stream)
    for period in range(1, round(LENGTH_S / revision.constants.autoscaler_period_s) + 1):
        now = period * revision.constants.autoscaler_period_s
        arrival = events_until(revision, stream, arrival, now)
        revision.decide(now)
        if now % SAMPLE_S == 0:
            pods.append(revision.live)
    waits = [number / 100 for number, count in enumerate(tallies.waits) for _ in range(count)]
    return Seen(pods, waits)


def figures(seen: Seen, told: Seen, calls: int) -> list[Figure]:
    apart = [abs(one - other) for one, other in zip(seen.pods, told.pods, strict=True)]
    size = round(SPAN_S / SAMPLE_S)
    spans = [
        Figure(f"minutes {start * 5} to {start * 5 + 5}, pods {where}", statistics.mean(part), "")
        for start in range(round(LENGTH_S / SPAN_S))
        for where, pods in (("on the runtime", seen.pods), ("simulated", told.pods))
        for part in (pods[start * size : (start + 1) * size],)
    ]
    return [
        Figure("calls", calls, ""),
        Figure("a pod's start, as the simulation was given it", seen.start_s, "s"),
        *spans,
        Figure("pods apart, mean", statistics.mean(apart), "", "≤ 0.5"),
        Figure("pods apart, most", max(apart), ""),
        Figure("pod seconds simulated, of those on the runtime", told.pod_seconds / seen.pod_seconds, "", "≤ 1.1"),
        Figure("pod seconds on the runtime, of those simulated", seen.pod_seconds / told.pod_seconds, "", "≤ 1.1"),
        *(
            Figure(f"wait {where}, p{rank}", percentile(waits, rank), "s")
            for where, waits in (("on the runtime", seen.waits), ("simulated", told.waits))
            for rank in (50, 95)
        ),
    ]
