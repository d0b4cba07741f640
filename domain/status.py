"""What the status page says of each part of the service, by rules that its readers could check.

The rules look at what a restaurant would notice; a fault of which nobody notices anything is for the alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Component = Literal["lines", "answering", "orders", "admin", "messages"]
COMPONENTS: tuple[Component, ...] = ("lines", "answering", "orders", "admin", "messages")
State = Literal["up", "degraded", "down"]
Impact = Literal["degraded", "down", "maintenance"]
IMPACTS: tuple[Impact, ...] = ("degraded", "down", "maintenance")

DAYS = 90
LOOKED_WITHIN_S = 90.0
"""A state that was looked at longer ago is not known any more."""

LINES_DEGRADED = 0.05
LINES_DOWN = 0.5
UNSERVED_LEAST = 3  # so many calls, before a share of them says anything
UNSERVED_DEGRADED = 0.05
UNSERVED_DOWN = 0.5
EVENTS_DEGRADED_S = 60.0
EVENTS_DOWN_S = 600.0
SHOWN_DOWN_S = 60.0
"""A day is shown as bad from so many bad seconds on."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the last minutes. ``lines`` should be registered, ``registered`` are; ``bridges`` have a heartbeat.

    ``ended`` and ``unserved`` are calls of the last 15 minutes; ``synthetic`` is where the last synthetic calls failed,
    the newest first, "" for those that went right. ``admin`` is whether a process of the admin said lately that it is
    ready; ``oldest_event_s`` is the age of the oldest event that waits, ``overdue_webhooks`` counts deliveries that
    should have been tried minutes ago.
    """

    bridges: int
    lines: int
    registered: int
    ended: int
    unserved: int
    synthetic: Sequence[str]
    orders_pending: int
    admin: bool
    oldest_event_s: float
    overdue_webhooks: int


def judge(facts: Facts) -> dict[Component, State]:
    return {
        "lines": _lines(facts),
        "answering": _answering(facts),
        "orders": _orders(facts),
        "admin": "up" if facts.admin else "down",
        "messages": _messages(facts),
    }


def _lines(facts: Facts) -> State:
    if facts.bridges == 0:
        return "down"
    missing = 1 - facts.registered / facts.lines if facts.lines else 0.0
    return "down" if missing > LINES_DOWN else "degraded" if missing > LINES_DEGRADED else "up"


def _answering(facts: Facts) -> State:
    share = facts.unserved / facts.ended if facts.unserved >= UNSERVED_LEAST else 0.0
    silent = _failed_in_a_row(facts, ("answer", "greeting", "reply"))
    if share > UNSERVED_DOWN or silent > 1 or facts.bridges == 0:
        return "down"
    return "degraded" if share > UNSERVED_DEGRADED or silent else "up"


def _orders(facts: Facts) -> State:
    wrong = _failed_in_a_row(facts, ("order", "content"))
    if wrong > 1:
        return "down"
    return "degraded" if wrong or facts.orders_pending else "up"


def _messages(facts: Facts) -> State:
    if facts.oldest_event_s > EVENTS_DOWN_S:
        return "down"
    return "degraded" if facts.oldest_event_s > EVENTS_DEGRADED_S or facts.overdue_webhooks else "up"


def _failed_in_a_row(facts: Facts, steps: Sequence[str]) -> int:
    count = 0
    for failed_at in facts.synthetic:
        if failed_at not in steps:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Day:
    """Seconds of one day; what is missing of it nobody knows."""

    up_s: float = 0.0
    degraded_s: float = 0.0
    down_s: float = 0.0

    @property
    def known_s(self) -> float:
        return self.up_s + self.degraded_s + self.down_s

    @property
    def state(self) -> State | None:
        """None for a day of which nothing is known."""
        if self.down_s >= SHOWN_DOWN_S:
            return "down"
        if self.degraded_s + self.down_s >= SHOWN_DOWN_S:
            return "degraded"
        return "up" if self.known_s else None


def uptime(days: Sequence[Day]) -> float | None:
    """The share of the known time that was not down; None where nothing is known."""
    known = sum(day.known_s for day in days)
    return 1 - sum(day.down_s for day in days) / known if known else None
