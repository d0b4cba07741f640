"""How the call handler's pods come and go: the autoscaling annotations of its template."""

import contextlib
from collections.abc import Iterator

from cluster.rules.findings import Finding, fault, fault_of_value, set_value
from cluster.rules.objects import SERVING, ClusterObject, ClusterObjects, Path, Reference
from cluster.rules.product import (
    ANNOTATIONS,
    EDGE_MAX_CALLS,
    KNATIVE_SERVING,
    bridges_at_most,
    edge,
    handler,
    seconds,
)

PREFIX = f"autoscaling.{SERVING.partition('.')[2]}/"
CONFIG_AUTOSCALER = Reference("v1", "ConfigMap", KNATIVE_SERVING, "config-autoscaler")
MAX_SCALE = 500
UTILIZATION = "70"


def keeps_the_activator_in_the_path(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    value, found = _setting(objects, service, "target-burst-capacity", "target-burst-capacity", "211")
    if value not in ("-1", "-1.0"):
        why = (
            "calls queue behind a pod that is in a call, for as long as it lasts (measured with 0; every value but -1 "
            "takes the activator, which knows the free pods, out of the path)"
        )
        yield fault_of_value(service, _annotation("target-burst-capacity"), found, why, "-1")


def keeps_spare_pods(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    key = "container-concurrency-target-percentage"
    value, found = _setting(objects, service, "target-utilization-percentage", key, UTILIZATION)
    utilization = _number(value)
    if utilization >= 100 or utilization == 1:  # the cluster's setting takes a fraction, too
        why = (
            "no spare pod: the next call starts after 2.5-7 s, later than the 4 s after which the bridge asks again; "
            "at 70 there are ceil(N / 0.7) pods for N calls and it starts in 0.0-0.1 s"
        )
        yield fault_of_value(service, _annotation("target-utilization-percentage"), found, why, UTILIZATION)


def counts_calls(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    autoscaler, found = _setting(objects, service, "class", "pod-autoscaler-class", "kpa.autoscaling.knative.dev")
    if not autoscaler.startswith("kpa."):
        why = "another autoscaler does not scale to zero, and counts CPU: a call takes 1 % of a core"
        yield fault_of_value(service, _annotation("class"), found, why, "kpa.autoscaling.knative.dev")
    metric = str(service.at(*_annotation("metric")) or "concurrency")
    if metric != "concurrency":
        why = "a call is one request that is held for minutes: as a rate it is nothing, and its pod goes"
        yield fault_of_value(service, _annotation("metric"), metric, why, "concurrency")


def has_room_for_every_call(objects: ClusterObjects) -> Iterator[Finding]:
    service = handler(objects)
    if service is None:
        return
    path = _annotation("max-scale")
    value, found = _setting(objects, service, "max-scale", "max-scale", "0")
    most = _number(value)
    calls = bridges_at_most(objects) * seconds(objects, edge(objects), "MAX_CALLS", EDGE_MAX_CALLS)
    if most == 0:
        why = "no limit: a flood of calls starts pods until the nodes, or the database's connections, are used up"
        yield fault_of_value(service, path, found, why, f"{max(MAX_SCALE, calls):g}", warning=True)
        return
    if most < calls:
        why = "a call beyond it waits in silence, without an early 503, until responseStartTimeoutSeconds, then 504"
        found = f"{found}, while the edge bridges take {calls:g} calls"
        yield fault_of_value(service, path, found, why, f"{calls:g}")


def goes_to_zero(objects: ClusterObjects) -> Iterator[Finding]:
    """Costs, not calls: warnings."""
    service = handler(objects)
    if service is None:
        return
    path = _annotation("min-scale")
    least = service.at(*path)
    if _number(str(least or "0")) > 0:
        why = "pods run while nobody calls, and every change makes a new Revision; the Revision takes it within 2.2 s"
        found = f"{least} on the template"
        fix = f"{set_value(service, path, '0')}\nfor a peak, annotate the Revision instead: {PREFIX}min-scale"
        yield fault(service, path, found, why, fix, warning=True)


def cluster_scales_to_zero(objects: ClusterObjects) -> Iterator[Finding]:
    config = objects.find(CONFIG_AUTOSCALER)
    if config is None:
        return
    if str(config.at("data", "enable-scale-to-zero") or "true").lower() == "false":
        path = ("data", "enable-scale-to-zero")
        why = "one pod of every function runs while nobody calls"
        yield fault_of_value(config, path, "false", why, "true", warning=True)
    limit = _number(str(config.at("data", "max-scale-limit") or "0"))
    service = handler(objects)
    most = _number(str(service.at(*_annotation("max-scale")) or "0")) if service is not None else 0
    if limit and most > limit:
        path = ("data", "max-scale-limit")
        why = f"the call handler's max-scale of {most:g} is refused: no new Revision can be made"
        yield fault_of_value(config, path, f"{limit:g}", why, f"{most:g}")


def _annotation(name: str) -> Path:
    return (*ANNOTATIONS, PREFIX + name)


def _setting(
    objects: ClusterObjects, service: ClusterObject, annotation: str, cluster_key: str, default: str
) -> tuple[str, str]:
    """What holds: the annotation, else the cluster's setting, else Knative's default; and how to say so."""
    own = service.at(*_annotation(annotation))
    if own is not None:
        return str(own), str(own)
    config = objects.find(CONFIG_AUTOSCALER)
    value = str((config.at("data", cluster_key) if config is not None else None) or default)
    return value, f"not set, which means {value}"


def _number(text: str) -> float:
    with contextlib.suppress(ValueError):
        return float(text)
    return 0.0
