"""Every object of every overlay is what Kubernetes and Knative would take, with no field that they do not know."""

import json
from functools import cache
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from ops.manifests.manifests import Manifest
from ops.manifests.parsing import parse_objects
from tests.unit.manifests.rendered import CLUSTER_WIDE, OPTIONS, OVERLAYS, group_of, identity, is_knative, objects

pytestmark = pytest.mark.unit

KUBERNETES = "1.36"  # what was measured
WITHOUT_A_SCHEMA = {"RabbitmqBrokerConfig"}  # eventing-rabbitmq's own kind
OPERATORS = "monitoring.coreos.com"  # Prometheus' Operator; tests/unit/monitoring looks at its objects


@pytest.mark.parametrize("overlay", [*OVERLAYS, *OPTIONS])
def test_kubernetes_own_objects_have_no_unknown_or_missing_field(overlay: str) -> None:
    for body in objects(overlay):
        if not is_knative(body) and group_of(body) != OPERATORS:
            check(body)


@pytest.mark.parametrize("overlay", [*OVERLAYS, *OPTIONS])
def test_knatives_objects_have_no_unknown_or_missing_field(overlay: str) -> None:
    manifests = [
        Manifest(body, identity(body))
        for body in objects(overlay)
        if is_knative(body) and body["kind"] not in WITHOUT_A_SCHEMA
    ]
    assert manifests
    _, problems = parse_objects(manifests)
    assert problems == []


@pytest.mark.parametrize("folder", CLUSTER_WIDE)
def test_what_is_set_cluster_wide_fits_the_objects_that_are_there(folder: str) -> None:
    for body in objects(folder):
        assert body["metadata"]["namespace"] in ("knative-serving", "knative-eventing")
        check(completed(body))


def completed(body: dict[str, Any]) -> dict[str, Any]:
    """A patch of a Deployment holds only the fields that change; Knative's has the rest."""
    if body["kind"] != "Deployment":
        return body
    labels = {"app": body["metadata"]["name"]}
    template = body["spec"]["template"]
    pod = {**template["spec"], "containers": [{"name": "activator", "image": "activator"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {**body, "spec": spec}


def check(body: dict[str, Any]) -> None:
    try:
        _validate(json.dumps(body))
    except kubernetes_validate.ValidationError as error:
        pytest.fail(f"{identity(body)}: {list(error.path)}: {error.message}")


@cache
def _validate(body: str) -> None:
    """Once for the same object of several overlays."""
    kubernetes_validate.validate(json.loads(body), KUBERNETES, strict=True)


def test_the_check_is_strict() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "datas": {}}
    with pytest.raises(pytest.fail.Exception, match="datas"):
        check(config)
    assert group_of(config) == ""
