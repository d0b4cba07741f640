"""Secrets and ConfigMaps that pods refer to: a pod whose reference is missing does not start."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cluster.rules.findings import Finding, fault, patch
from cluster.rules.objects import EVENTING, ClusterObject, ClusterObjects, Path, Reference
from cluster.rules.product import OPERATOR_SECRETS, POD_SPEC, containers, workloads

WHY = "its pods do not start (CreateContainerConfigError, or FailedMount)"


class Use(NamedTuple):
    """``holder`` refers to ``key`` of ``target`` at ``path``; key None: to the whole of it."""

    holder: ClusterObject
    path: Path
    target: Reference
    key: str | None


def uses(objects: ClusterObjects) -> Iterator[Use]:
    """Every reference to a Secret or ConfigMap that is not optional."""
    for workload in workloads(objects):
        for container in containers(workload):
            yield from _of_environment(workload, container.path)
        for path, volume in workload.items(*POD_SPEC, "volumes"):
            yield from _of_volume(workload, path, volume)
        for path, source in workload.items(*POD_SPEC, "imagePullSecrets"):
            yield from _use(workload, path, "Secret", source, None)
    for broker in objects.all(EVENTING, "Broker"):
        config = broker.mapping("spec", "config")
        if config.get("kind") == "ConfigMap":
            namespace = str(config.get("namespace") or broker.namespace)
            yield Use(
                broker, ("spec", "config"), Reference("v1", "ConfigMap", namespace, str(config.get("name"))), None
            )


def uses_anything(objects: ClusterObjects) -> bool:
    return any(uses(objects))


def everything_referred_to_is_there(objects: ClusterObjects) -> Iterator[Finding]:
    """One finding for each thing that is missing, at the first place that names it."""
    missing: defaultdict[tuple[Reference, str | None], list[Use]] = defaultdict(list)
    wanted: defaultdict[Reference, set[str]] = defaultdict(set)
    for use in uses(objects):
        if use.key is not None:
            wanted[use.target].add(use.key)
        target = objects.find(use.target)
        if target is None:
            if objects.is_absent(use.target):
                missing[use.target, None].append(use)
        elif use.key is not None and not any(use.key in target.mapping(place) for place in ("data", "stringData")):
            missing[use.target, use.key].append(use)
    for (target_reference, key), found_at in missing.items():
        yield _missing(target_reference, key, found_at, sorted(wanted[target_reference]))


def _missing(target: Reference, key: str | None, found_at: list[Use], wanted: list[str]) -> Finding:
    first = found_at[0]
    others = sorted({use.holder.name for use in found_at} - {first.holder.name})
    found = f"there is no {target}" if key is None else f"{target} has no key {key}"
    if others:
        found += f"; also named by {', '.join(others)}"
    if key is None:
        kind = "secret generic" if target.kind == "Secret" else "configmap"
        literals = "".join(f" --from-literal={name}=CHANGE-ME" for name in wanted)
        fix = f"kubectl -n {target.namespace} create {kind} {target.name}{literals}"
    else:
        fix = patch(target, {"stringData" if target.kind == "Secret" else "data": {key: "CHANGE-ME"}})
    if first.holder.file and target.kind == "Secret":
        fix = f"name one that the operator makes ({', '.join(OPERATOR_SECRETS)}), with one of its keys"
    elif first.holder.file:
        fix = f"add {target} to the folder" if key is None else f"write {key} in {target}"
    return fault(first.holder, first.path, found, WHY, fix)


def _of_environment(workload: ClusterObject, container: Path) -> Iterator[Use]:
    for path, variable in workload.items(*container, "env"):
        source = variable.get("valueFrom")
        for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            value = source.get(field) if isinstance(source, Mapping) else None
            if isinstance(value, Mapping):
                yield from _use(workload, (*path, "valueFrom", field), kind, value, str(value.get("key", "")))
    for path, source in workload.items(*container, "envFrom"):
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            if isinstance(source.get(field), Mapping):
                yield from _use(workload, (*path, field), kind, source[field], None)


def _of_volume(workload: ClusterObject, path: Path, volume: Mapping[str, Any]) -> Iterator[Use]:
    sources = [(path, volume)]
    projected = volume.get("projected")
    if isinstance(projected, Mapping):
        sources += list(workload.items(*path, "projected", "sources"))
    for place, source in sources:
        for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
            value = source.get(field)
            if not isinstance(value, Mapping):
                continue
            named = {**value, "name": value.get("secretName") or value.get("name")}
            yield from _use(workload, (*place, field), kind, named, None)
            for item in value.get("items") or ():
                if isinstance(item, Mapping):
                    yield from _use(workload, (*place, field), kind, named, str(item.get("key", "")))


def _use(workload: ClusterObject, path: Path, kind: str, value: Mapping[str, Any], key: str | None) -> Iterator[Use]:
    if value.get("optional") is not True:
        yield Use(workload, path, Reference("v1", kind, workload.namespace, str(value.get("name", ""))), key)
