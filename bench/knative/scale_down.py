"""Scale-down with live calls: how many it cuts, with the deletion cost on busy pods and without.

As at the end of a rush: callers who rang first have hung up, those who rang last still talk, and Knative wants fewer
pods than there are. Kubernetes deletes the youngest first, which are the busy ones, unless their cost says otherwise.
The handler here leaves within two seconds of its SIGTERM, which comes 30 s after the deletion; one that drains, as
ours does, finishes its call either way.
"""

from __future__ import annotations

import asyncio

from bench.knative import measured
from bench.knative.probes import ProbeCall, ProbeCluster, probes
from bench.report import Figure
from edge_bridge.calls.pod_costs import BUSY_COST
from ops.manifests import Manifest

ROUNDS = 2
FIRST_CALLERS = 10
LIVE_CALLS = 10
FIRST_CALLERS_S = 10.0
LIVE_S = 60.0
"""Past the deletion (some 20 s after the first call), the 30 s until SIGTERM and the 2 s until the process leaves."""
LEAVES_IN_TWO_SECONDS = {"ON_SIGTERM": "exit", "EXIT_AFTER_MS": "2000"}
CALLS = ROUNDS * LIVE_CALLS


def manifests() -> list[Manifest]:
    """As many pods as there are calls at most: a spare one would be deleted in a busy one's place."""
    names = [_service(number, protected) for number in range(ROUNDS) for protected in (True, False)]
    return probes(names, LEAVES_IN_TWO_SECONDS, window="6s", max_scale=str(FIRST_CALLERS + LIVE_CALLS))


def _service(number: int, protected: bool) -> str:
    return f"{'protected' if protected else 'unprotected'}-{number + 1}"


async def cut_calls(cluster: ProbeCluster) -> list[Figure]:
    """The round is the same with and without the cost, at the same time; a cut call has no final line."""
    with_cost = without = 0
    for number in range(ROUNDS):
        cuts = await asyncio.gather(_round(cluster, number, True), _round(cluster, number, False))
        with_cost, without = with_cost + cuts[0], without + cuts[1]
    cut = f"scale-down with {CALLS} live calls: cut"
    return [
        Figure(f"{cut}, with the deletion cost", with_cost, "calls", "= 0", measured.CUT_PROTECTED),
        Figure(f"{cut}, without it", without, "calls", "≥ 1", measured.CUT_UNPROTECTED),
    ]


async def _round(cluster: ProbeCluster, number: int, protected: bool) -> int:
    """How many of LIVE_CALLS were cut."""
    service = _service(number, protected)
    first = await asyncio.gather(*(ProbeCall.start(cluster, service, FIRST_CALLERS_S) for _ in range(FIRST_CALLERS)))
    live = await asyncio.gather(*(_live_call(cluster, service, protected) for _ in range(LIVE_CALLS)))
    await asyncio.gather(*(call.finish() for call in first))
    finished = await asyncio.gather(*(call.finish() for call in live))
    return finished.count(False)


async def _live_call(cluster: ProbeCluster, service: str, protected: bool) -> ProbeCall:
    """The bridge sets the cost at the first line of the answer."""
    call = await ProbeCall.start(cluster, service, LIVE_S)
    if protected:
        cluster.runtime.set_deletion_cost(call.worker, BUSY_COST)
    return call
