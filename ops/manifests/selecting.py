"""The fields of a kustomization file that are rendered, and how a patch chooses its objects."""

import re
from typing import Literal

import msgspec

from ops.manifests.fields import Natural, Strict
from ops.manifests.manifests import Manifest


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
        return all(_is(pattern, value) for pattern, value in wanted) and self._labels_match(metadata)

    def _labels_match(self, metadata: dict[str, dict[str, str]]) -> bool:
        labels = metadata.get("labels", {})
        terms = [term.strip() for term in self.label_selector.split(",") if term.strip()]
        return all(_term_matches(term, labels) for term in terms)


def _is(pattern: str, value: str) -> bool:
    return not pattern or re.fullmatch(pattern, value) is not None


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
