"""A pool of worker nodes that grows and shrinks as the cluster autoscaler has it, and a little room beside the admin.

A pod goes to the worker node with the fewest pods, as the scheduler spreads them, or to the one with the most, as it
packs them where it is told to; with no room there, to the web nodes; else it waits for a machine. A node goes when for
``unneeded_for_s`` nobody was in a call on it (busy pods are marked safe-to-evict "false"), it was less than half full,
and its pods had room elsewhere.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from ops.costs.assumptions import Handler, WorkerNode

SCAN_S = 10.0  # cluster-autoscaler's --scan-interval
HALF_FULL = 0.5  # its --scale-down-utilization-threshold


@dataclass(slots=True)
class Node:
    """``used`` counts all pods, those that end included, which keep their requests. ``idle`` are the numbers of pods
    that are ready and without a call, the last one to become so last. The image is there from ``image_at`` on.
    ``address`` stands for the range that its pods' addresses are of.
    """

    room: int
    address: float
    image_at: float = 0.0
    used: int = 0
    active: int = 0
    busy: int = 0
    starting: int = 0
    idle: dict[int, None] = field(default_factory=dict)
    unneeded_since: float | None = None


class NodePool:
    """``node_seconds`` is what is paid for: from the order of a machine to its end."""

    def __init__(
        self, assumed: WorkerNode, handler: Handler, most_nodes: int, chance: random.Random, now: float
    ) -> None:
        self.workers: list[Node] = []
        self.node_seconds = 0.0
        self._assumed = assumed
        self._packs = assumed.placement.value == "pack"
        self._chance = chance
        self._room = assumed.pods(handler)
        self._most = most_nodes
        self._web = Node(int(assumed.room_on_web_nodes_pods.value), chance.random())
        self._coming: list[float] = []
        self._paid_until = self._scan_at = now

    @property
    def paid(self) -> int:
        """Machines, those that are being made included."""
        return len(self.workers) + len(self._coming)

    def fullest_with_idle(self) -> Node:
        """Of the nodes with an idle pod, the one with the most pods. Raises ValueError while there is none."""
        return max((node for node in (*self.workers, self._web) if node.idle), key=lambda node: node.active)

    def place(self) -> Node | None:
        """A node with room for one more pod; None while there is none."""
        with_room = (node for node in self.workers if node.used < node.room)
        if self._packs:
            found = max(with_room, key=lambda node: node.active, default=None)
        else:
            found = min(with_room, key=lambda node: node.used, default=None)
        if found is None and self._web.used < self._web.room:
            found = self._web
        return found

    def take_in(self, now: float) -> None:
        """Pay until now, and let in the machines that are ready."""
        self.node_seconds += self.paid * (now - self._paid_until)
        self._paid_until = now
        if self._coming and self._coming[0] <= now:
            ready = [at for at in self._coming if at <= now]
            self._coming = self._coming[len(ready) :]
            pull_s = self._assumed.image_pull_s.value
            self.workers += [Node(self._room, self._chance.random(), at + pull_s) for at in ready]

    def scale(self, now: float, pending: int) -> None:
        """Every ten seconds: order machines for the pods that found no room, and look at who is needed."""
        if now >= self._scan_at:
            self._scan_at = now + SCAN_S
            self._grow(now, pending)
            self._watch(now)

    def removable(self, now: float) -> Node | None:
        """One whose time is over. Its idle pods are moved by who asks, and the node removed."""
        after_s = self._assumed.unneeded_for_s.value
        for node in self.workers:
            if node.unneeded_since is not None and now - node.unneeded_since >= after_s and not node.busy:
                return node
        return None

    def remove(self, node: Node) -> None:
        self.workers.remove(node)

    def _grow(self, now: float, pending: int) -> None:
        missing = math.ceil(pending / self._room) - len(self._coming)
        for _ in range(min(missing, self._most - self.paid)):
            self._coming.append(now + self._assumed.ready_after_s.value)

    def _watch(self, now: float) -> None:
        """Which nodes are needed. As many as the others have room for may go at once, no more."""
        elsewhere = sum(node.room - node.used for node in (*self.workers, self._web))
        for node in self.workers:
            left = elsewhere - (node.room - node.used) - node.active
            if node.busy or node.used >= HALF_FULL * node.room or left < 0:
                node.unneeded_since = None
                continue
            elsewhere = left
            if node.unneeded_since is None:
                node.unneeded_since = now
