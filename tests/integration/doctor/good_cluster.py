"""Clusters to examine: Knative as it is installed, and with our settings and the production overlay on it."""

import copy
import functools
from pathlib import Path

import yaml

from cluster.rules.product import OPERATOR_SECRETS
from ops.manifests import render
from ops.manifests.patches import merge
from tests.fakes.kubernetes_resources import KINDS, Object
from tests.unit.manifests.rendered import write_option

MANIFESTS = Path(__file__).parents[3] / "manifests"
INSTALLED = tuple(yaml.load_all((Path(__file__).parent / "knative_as_installed.yaml").read_text(), yaml.CSafeLoader))


def rendered(folder: str) -> list[Object]:
    """What the API server of the tests has kinds for: a Kafka Broker's own, for one, are not examined."""
    return [copy.deepcopy(body) for body in _rendered(folder) if (body["apiVersion"], body["kind"]) in KINDS]


@functools.cache
def _rendered(folder: str) -> tuple[Object, ...]:
    return tuple(manifest.body for manifest in render(MANIFESTS / folder))


def rendered_option(folder: Path, component: str) -> list[Object]:
    """A component that no overlay has, with the overlay that can have it; written into ``folder``."""
    manifests = render(write_option(folder, component))
    return [copy.deepcopy(one.body) for one in manifests if (one.body["apiVersion"], one.body["kind"]) in KINDS]


def secrets(objects: list[Object]) -> list[Object]:
    """Those that the operator makes, in each namespace, with a value that must not be shown."""
    made = []
    for namespace in {one["metadata"]["namespace"] for one in objects if "namespace" in one["metadata"]}:
        for name, keys in OPERATOR_SECRETS.items():
            metadata = {"name": name, "namespace": namespace}
            data = dict.fromkeys(keys, "c2VjcmV0LXZhbHVl")
            made.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    return made


def applied(objects: list[Object], changes: list[Object]) -> list[Object]:
    """As merge patches do: fields that a change does not name stay."""
    by_name = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in objects}
    for change in changes:
        key = change["kind"], change["metadata"].get("namespace"), change["metadata"]["name"]
        by_name[key] = merge(by_name.get(key, {}), change, by_key=False)
    return list(by_name.values())


def settled(item: Object) -> Object:
    """As the controllers leave it: every pod that is wanted is available, everything of Knative is ready."""
    if item["kind"] in ("Deployment", "StatefulSet"):
        return item | {"status": {"availableReplicas": item["spec"].get("replicas", 1)}}
    if item["apiVersion"].partition("/")[0].endswith("knative.dev"):
        return item | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    return item


def good_objects(overlay: str = "overlays/production") -> list[Object]:
    """Knative with our settings, the operator's Secrets, and the overlay."""
    product = rendered(overlay)
    knative = applied(list(copy.deepcopy(INSTALLED)), rendered("components/knative-settings"))
    return [settled(one) for one in (*knative, *product, *secrets(product))]
