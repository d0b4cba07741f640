"""The autoscaler's metrics with Knative's names and labels, so that the cluster's dashboards and alerts work here.

Knative names them with dots (``kn.revision.pods.desired``); its Prometheus exporter writes underscores. A cluster gives
more of them, and ``otel_scope_*`` labels; these are the ones that were measured, and the terminating pods.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from devstack.knative.states import RevisionState

_LABELS = ("k8s_namespace_name", "kn_service_name", "kn_configuration_name", "kn_revision_name")

_GAUGES: tuple[tuple[str, str, Callable[[RevisionState], float]], ...] = (
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
    ("kn_revision_panic_mode", "If greater than 0 the autoscaler is in panic mode", lambda one: one.panicking),
)


class RevisionMetrics(Collector):
    """``states`` is asked at each scrape."""

    def __init__(self, namespace: str, states: Callable[[], Iterable[RevisionState]]) -> None:
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
