"""The clock of a simulation: calls as they come, pods as they are ready, a decision every two seconds."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domain import prewarming
from ops.costs.assumptions import Assumptions
from ops.knative.scaling import Scaling, read_scaling
from ops.manifests.manifests import read_documents
from ops.simulation import demand
from ops.simulation.demand import DAY_S
from ops.simulation.revision import Revision
from ops.simulation.tallies import Sample, Tallies

MANIFEST = Path(__file__).parents[2] / "manifests/base/platform/call-handler.yaml"
# The evening before, which is not counted: at its end there are as many pods as midnight has calls.
WARM_UP_S = -1800.0
PREWARMS_EVERY_S = 60.0
NEVER = (math.inf, 0.0)
NODES_PER_THOUSAND = 20  # the specification's pool, 0 to 20


@dataclass(frozen=True, slots=True)
class Policy:
    """How handlers are kept: Knative's annotations, and the prewarmer, which is off without a ``cap``."""

    scaling: Scaling
    buffer: int = 0
    cap: int = 0
    ahead_quarters: int = 1


def handlers_scaling(restaurants: int) -> Scaling:
    """The call handler's own, as its manifest says. Its max-scale is lifted as the number of restaurants is."""
    service = next(document for document in read_documents(MANIFEST) if document["kind"] == "Service")
    annotations = service["spec"]["template"]["metadata"]["annotations"]
    scaling, problems = read_scaling(annotations, str(MANIFEST), Scaling())
    if problems:
        raise ValueError("\n".join(map(str, problems)))
    thousands = math.ceil(restaurants / 1000)
    return replace(scaling, max_scale=scaling.max_scale * thousands)


def run(
    assumed: Assumptions,
    policy: Policy,
    restaurants: int,
    factors: Sequence[float],
    learnt: Sequence[float],
    *,
    seed: int,
    sample_every_s: float,
    seconds: float = math.inf,
) -> Tallies:
    """Days of these sizes, one after the other; ``learnt`` is what the prewarmer expects of each. 1 is an average day.
    No more than the first ``seconds`` of them.

    Takes about ten microseconds a call. The same seed gives the same calls, whatever the policy.
    """
    tallies = Tallies()
    most_nodes = NODES_PER_THOUSAND * math.ceil(restaurants / 1000)
    revision = Revision(policy.scaling, assumed, most_nodes, tallies, random.Random(seed + 1), WARM_UP_S)
    prewarmer = Prewarmer(assumed, policy, restaurants, learnt)
    stream = demand.calls(assumed.demand, restaurants, iter(factors), random.Random(seed), WARM_UP_S)
    end, period_s = min(len(factors) * DAY_S, seconds), revision.constants.autoscaler_period_s
    now, sample_at = WARM_UP_S, 0.0
    arrival = next(stream, NEVER)
    while now < end:
        now += period_s
        arrival = events_until(revision, stream, arrival, now)
        if prewarmer.due(now):
            revision.autoscaler.min_scale = prewarmer.wanted(now, revision.in_progress)
        revision.decide(now)
        if now == 0.0:  # what is counted begins
            tallies = revision.tallies = Tallies()
            revision.pool.node_seconds = 0.0
        tallies.call_seconds += revision.in_progress * period_s
        tallies.pod_seconds += revision.live * period_s
        if now >= sample_at:
            sample_at += sample_every_s
            tallies.samples.append(Sample(now, revision.in_progress, revision.ready, revision.live, revision.pool.paid))
    tallies.seconds = end
    tallies.node_seconds = revision.pool.node_seconds
    return tallies


def events_until(
    revision: Revision, stream: Iterator[tuple[float, float]], arrival: tuple[float, float], until: float
) -> tuple[float, float]:
    """All that happens before ``until``, in order; the first call after it."""
    while True:
        due = revision.next_at()
        if arrival[0] < due:
            if arrival[0] >= until:
                return arrival
            revision.arrive(*arrival)
            arrival = next(stream, NEVER)
        else:
            if due >= until:
                return arrival
            revision.happen(due)


class Prewarmer:
    """What ``functions/prewarmer.py`` does each minute, with what it has learnt: the hours and weekdays, no more."""

    def __init__(self, assumed: Assumptions, policy: Policy, restaurants: int, learnt: Sequence[float]) -> None:
        self._policy = policy
        self._learnt = learnt
        self._due_at = WARM_UP_S
        self._quarters = [
            demand.in_progress(assumed.demand, restaurants, (quarter + 0.5) * prewarming.QUARTER_S, 1.0)
            for quarter in range(prewarming.QUARTERS_A_DAY)
        ]

    def due(self, now: float) -> bool:
        if not self._policy.cap or now < self._due_at:
            return False
        self._due_at += PREWARMS_EVERY_S
        return True

    def wanted(self, now: float, in_progress: int) -> int:
        day, second = divmod(max(now, 0.0), DAY_S)
        quarter = int(second // prewarming.QUARTER_S)
        factor = self._learnt[min(int(day), len(self._learnt) - 1)]
        expected = prewarming.expected_within(self._quarters, quarter, self._policy.ahead_quarters) * factor
        return prewarming.wanted(expected, in_progress, self._policy.buffer, self._policy.cap)
