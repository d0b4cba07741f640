"""A kustomize folder rendered to objects, as ``kubectl kustomize`` would: no kubectl is needed on a laptop.

Rendered here: resources, components, patches (strategic merge and JSON 6902), namespace, labels,
annotations, images, replicas and configMapGenerator with literals. Any other field is an error, never ignored.
"""

import copy
import os
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ops.manifests.kustomization import Kustomization, Patch, Selector, annotate, label, place, recount, retag
from ops.manifests.manifests import Manifest, ManifestError, Problem, read_documents
from ops.manifests.parsing import field_problem
from ops.manifests.patches import Json, PatchError, apply_operations, merge

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def render(folder: Path) -> list[Manifest]:
    """The objects of a kustomization, in the order of its resources. Raises ManifestError (file, field, fix)."""
    return _Rendering(folder).render([])


class _Rendering:
    """One kustomization file. ``render`` gets what is there already (for components) and gives all back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = [folder / name for name in _NAMES if (folder / name).is_file()]
        if not found:
            problem = Problem(str(folder), "(folder)", f"no {_NAMES[0]}", "name a folder that holds one")
            raise ManifestError([problem])
        self._file = found[0]
        self._kustomization = self._read()

    def render(self, manifests: list[Manifest]) -> list[Manifest]:
        spec = self._kustomization
        for index, resource in enumerate(spec.resources):
            manifests = [*manifests, *self._resource(resource, f"resources[{index}]")]
        for index, component in enumerate(spec.components):
            folder = self._path(component, f"components[{index}]")
            manifests = _Rendering(folder).render(manifests)
        manifests = [*manifests, *self._config_maps()]
        self._check_unique(manifests)
        for index, patch in enumerate(spec.patches):
            manifests = self._patch(manifests, patch, f"patches[{index}]")
        accounts = frozenset(manifest.name for manifest in manifests if manifest.kind == "ServiceAccount")
        return [Manifest(self._transformed(copy.deepcopy(one.body), accounts), one.file) for one in manifests]

    def _transformed(self, body: Json, accounts: frozenset[str]) -> Json:
        spec = self._kustomization
        if spec.namespace:
            place(body, spec.namespace, accounts)
        for labels in spec.labels:
            label(body, labels)
        annotate(body, spec.common_annotations)
        for replicas in spec.replicas:
            recount(body, replicas)
        for image in spec.images:
            retag(body, image)
        return body

    # Reading

    def _read(self) -> Kustomization:
        documents = list(read_documents(self._file))
        if len(documents) != 1:
            raise self._error("(top)", f"{len(documents)} documents", "write exactly one")
        try:
            return msgspec.convert(documents[0], Kustomization)
        except msgspec.ValidationError as error:
            raise ManifestError([field_problem(str(self._file), str(error))]) from None

    def _resource(self, resource: str, field: str) -> list[Manifest]:
        path = self._path(resource, field)
        if path.is_dir():
            return render(path)
        manifests = [Manifest(body, str(path)) for body in read_documents(path)]
        for manifest in manifests:
            if not (manifest.kind and manifest.api_version and manifest.name):
                fix = "set apiVersion, kind and metadata.name"
                raise ManifestError([Problem(manifest.where, "(top)", "not a Kubernetes object", fix)])
        return manifests

    def _path(self, relative: str, field: str) -> Path:
        if "://" in relative:
            raise self._error(field, f"{relative} is remote", "only folders and files of this repository are rendered")
        path = Path(os.path.normpath(self._folder / relative))
        if not path.exists():
            raise self._error(field, f"{path} does not exist", "correct the path")
        return path

    def _error(self, field: str, what: str, fix: str) -> ManifestError:
        return ManifestError([Problem(str(self._file), field, what, fix)])

    def _check_unique(self, manifests: list[Manifest]) -> None:
        seen: dict[tuple[str, str, str, str], Manifest] = {}
        for manifest in manifests:
            namespace = str(manifest.body["metadata"].get("namespace", ""))
            key = manifest.api_version, manifest.kind, namespace, manifest.name
            if key in seen:
                raise self._error("resources", f"{manifest.where} is there twice", f"see also {seen[key].where}")
            seen[key] = manifest

    def _config_maps(self) -> list[Manifest]:
        manifests = []
        for index, generator in enumerate(self._kustomization.config_map_generator):
            field = f"configMapGenerator[{index}]"
            if not self._kustomization.generator_options.disable_name_suffix_hash:
                raise self._error(field, "a name with a hash", "set generatorOptions.disableNameSuffixHash: true")
            data: dict[str, str] = {}
            for literal in generator.literals:
                key, equals, value = literal.partition("=")
                if not equals:
                    raise self._error(f"{field}.literals", f"{literal!r} has no =", "write key=value")
                data[key] = value
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator.name}, "data": data}
            manifests.append(Manifest(body, str(self._file)))
        return manifests

    # Patching

    def _patch(self, manifests: list[Manifest], patch: Patch, field: str) -> list[Manifest]:
        for body in self._patch_bodies(patch, field):
            selector = patch.target or self._own_target(body, field)
            chosen = [manifest for manifest in manifests if selector.matches(manifest)]
            if not chosen and patch.target is None:
                raise self._error(field, f"nothing to patch: {selector}", "correct the patch's kind and name")
            manifests = [
                patched
                for manifest in manifests
                for patched in ([manifest] if manifest not in chosen else self._patched(manifest, body, field))
            ]
        return manifests

    def _patch_bodies(self, patch: Patch, field: str) -> list[Json]:
        if bool(patch.path) == bool(patch.patch):
            raise self._error(field, "needs either path or patch", "set one of them")
        text = self._path(patch.path, f"{field}.path").read_text() if patch.path else patch.patch
        try:
            bodies = [body for body in yaml.load_all(text, yaml.CSafeLoader) if body]
        except yaml.YAMLError as error:
            raise self._error(field, f"not YAML: {' '.join(str(error).split())}", "correct the syntax") from None
        for body in bodies:
            if isinstance(body, list) and patch.target is None:
                raise self._error(field, "a JSON 6902 patch without target", "set target.kind and target.name")
        return bodies

    def _own_target(self, body: dict[str, Any], field: str) -> Selector:
        name, kind = body.get("metadata", {}).get("name"), body.get("kind")
        if not name or not kind:
            raise self._error(field, "no target", "set target, or kind and metadata.name in the patch")
        group, _, version = str(body.get("apiVersion", "")).rpartition("/")
        return Selector(group=group, version=version, kind=kind, name=name, exact_group=True)

    def _patched(self, manifest: Manifest, body: Json, field: str) -> list[Manifest]:
        if isinstance(body, list):
            try:
                return [Manifest(apply_operations(manifest.body, body), manifest.file)]
            except PatchError as error:
                raise self._error(field, f"{manifest.kind}/{manifest.name}: {error}", "correct the path") from None
        if body.get("$patch") == "delete":
            return []
        kept = {key: manifest.body[key] for key in ("apiVersion", "kind") if key in manifest.body}
        overlay = {key: value for key, value in body.items() if key not in kept}
        # kustomize merges the lists of Kubernetes's own kinds by key; those of custom resources are replaced
        built_in = "." not in manifest.group or manifest.group.endswith(".k8s.io")
        merged = merge(manifest.body, overlay, by_key=built_in) | kept
        merged["metadata"]["name"] = manifest.name
        return [Manifest(merged, manifest.file)]
