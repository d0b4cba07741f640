"""A kustomization file: its fields, how a patch chooses its objects, and what the transformers do to each object."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from cluster.kinds import CLUSTER_SCOPED
from ops.manifests.fields import Natural, Strict
from ops.manifests.manifests import Manifest
from ops.manifests.patches import Json


class Selector(Strict):
    """``kind``, ``name`` and the rest are anchored regular expressions, as kustomize reads them."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    exact_group: bool = msgspec.field(default=False, name="(exact group)")

    def matches(self, manifest: Manifest) -> bool:
        group, _, version = manifest.api_version.rpartition("/")
        if self.exact_group and group != self.group:
            return False
        metadata = manifest.body.get("metadata", {})
        wanted = (
            (self.group, group),
            (self.version, version),
            (self.kind, manifest.kind),
            (self.name, manifest.name),
            (self.namespace, str(metadata.get("namespace", "default"))),
        )
        if not all(not pattern or re.fullmatch(pattern, value) for pattern, value in wanted):
            return False
        terms = [term.strip() for term in self.label_selector.split(",") if term.strip()]
        return all(_term_matches(term, metadata.get("labels", {})) for term in terms)


def _term_matches(term: str, labels: dict[str, str]) -> bool:
    if "!=" in term:
        key, value = term.split("!=", 1)
        return labels.get(key.strip()) != value.strip()
    if "=" in term:
        key, value = term.replace("==", "=").split("=", 1)
        return labels.get(key.strip()) == value.strip()
    return term in labels


class Patch(Strict):
    path: str = ""
    patch: str = ""
    target: Selector | None = None


class Labels(Strict):
    pairs: dict[str, str]
    include_selectors: bool = False
    include_templates: bool = False


class Image(Strict):
    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""


class Replicas(Strict):
    name: str
    count: Natural


class ConfigMapGenerator(Strict):
    name: str
    literals: tuple[str, ...] = ()


class GeneratorOptions(Strict):
    disable_name_suffix_hash: bool = False


class Kustomization(Strict):
    """``apiVersion`` and ``kind`` may be left out of a Kustomization, as kustomize allows."""

    api_version: str = ""
    kind: Literal["Kustomization", "Component"] = "Kustomization"
    namespace: str = ""
    resources: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    labels: tuple[Labels, ...] = ()
    common_annotations: dict[str, str] = msgspec.field(default_factory=dict)
    images: tuple[Image, ...] = ()
    replicas: tuple[Replicas, ...] = ()
    config_map_generator: tuple[ConfigMapGenerator, ...] = ()
    generator_options: GeneratorOptions = msgspec.field(default_factory=GeneratorOptions)


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
