"""What the runtime tells its watchers: pods, what happened to them, and Revisions with Knative's metrics of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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
    "request_aborted",
    "scale",
    "delivery",
    "delivery_failed",
    "dead_letter",
    "event_dropped",
    "job_done",
    "ping",
]


Report = Callable[[EventKind, str, str, str], None]
"""``(kind, service, pod, detail)``; ``service`` and ``pod`` as in RuntimeEvent."""


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
class RevisionScale:
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


_LABELS = ("k8s_namespace_name", "kn_service_name", "kn_configuration_name", "kn_revision_name")

_GAUGES: tuple[tuple[str, str, Callable[[RevisionScale], float]], ...] = (
    ("kn_revision_pods_desired", "Number of pods the autoscaler wants to allocate", lambda one: one.wanted),
    ("kn_revision_pods_requested", "Number of pods autoscaler requested from Kubernetes", lambda one: one.desired),
    ("kn_revision_pods_count", "Number of pods that are allocated currently", lambda one: one.actual),
    ("kn_revision_pods_not_ready_count", "Number of pods that are not ready currently", lambda one: one.not_ready),
    ("kn_revision_pods_pending_count", "Number of pods that are pending currently", lambda one: one.pending),
    (
        "kn_revision_pods_terminating_count",
        "Number of pods that are terminating currently",
        lambda one: one.terminating,
    ),
    ("kn_revision_concurrency_stable", "Average concurrency over the stable window", lambda one: one.stable),
    ("kn_revision_concurrency_panic", "Average concurrency over the panic window", lambda one: one.panic),
    ("kn_revision_concurrency_target", "The desired concurrent requests for each pod", lambda one: one.target),
    # -1: no capacity is computed while the activator is always in the path (target-burst-capacity -1)
    ("kn_revision_capacity_excess", "Excess burst capacity observed over the stable window", lambda one: -1),
    ("kn_revision_panic_mode", "If greater than 0 the autoscaler is in panic mode", lambda one: one.panicking),
)


class RevisionMetrics(Collector):
    """``states`` is asked at each scrape."""

    def __init__(self, namespace: str, states: Callable[[], Iterable[RevisionScale]]) -> None:
        self._namespace = namespace
        self._states = states
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        states = list(self._states())
        for name, documentation, read in _GAUGES:
            family = GaugeMetricFamily(name, documentation, labels=_LABELS)
            for state in states:
                family.add_metric((self._namespace, state.service, state.service, state.name), read(state))
            yield family

    def render(self) -> tuple[str, bytes]:
        """``(content type, text)`` of a scrape."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)
