"""The product's names, and what its processes read from their environment.

The names are those of ``manifests/``; the variables and defaults are those of the processes' own settings, which a
lower layer cannot import (a test holds both together).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cluster.rules.objects import SERVING, ClusterObject, ClusterObjects, Path, Reference

HANDLER = "call-handler"
EDGE = "edge-bridge"
RELAY = "outbox-relay"
BROKER = "default"
WEB = "web"
DEAD_LETTERS = "dead-letter-keeper"
CALL_EVENT = "com.alloresto.call.incoming"
KNATIVE_SERVING = "knative-serving"
KNATIVE_EVENTING = "knative-eventing"
KNATIVE_NAMESPACES = (KNATIVE_SERVING, KNATIVE_EVENTING)

ACTIVATOR = Reference("apps/v1", "Deployment", KNATIVE_SERVING, "activator")

MAX_CALL_S = 1800.0
"""The call handler's MAX_CALL_S where nothing sets it."""
EDGE_DRAIN_S = 300.0
"""The bridge's DRAIN_S where nothing sets it."""
EDGE_LEAVES_WITHIN_S = 12.0
"""What the bridge needs after DRAIN_S: hanging up, the last events."""
EDGE_MAX_CALLS = 8.0
"""Calls a bridge takes at most (MAX_CALLS), where nothing sets it."""
EDGE_RTP_PORT_MIN = 10_000.0
"""The first of the bridge's RTP ports (RTP_PORT_MIN), where nothing sets it."""
EDGE_RTP_PORTS = 1000
"""How many there are from RTP_PORT_MIN on, where nothing sets RTP_PORT_MAX."""
HANDLER_WAIT_S = 30
"""The bridge gives the caller the restaurant's fallback when no handler came within this time."""
POD_GRACE_S = 30
"""Kubernetes's terminationGracePeriodSeconds, where a pod names none."""

REQUIRED_ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    HANDLER: ("DATABASE_URL", "REDIS_URL", "MASTER_KEY", "OPENAI_API_KEY"),
    EDGE: ("PLATFORM_DATABASE_URL", "REDIS_URL", "MASTER_KEY"),
    RELAY: ("PLATFORM_DATABASE_URL",),
}
"""Without these the process ends with status 2. K_SINK is not among them: a SinkBinding injects it."""

OPERATOR_SECRETS: Mapping[str, tuple[str, ...]] = {
    "alloresto-database": (
        "DATABASE_URL",
        "ANALYTICS_DATABASE_URL",
        "PLATFORM_DATABASE_URL",
        "MIGRATE_DATABASE_URL",
        "APP_DATABASE_PASSWORD",
        "PLATFORM_DATABASE_PASSWORD",
        "POSTGRES_PASSWORD",
    ),
    "alloresto-platform-pages": ("PLATFORM_DATABASE_URL",),
    "alloresto-redis": ("REDIS_URL", "REDIS_PASSWORD"),
    "alloresto-openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "alloresto-keys": ("MASTER_KEY", "WEB_SECRET_KEY"),
    "alloresto-telemetry": (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "SENTRY_DSN",
        "CONVERSATION_TRACES_ENDPOINT",
        "CONVERSATION_TRACES_HEADERS",
        "POSTHOG_API_KEY",
    ),
    "alloresto-backup": (
        "BACKUP_DATABASE_URL",
        "BACKUP_DATABASE_PASSWORD",
        "BACKUP_KEY",
        "BACKUP_S3_ENDPOINT",
        "BACKUP_S3_REGION",
        "BACKUP_S3_BUCKET",
        "BACKUP_S3_ACCESS_KEY",
        "BACKUP_S3_SECRET_KEY",
    ),
    "alloresto-synthetic": ("SYNTHETIC_DATABASE_URL",),
    "alloresto-archive": (
        "ARCHIVE_DATABASE_URL",
        "ARCHIVE_DATABASE_PASSWORD",
        "ARCHIVE_S3_ENDPOINT",
        "ARCHIVE_S3_REGION",
        "ARCHIVE_S3_BUCKET",
        "ARCHIVE_S3_ACCESS_KEY",
        "ARCHIVE_S3_SECRET_KEY",
    ),
}
"""What the operator makes before the first deployment, as manifests/secrets.example.yaml has it."""

WORKLOADS = ((SERVING, "Service"), ("apps", "Deployment"), ("apps", "StatefulSet"), ("batch", "Job"))
POD_SPEC: Path = ("spec", "template", "spec")
ANNOTATIONS: Path = ("spec", "template", "metadata", "annotations")


class WorkloadContainer(NamedTuple):
    """One container of a workload's pods and its place there."""

    holder: ClusterObject
    path: Path

    @property
    def value(self) -> Mapping[str, Any]:
        return self.holder.mapping(*self.path)


def handler(objects: ClusterObjects) -> ClusterObject | None:
    return objects.named(SERVING, "Service", HANDLER)


def edge(objects: ClusterObjects) -> ClusterObject | None:
    return objects.named("apps", "StatefulSet", EDGE)


def edge_autoscaler(objects: ClusterObjects) -> ClusterObject | None:
    bridge = edge(objects)
    if bridge is None:
        return None
    for autoscaler in objects.all("autoscaling", "HorizontalPodAutoscaler", bridge.namespace):
        aim = autoscaler.mapping("spec", "scaleTargetRef")
        if (aim.get("kind"), aim.get("name")) == (bridge.kind, bridge.name):
            return autoscaler
    return None


def bridges_at_most(objects: ClusterObjects) -> int:
    """As many as the autoscaler may make, else the StatefulSet's replicas."""
    bridge, autoscaler = edge(objects), edge_autoscaler(objects)
    if autoscaler is not None:
        most = autoscaler.integer("spec", "maxReplicas")
    else:
        most = bridge.integer("spec", "replicas") if bridge is not None else None
    return 1 if most is None else most


def relay(objects: ClusterObjects) -> ClusterObject | None:
    return objects.named("apps", "Deployment", RELAY)


def activator(objects: ClusterObjects) -> ClusterObject | None:
    return objects.find(ACTIVATOR)


def workloads(objects: ClusterObjects) -> Iterator[ClusterObject]:
    for group, kind in WORKLOADS:
        yield from objects.all(group, kind)


def containers(workload: ClusterObject) -> Iterator[WorkloadContainer]:
    for path, _ in workload.items(*POD_SPEC, "containers"):
        yield WorkloadContainer(workload, path)


def first_container(workload: ClusterObject) -> WorkloadContainer:
    """Ours has one; Knative's queue-proxy is added in the pod only."""
    return WorkloadContainer(workload, (*POD_SPEC, "containers", 0))


def environment(objects: ClusterObjects, workload: ClusterObject) -> tuple[dict[str, str | None], bool]:
    """What the first container gets: name → value, None where it comes from a Secret or a field of the pod.

    The second is False when a ConfigMap or Secret that it takes whole could not be read: then there may be more.
    """
    container = first_container(workload)
    known: dict[str, str | None] = {}
    complete = True
    for _, source in workload.items(*container.path, "envFrom"):
        prefix = str(source.get("prefix", ""))
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            reference = source.get(key)
            if not isinstance(reference, Mapping):
                continue
            named = Reference("v1", kind, workload.namespace, str(reference.get("name", "")))
            found = objects.find(named)
            complete = complete and (found is not None or objects.is_absent(named))
            data = found.mapping("data") if found else {}
            known |= {prefix + name: str(value) if kind == "ConfigMap" else None for name, value in data.items()}
    for _, variable in workload.items(*container.path, "env"):
        known[str(variable.get("name", ""))] = str(variable["value"]) if "value" in variable else None
    return known, complete


def seconds(objects: ClusterObjects, workload: ClusterObject | None, variable: str, default: float) -> float:
    """A number of the workload's environment; ``default`` where it is not set or no number."""
    if workload is None:
        return default
    value = environment(objects, workload)[0].get(variable)
    try:
        return float(value) if value else default
    except ValueError:
        return default


def longest_call_s(objects: ClusterObjects) -> float:
    return seconds(objects, handler(objects), "MAX_CALL_S", MAX_CALL_S)
