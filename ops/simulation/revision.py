"""One Revision's pods and the calls on them: who waits, who starts, who ends. Times are seconds.

The autoscaler is Knative's arithmetic (``ops.knative.autoscaler``), which the local runtime runs too. Around it stand
measured facts: how long a start takes, alone and among others on a node; the drain in which a deleted pod keeps its
requests; that a scale-down takes pods that are not ready first, then those without a call, of the fullest node. With
one call a pod the activator gives a call to the first pod of its list that has none (read in its code); the list is
sorted by address, and a node has a range of its own, so that some nodes are busy and others soon without a call.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass
from typing import Literal

from ops.costs.assumptions import Assumptions
from ops.knative.autoscaler import Autoscaler, ConcurrencyMeter, Constants
from ops.knative.scaling import Scaling
from ops.simulation.nodes import Node, NodePool
from ops.simulation.tallies import Tallies

DRAIN_S = 30.0  # from a pod's deletion to its SIGTERM
ADDRESSES_OF_A_NODE = 1e-6  # of all, so that ranges never overlap
PATIENCE_S = 30.0  # HANDLER_WAIT_S: after that the caller hears the fallback

State = Literal["pending", "starting", "idle", "busy", "leaving"]


@dataclass(slots=True, eq=False)
class Pod:
    """``place`` is where it stands in the activator's list, which is by address: a node's pods stand together."""

    number: int
    place: float = 0.0
    node: Node | None = None
    state: State = "pending"
    leaves_at: float = 0.0


class Revision:
    """What is called is called in the order of time; ``next_at`` is when ``happen`` is due."""

    def __init__(
        self,
        scaling: Scaling,
        assumed: Assumptions,
        most_nodes: int,
        tallies: Tallies,
        chance: random.Random,
        now: float,
    ) -> None:
        self.constants = Constants()
        self.autoscaler = Autoscaler(scaling, 1, self.constants)
        self.pool = NodePool(assumed.worker_node, assumed.handler, most_nodes, chance, now)
        self.in_progress = 0
        """Calls, those that wait included."""
        self.ready = 0
        self.tallies = tallies
        self._chance = chance
        self._handler = assumed.handler
        self._scaling = scaling
        self._meter = ConcurrencyMeter(scaling.window_s, now)
        self._numbers = 0
        self._pods: dict[int, Pod] = {}  # live: not those that leave
        self._pending: dict[int, Pod] = {}
        self._not_ready: dict[int, Pod] = {}
        self._standing_by = 0
        self._starting: list[tuple[float, int, Pod]] = []
        self._idle: list[tuple[float, int, Pod]] = []
        self._calls: list[tuple[float, int, Pod]] = []
        self._leaving: list[tuple[float, int, Pod]] = []
        self._waiting: deque[tuple[float, float]] = deque()

    @property
    def live(self) -> int:
        return len(self._pods)

    @property
    def pending(self) -> int:
        return len(self._pending)

    def next_at(self) -> float:
        """When the next call ends or the next pod is ready."""
        ends = self._calls[0][0] if self._calls else float("inf")
        return min(ends, self._starting[0][0]) if self._starting else ends

    def arrive(self, now: float, lasts_s: float) -> None:
        self._meter.change(+1, now)
        self.in_progress += 1
        self.tallies.seen(self.in_progress)
        pod = self._take_idle()
        if pod is not None:
            self._begin(pod, now, now, lasts_s)
            return
        self._waiting.append((now, lasts_s))
        if not self._pods:
            self._scale_to(self.autoscaler.first_request(now, 0), now)

    def happen(self, now: float) -> None:
        """The end of a call, or a pod's becoming ready: what is due first."""
        if self._starting and (not self._calls or self._starting[0][0] <= self._calls[0][0]):
            _, _, pod = heapq.heappop(self._starting)
            if pod.state == "starting":
                del self._not_ready[pod.number]
                _node_of(pod).starting -= 1
                self.ready += 1
                self._free(pod, now)
            return
        _, _, pod = heapq.heappop(self._calls)
        self._meter.change(-1, now)
        self.in_progress -= 1
        _node_of(pod).busy -= 1
        if pod.state == "leaving":
            heapq.heappush(self._leaving, (max(now, pod.leaves_at), pod.number, pod))
        else:
            self._free(pod, now)

    def decide(self, now: float) -> None:
        """One period of the autoscaler, and what the cluster does meanwhile."""
        while self._leaving and self._leaving[0][0] <= now:
            _node_of(heapq.heappop(self._leaving)[2]).used -= 1
        self._give_up(now)
        self.pool.take_in(now)
        self._place_pending(now)
        self.pool.scale(now, len(self._pending))
        node = self.pool.removable(now)
        if node is not None:
            self._empty(node, now)
        stable = self._meter.mean(self._scaling.window_s, now)
        panic = self._meter.mean(self.autoscaler.panic_window_s, now)
        self._scale_to(self.autoscaler.decide(now, stable, panic, self.ready, len(self._pods)), now)

    # Calls

    def _begin(self, pod: Pod, now: float, arrived: float, lasts_s: float) -> None:
        pod.state = "busy"
        _node_of(pod).busy += 1
        self.tallies.waited(now - arrived)
        heapq.heappush(self._calls, (now + lasts_s, pod.number, pod))

    def _free(self, pod: Pod, now: float) -> None:
        """The next who waits gets it, or it stands by."""
        if self._waiting:
            arrived, lasts_s = self._waiting.popleft()
            self._begin(pod, now, arrived, lasts_s)
            return
        pod.state = "idle"
        self._standing_by += 1
        _node_of(pod).idle[pod.number] = None
        heapq.heappush(self._idle, (pod.place, pod.number, pod))

    def _take_idle(self) -> Pod | None:
        while self._idle:
            _, _, pod = heapq.heappop(self._idle)
            if pod.state == "idle":  # else it was deleted since
                del _node_of(pod).idle[pod.number]
                self._standing_by -= 1
                return pod
        return None

    def _give_up(self, now: float) -> None:
        while self._waiting and now - self._waiting[0][0] > PATIENCE_S:
            self._waiting.popleft()
            self._meter.change(-1, now)
            self.in_progress -= 1
            self.tallies.gave_up()

    # Pods

    def _scale_to(self, wanted: int, now: float) -> None:
        for _ in range(wanted - len(self._pods)):
            self._create(now)
        for _ in range(len(self._pods) - wanted):
            self._delete(self._next_to_go(), now)

    def _create(self, now: float) -> None:
        self._numbers += 1
        pod = Pod(self._numbers)
        self._pods[pod.number] = self._pending[pod.number] = pod
        if len(self._pending) == 1:  # else the others were refused just now
            self._place_pending(now)

    def _place_pending(self, now: float) -> None:
        for pod in tuple(self._pending.values()):
            node = self.pool.place()
            if node is None:
                return
            del self._pending[pod.number]
            self._not_ready[pod.number] = pod
            pod.node, pod.state = node, "starting"
            pod.place = node.address + self._chance.random() * ADDRESSES_OF_A_NODE
            node.used += 1
            node.active += 1
            # Starts on one node share its cores.
            start_s = self._handler.cold_start_s.value + node.starting * self._handler.burst_start_s.value
            node.starting += 1
            heapq.heappush(self._starting, (max(now, node.image_at) + start_s, pod.number, pod))

    def _next_to_go(self) -> Pod:
        """In the ReplicaSet's order: not ready; without a call, on the node that has the most; the youngest."""
        if self._pending:
            return self._pods[next(reversed(self._pending))]
        if self._not_ready:
            return self._pods[next(reversed(self._not_ready))]
        if self._standing_by:
            return self._pods[next(reversed(self.pool.fullest_with_idle().idle))]
        return self._pods[next(reversed(self._pods))]

    def _delete(self, pod: Pod, now: float) -> None:
        """It takes no further call, and keeps its requests until its drain and its call are over."""
        state, pod.state, pod.leaves_at = pod.state, "leaving", now + DRAIN_S
        del self._pods[pod.number]
        if state == "pending":
            del self._pending[pod.number]
            return
        node = _node_of(pod)
        node.active -= 1
        if state == "starting":
            del self._not_ready[pod.number]
            node.starting -= 1
        else:
            self.ready -= 1
        if state == "idle":
            del node.idle[pod.number]
            self._standing_by -= 1
        if state != "busy":
            heapq.heappush(self._leaving, (pod.leaves_at, pod.number, pod))

    def _empty(self, node: Node, now: float) -> None:
        """Its pods start again elsewhere, and the machine is given back."""
        moved = [self._pods[number] for number in node.idle]
        moved += [pod for pod in self._not_ready.values() if pod.node is node]
        self.pool.remove(node)
        for pod in moved:
            self._delete(pod, now)
            self._create(now)


def _node_of(pod: Pod) -> Node:
    assert pod.node is not None
    return pod.node
