"""Which bridge node holds which phone line at its registrar. Pure: nodes and lines in, moves out.

A line without a living node is placed at once. A node that drains gives its lines away in portions, and so does one
that holds more than its share; both keep a line until the next node has registered it. Moves only ever bring loads
closer together, so a plan that was carried out is followed by an empty one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

NodeState = Literal["healthy", "draining", "down"]

# Lines in hand-over at a time: a trunk takes REGISTERs at its own pace, and each line is registered twice meanwhile.
DRAINED_AT_ONCE = 20
REBALANCED_AT_ONCE = 4
# How far beyond its share a node is before lines leave it again, in lines and as a part of the share.
UNEVEN_BY_LINES = 1.0
UNEVEN_BY_PART = 0.1


@dataclass(frozen=True, slots=True)
class Node:
    """``room`` is the most lines it can hold."""

    id: str
    room: int
    state: NodeState


@dataclass(frozen=True, slots=True)
class AssignedLine:
    """``leaving`` is the node that keeps the line until ``node`` has registered it; None when none does."""

    id: str
    node: str | None = None
    leaving: str | None = None
    in_call: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Give the line to node ``to``; ``leaving`` keeps it meanwhile."""

    line_id: str
    to: str
    leaving: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``stranded`` are the lines that no living node holds and none has room for."""

    moves: tuple[Move, ...]
    stranded: tuple[str, ...]


def plan(nodes: Iterable[Node], lines: Iterable[AssignedLine]) -> Plan:
    """Lines come in the order in which they are served first, such as by age."""
    return _Planner(tuple(nodes), tuple(lines)).plan()


class _Planner:
    def __init__(self, nodes: Collection[Node], lines: Collection[AssignedLine]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._healthy = [node for node in nodes if node.state == "healthy" and node.room > 0]
        self._lines = lines
        self._load = Counter(line.node for line in lines if line.node is not None)
        # A line that is leaving takes up its old node's room until it is gone.
        self._held = self._load + Counter(line.leaving for line in lines if line.leaving is not None)
        self._moves: list[Move] = []

    def plan(self) -> Plan:
        stranded = [line.id for line in self._lines if not self._lives(line.node) and not self._place(line)]
        in_hand_over = sum(line.leaving is not None for line in self._lines)
        self._empty_draining(DRAINED_AT_ONCE - in_hand_over)
        self._even_out(REBALANCED_AT_ONCE - in_hand_over - len(self._moves))
        return Plan(tuple(self._moves), tuple(stranded))

    def _lives(self, node_id: str | None) -> bool:
        node = self._nodes.get(node_id) if node_id is not None else None
        return node is not None and node.state != "down"

    def _place(self, line: AssignedLine) -> bool:
        leaving = line.leaving if self._lives(line.leaving) else None
        # The node that was to take the line is gone; the one that still has it may keep it.
        if leaving is not None and self._nodes[leaving].state == "healthy":
            self._held[leaving] -= 1
            return self._move(line, self._nodes[leaving], None)
        return self._move(line, self._least_loaded(), leaving)

    def _empty_draining(self, most: int) -> None:
        there = [line for line in self._lines if line.node is not None and self._state(line.node) == "draining"]
        # The caller of a line in a call stays with its node; the line's next caller has the time to wait.
        for line in sorted(there, key=lambda line: line.in_call):
            if most <= 0 or not self._move(line, self._least_loaded(), line.node):
                return
            most -= 1

    def _even_out(self, most: int) -> None:
        room = sum(node.room for node in self._healthy)
        if not room:
            return
        share = sum(self._load[node.id] for node in self._healthy) / room
        settled = {move.line_id for move in self._moves}
        movable: dict[str, list[AssignedLine]] = {node.id: [] for node in self._healthy}
        for line in self._lines:
            if line.node in movable and line.leaving is None and not line.in_call and line.id not in settled:
                movable[line.node].append(line)
        for _ in range(most):
            fullest = max(self._healthy, key=lambda node: self._load[node.id] - share * node.room)
            emptiest = self._least_loaded()
            excess = self._load[fullest.id] - share * fullest.room
            allowed = max(UNEVEN_BY_LINES, UNEVEN_BY_PART * share * fullest.room)
            if emptiest is None or excess < allowed or not movable[fullest.id]:
                return
            if (self._load[fullest.id] - 1) / fullest.room < (self._load[emptiest.id] + 1) / emptiest.room:
                return
            self._move(movable[fullest.id].pop(), emptiest, fullest.id)

    def _state(self, node_id: str) -> NodeState:
        return self._nodes[node_id].state if node_id in self._nodes else "down"

    def _least_loaded(self) -> Node | None:
        roomy = [node for node in self._healthy if self._held[node.id] < node.room]
        return min(roomy, key=lambda node: (self._load[node.id] / node.room, node.id), default=None)

    def _move(self, line: AssignedLine, to: Node | None, leaving: str | None) -> bool:
        if to is None:
            return False
        if line.node is not None:
            self._load[line.node] -= 1
            self._held[line.node] -= leaving != line.node
        self._load[to.id] += 1
        self._held[to.id] += 1
        self._moves.append(Move(line.id, to.id, leaving))
        return True
