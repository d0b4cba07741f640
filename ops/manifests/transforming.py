"""Kustomize's transformers: namespace, labels, annotations, replicas and images, each in place on one object."""

import re
from collections.abc import Mapping

from cluster.kinds import CLUSTER_SCOPED
from ops.manifests.patches import Json
from ops.manifests.selecting import Image, Labels, Replicas

_WITH_TEMPLATE = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
_WITH_MATCH_LABELS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})


def place(body: Json, namespace: str, service_accounts: frozenset[str]) -> None:
    """Into a namespace; a Namespace object takes the name, a binding's own service accounts move along."""
    if body["kind"] == "Namespace":
        body["metadata"]["name"] = namespace
    elif body["kind"] not in CLUSTER_SCOPED:
        body["metadata"]["namespace"] = namespace
    for subject in body.get("subjects") or ():
        if subject.get("kind") == "ServiceAccount" and subject.get("name") in service_accounts | {"default"}:
            subject["namespace"] = namespace


def label(body: Json, labels: Labels) -> None:
    """On the object; with includeTemplates also on its pods, with includeSelectors on its selectors and pods."""
    _add(body, ("metadata", "labels"), labels.pairs)
    spec = body.get("spec") or {}
    built_in = "knative.dev" not in body["apiVersion"]
    if (labels.include_selectors or labels.include_templates) and built_in and body["kind"] in _WITH_TEMPLATE:
        _add(spec, ("template", "metadata", "labels"), labels.pairs)
    if labels.include_selectors and body["kind"] in _WITH_MATCH_LABELS:
        _add(spec, ("selector", "matchLabels"), labels.pairs)
    if labels.include_selectors and body["kind"] == "Service":  # a Knative Service, too: kustomize does, and breaks it
        _add(spec, ("selector",), labels.pairs)


def annotate(body: Json, annotations: Mapping[str, str]) -> None:
    """On the object and on its pod template."""
    if not annotations:
        return
    _add(body, ("metadata", "annotations"), annotations)
    if body["kind"] in _WITH_TEMPLATE:
        _add(body["spec"], ("template", "metadata", "annotations"), annotations)


def recount(body: Json, replicas: Replicas) -> None:
    if body["kind"] in ("Deployment", "StatefulSet", "ReplicaSet") and body["metadata"]["name"] == replicas.name:
        body["spec"]["replicas"] = replicas.count


def retag(body: Json, image: Image) -> None:
    """Every container's image of that name, wherever containers are."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                for container in value:
                    if isinstance(container, dict) and "image" in container:
                        container["image"] = _retagged(str(container["image"]), image)
            retag(value, image)
    elif isinstance(body, list):
        for value in body:
            retag(value, image)


def _retagged(reference: str, image: Image) -> str:
    name, tag = re.sub(r"@.*$", "", reference), ""
    match = re.search(r":[^/:]*$", name)
    if match:
        name, tag = name[: match.start()], match[0]
    if name != image.name:
        return reference
    if image.digest:
        tag = f"@{image.digest}"
    elif image.new_tag:
        tag = f":{image.new_tag}"
    return (image.new_name or name) + tag


def _add(body: Json, path: tuple[str, ...], pairs: Mapping[str, str]) -> None:
    for part in path:
        if body.get(part) is None:
            body[part] = {}
        body = body[part]
    body.update(pairs)
