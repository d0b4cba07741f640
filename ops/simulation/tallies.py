"""What a simulation counts: waits, calls at once, and samples over time. All in memory of a fixed size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TICK_S = 0.01
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment: seconds since the start, calls in progress, pods that are ready and that there should be, nodes."""

    second: float
    calls: int
    ready: int
    wanted: int
    nodes: int


@dataclass
class Tallies:
    """``waits`` counts calls by hundredths of a second, ``at_once`` by how many were in progress when they came."""

    calls: int = 0
    given_up: int = 0
    waits: list[int] = field(default_factory=lambda: [0] * (round(LONGEST_S / TICK_S) + 1))
    at_once: dict[int, int] = field(default_factory=dict)
    call_seconds: float = 0.0
    pod_seconds: float = 0.0
    node_seconds: float = 0.0
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def seen(self, in_progress: int) -> None:
        self.calls += 1
        self.at_once[in_progress] = self.at_once.get(in_progress, 0) + 1

    def waited(self, seconds: float) -> None:
        self.waits[min(round(seconds / TICK_S), len(self.waits) - 1)] += 1

    def gave_up(self) -> None:
        self.given_up += 1
        self.waits[-1] += 1

    def wait(self, rank: float) -> float:
        """The ``rank``-th percentile (0 to 100) of all waits, by nearest rank, in seconds."""
        return _nearest(dict(enumerate(self.waits)), rank) * TICK_S

    def pods_always_on(self) -> int:
        """The fewest pods that, always there, let 99 % of the calls begin at once."""
        return _nearest(self.at_once, 99)

    def add(self, other: Tallies, times: int) -> None:
        """Count ``other`` so many times; its samples are not taken."""
        self.waits = [mine + theirs * times for mine, theirs in zip(self.waits, other.waits, strict=True)]
        for level, count in other.at_once.items():
            self.at_once[level] = self.at_once.get(level, 0) + count * times
        self.calls += other.calls * times
        self.given_up += other.given_up * times
        self.call_seconds += other.call_seconds * times
        self.pod_seconds += other.pod_seconds * times
        self.node_seconds += other.node_seconds * times
        self.seconds += other.seconds * times


def _nearest(counts: dict[int, int], rank: float) -> int:
    total = sum(counts.values())
    wanted, so_far = math.ceil(total * rank / 100), 0
    for value in sorted(counts):
        so_far += counts[value]
        if so_far >= wanted:
            return value
    return 0
