"""What the runtime tells its watchers: pods and what happened to them."""

from dataclasses import dataclass
from typing import Literal

PodState = Literal["pending", "ready", "busy", "terminating"]

EventKind = Literal[
    "pod_started",
    "pod_ready",
    "pod_busy",
    "pod_idle",
    "pod_unready",
    "pod_unhealthy",
    "pod_restarted",
    "pod_terminating",
    "pod_gone",
    "request_queued",
    "request_timeout",
    "scale",
    "delivery",
    "delivery_failed",
    "dead_letter",
    "event_dropped",
    "job_done",
    "ping",
]


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """``at`` is Unix time in seconds. ``service`` is the Knative Service, workload or broker; ``pod`` may be empty.

    For ``delivery``, ``delivery_failed`` and ``dead_letter``, ``service`` is the subscriber's name and ``detail``
    reads ``<event type> <event id> <milliseconds> ms`` or the reason.
    """

    at: float
    kind: EventKind
    service: str
    pod: str
    detail: str


@dataclass(frozen=True, slots=True)
class RevisionState:
    """A Knative Service's Revision now; ``desired`` and ``actual`` as in its status, the rest as its metrics tell.

    ``min_scale`` is the bound in force, ``wanted`` what the autoscaler wants before the bounds; ``stable`` and
    ``panic`` are mean concurrencies over the two windows, ``target`` the concurrency that one pod should carry.
    ``not_ready`` counts the terminating pods too.
    """

    name: str
    service: str
    desired: int
    actual: int
    min_scale: int
    wanted: int
    not_ready: int
    pending: int
    terminating: int
    stable: float
    panic: float
    target: float
    panicking: bool


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod now. ``pid`` is None between a crash and the restart."""

    name: str
    service: str
    state: PodState
    deletion_cost: int
    pid: int | None
    restarts: int
    log_file: str
