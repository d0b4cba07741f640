"""The service's objectives, each a share of what should be good, and what is left of what may be bad.

All of them are shares, so that each has a budget: of turns, replies, calls, or five-minute means of a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

OURS = ("no_handler", "handler_lost", "ai_down", "bridge_lost", "node_full")
"""Why a call was not served for a reason of ours; a caller who hangs up and a closed restaurant are none."""

Name = Literal["availability", "recognition", "response", "errors", "processor", "memory"]
DAYS = 30


@dataclass(frozen=True, slots=True)
class Objective:
    """``expression`` is the share that was good over ``{window}``, in PromQL; ``target`` is the least of it."""

    name: Name
    target: float
    expression: str


_OURS = f'reason=~"{"|".join(OURS)}"'
OBJECTIVES = (
    Objective(
        "availability",
        0.9995,
        f"1 - (sum(increase(calls_ended_total{{{_OURS}}}[{{window}}])) or vector(0))"
        " / (sum(increase(calls_ended_total[{window}])) > 0)",
    ),
    Objective(
        "recognition",
        0.95,
        'sum(increase(ai_worker_recognition_seconds_bucket{le="0.2"}[{window}]))'
        " / (sum(increase(ai_worker_recognition_seconds_count[{window}])) > 0)",
    ),
    Objective(
        "response",
        0.95,
        'sum(increase(ai_worker_openai_latency_seconds_bucket{le="0.5"}[{window}]))'
        " / (sum(increase(ai_worker_openai_latency_seconds_count[{window}])) > 0)",
    ),
    Objective(
        "errors",
        0.95,
        "clamp_min(1 - sum(increase(ai_worker_captions_failed_total[{window}]))"
        " / (sum(increase(ai_worker_openai_latency_seconds_count[{window}])) > 0), 0)",
    ),
    Objective(
        "processor",
        0.95,
        'avg(avg_over_time(((1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))) < bool 0.7)'
        "[{window}:5m]))",
    ),
    Objective(
        "memory",
        0.95,
        "avg(avg_over_time(((1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) < bool 0.7)"
        "[{window}:5m]))",
    ),
)


def over(objective: Objective, window: str) -> str:
    """The expression over a time as Prometheus writes it, such as ``30d``."""
    return objective.expression.replace("{window}", window)


@dataclass(frozen=True, slots=True)
class Reading:
    """``share`` is None where there is no data, for which ``why`` has words. ``worst`` are the days that burned most,
    the worst first, with their share.
    """

    objective: Objective
    share: float | None
    why: str = ""
    worst: Sequence[tuple[date, float]] = ()

    @property
    def met(self) -> bool | None:
        return None if self.share is None else self.share >= self.objective.target

    @property
    def budget_left(self) -> float | None:
        """1 is all of it, 0 none, below 0 it is overdrawn."""
        if self.share is None:
            return None
        return 1 - (1 - self.share) / (1 - self.objective.target)


def worst_days(
    objective: Objective, days: Sequence[tuple[date, float]], most: int = 3
) -> tuple[tuple[date, float], ...]:
    """Those of the days below the target that are furthest below."""
    missed = [day for day in days if day[1] < objective.target]
    return tuple(sorted(missed, key=lambda day: day[1])[:most])
