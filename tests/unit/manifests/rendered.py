"""The manifests as they are applied, rendered once a test run: by overlay, with what the tests ask of them."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops.manifests import render

MANIFESTS = Path(__file__).parents[3] / "manifests"
OVERLAYS = ("dev", "dev-cluster", "staging", "production", "standby")
OPTIONS = {  # components that no overlay has, with one that can have it, and its namespace
    "rabbitmq-broker": ("overlays/dev-cluster", "alloresto"),
    "event-policies": ("overlays/dev", "alloresto"),
    "real-time-audio": ("overlays/production/edge", "alloresto-edge"),
    "kamailio": ("overlays/production/edge", "alloresto-edge"),
    "audiosocket": ("overlays/staging", "alloresto"),
    "network-policies/audiosocket": ("overlays/staging", "alloresto"),
    "twilio": ("overlays/staging", "alloresto"),
    "network-policies/twilio": ("overlays/staging", "alloresto"),
    "telemetry": ("overlays/staging", "alloresto"),
    "network-policies/telemetry": ("overlays/staging", "alloresto"),
    "monitoring": ("overlays/staging", "alloresto"),
    "monitoring/asterisk": ("overlays/staging", "alloresto"),
    "synthetic-caller": ("overlays/staging", "alloresto"),
    "network-policies/synthetic-caller": ("overlays/staging", "alloresto"),
}
NEEDS = {"network-policies/synthetic-caller": ("synthetic-caller",)}  # means nothing without
CLUSTER_WIDE = ("components/knative-settings", "components/knative-authentication")

Object = dict[str, Any]


@cache
def objects(overlay: str) -> tuple[Object, ...]:
    """Every object of an overlay, or of an option: a component with the overlay that can have it."""
    if overlay in OPTIONS:
        with tempfile.TemporaryDirectory() as name:
            return _rendered(write_option(Path(name), overlay))
    return _rendered(MANIFESTS / (overlay if "/" in overlay else f"overlays/{overlay}"))


def _rendered(folder: Path) -> tuple[Object, ...]:
    return tuple(manifest.body for manifest in render(folder))


def write_option(folder: Path, component: str) -> Path:
    """``folder`` as an overlay with an optional component, as an operator would write it."""
    overlay, namespace = OPTIONS[component]
    manifests = os.path.relpath(MANIFESTS, folder)
    needed = [component, *NEEDS.get(component, ())]
    parts = {
        "resources": [f"{manifests}/{overlay}"],
        "components": [f"{manifests}/components/{one}" for one in needed],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": namespace, **parts}))
    return folder


@cache
def secrets() -> Mapping[str, frozenset[str]]:
    """The keys of each example Secret."""
    documents = yaml.load_all((MANIFESTS / "secrets.example.yaml").read_text(), yaml.CSafeLoader)
    return {body["metadata"]["name"]: frozenset(body["stringData"]) for body in documents}


def of_kind(overlay: str, kind: str, group: str | None = None) -> Iterator[Object]:
    """``group`` tells a Knative Service from Kubernetes's own, whose group is empty."""
    for body in objects(overlay):
        if body["kind"] == kind and (group is None or group_of(body) == group):
            yield body


def group_of(body: Object) -> str:
    return str(body["apiVersion"]).rpartition("/")[0]


def is_knative(body: Object) -> bool:
    return group_of(body).endswith("knative.dev")


def identity(body: Object) -> str:
    metadata = body["metadata"]
    return f"{metadata.get('namespace', '')}/{body['kind']}/{metadata['name']}"


def workloads(overlay: str) -> Iterator[Object]:
    """Whatever has a pod template; a CronJob as the Job that it makes."""
    for body in objects(overlay):
        spec = body["spec"]["jobTemplate"]["spec"] if body["kind"] == "CronJob" else body.get("spec", {})
        if "template" in spec:
            yield {**body, "spec": spec}


def pod_of(workload: Object) -> Object:
    return workload["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def container_of(workload: Object) -> Object:
    [container] = pod_of(workload)["containers"]
    return container  # type: ignore[no-any-return]


def pod_labels(workload: Object) -> dict[str, str]:
    """Those of the template, and the one that Knative adds."""
    labels = dict(workload["spec"]["template"].get("metadata", {}).get("labels", {}))
    if is_knative(workload):
        labels["serving.knative.dev/service"] = workload["metadata"]["name"]
    return labels


def annotations(workload: Object) -> dict[str, str]:
    return workload["spec"]["template"]["metadata"]["annotations"]  # type: ignore[no-any-return]


def environment(workload: Object) -> dict[str, Object]:
    return {variable["name"]: variable for variable in container_of(workload).get("env", [])}


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Kubernetes's label selector; an empty one selects everything."""
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    match operator:
        case "Exists":
            return key in labels
        case "In":
            return labels.get(key) in expression["values"]
    raise NotImplementedError(operator)
