"""What a simulation says: waits, pods, machines, and the euros beside those of pods that are always there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ops.costs.assumptions import Assumptions
from ops.costs.model import month
from ops.figures import Figure
from ops.simulation.tallies import Tallies

MOST_OF_ALWAYS_ON = 1 / 3
MOST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Nodes are worker nodes, on average; euros are a month's for all restaurants."""

    restaurants: int
    tallies: Tallies
    nodes: float
    worker_euros: float
    fixed_euros: float
    always_on_pods: int
    always_on_nodes: int
    always_on_euros: float
    pods_a_node: int
    target_euros: float

    @property
    def per_restaurant(self) -> float:
        return (self.fixed_euros + self.worker_euros) / self.restaurants

    @property
    def of_always_on(self) -> float:
        """Worker nodes' euros, as a share of those for pods that are always there."""
        return self.worker_euros / self.always_on_euros if self.always_on_euros else 0.0

    @property
    def node_euros_for_target(self) -> float:
        """What a worker node may cost a month, for all of it to be within the target."""
        left = self.target_euros * self.restaurants - self.fixed_euros
        return left / self.nodes if self.nodes else math.inf


def outcome(assumed: Assumptions, restaurants: int, tallies: Tallies) -> Outcome:
    """Pods that are always there are as few as let 99 % of the same calls begin at once, on machines that are always
    there, with the same room beside the admin.
    """
    node, price = assumed.worker_node, assumed.worker_node.euros_per_month.value
    pods_a_node, always_on = node.pods(assumed.handler), tallies.pods_always_on()
    always_on_nodes = math.ceil(max(0.0, always_on - node.room_on_web_nodes_pods.value) / pods_a_node)
    nodes = tallies.node_seconds / tallies.seconds
    return Outcome(
        restaurants=restaurants,
        tallies=tallies,
        nodes=nodes,
        worker_euros=nodes * price,
        fixed_euros=sum(cost.euros for cost in month(assumed, restaurants).fixed),
        always_on_pods=always_on,
        always_on_nodes=always_on_nodes,
        always_on_euros=always_on_nodes * price,
        pods_a_node=pods_a_node,
        target_euros=assumed.target_euros,
    )


def figures(told: Outcome, core_s: float, most_core_s: float) -> list[Figure]:
    tallies = told.tallies
    call_hours = tallies.call_seconds / 3600
    full_nodes = tallies.pod_seconds / tallies.seconds / told.pods_a_node
    return [
        Figure("calls", tallies.calls, ""),
        Figure("wait for a handler, p50", tallies.wait(50), "s"),
        Figure("wait for a handler, p99", tallies.wait(99), "s", f"≤ {MOST_WAIT_S:g}"),
        Figure("wait for a handler, p99.9", tallies.wait(99.9), "s"),
        Figure("callers who heard the fallback after 30 s", tallies.given_up, ""),
        Figure("calls at once, mean", tallies.call_seconds / tallies.seconds, ""),
        Figure("calls at once, most", max(tallies.at_once, default=0), ""),
        Figure("pod hours for each hour of calls", tallies.pod_seconds / 3600 / call_hours, ""),
        Figure("worker nodes, mean", told.nodes, ""),
        Figure("node hours for each that its pods fill", told.nodes / full_nodes, ""),
        Figure("worker nodes, cost", told.worker_euros, "€ a month"),
        Figure("before trunk and model", told.per_restaurant, "€ each and month", f"≤ {told.target_euros:g}"),
        Figure("always on: pods for the same p99", told.always_on_pods, ""),
        Figure("always on: worker nodes", told.always_on_nodes, ""),
        Figure("always on: worker nodes, cost", told.always_on_euros, "€ a month"),
        Figure("cost against always on", told.of_always_on, "", f"≤ {MOST_OF_ALWAYS_ON:.4f}"),
        Figure("simulated on one core in", core_s, "s", f"≤ {most_core_s:g}"),
    ]
