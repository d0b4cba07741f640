"""Kustomize's two ways of patching: strategic merge and JSON 6902."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Json = Any
"""Parsed YAML: dict, list, str, int, float, bool or None."""

_MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
}
"""Lists of Kubernetes's own kinds that merge by key; all other lists, and all lists of custom kinds, are replaced."""


class PatchError(ValueError):
    """Says which step of a patch does not apply."""


def merge(target: Json, patch: Json, *, by_key: bool) -> Json:
    """``patch`` laid over ``target``: maps merge, null removes, lists are replaced or (``by_key``) merged by key."""
    if not isinstance(target, dict) or not isinstance(patch, dict):
        return _without_nulls(patch)
    directive = patch.get("$patch")
    if directive == "replace":
        return _without_nulls({key: value for key, value in patch.items() if key != "$patch"})
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif by_key and isinstance(value, list) and isinstance(merged.get(key), list) and key in _MERGE_KEYS:
            merged[key] = _merge_lists(merged[key], value, _MERGE_KEYS[key])
        elif key in merged:
            merged[key] = merge(merged[key], value, by_key=by_key)
        else:
            merged[key] = _without_nulls(value)
    return merged


def _merge_lists(target: list[Json], patch: list[Json], keys: Sequence[str]) -> list[Json]:
    """The patch's elements first, each merged with its namesake, then the rest: kustomize's order."""
    key = next((key for key in keys if any(isinstance(item, dict) and key in item for item in patch)), None)
    if key is None or not all(isinstance(item, dict) for item in (*target, *patch)):
        return patch
    existing = {item.get(key): item for item in target}
    merged: dict[Json, Json] = {}
    for item in patch:
        name = item.get(key)
        if item.get("$patch") == "delete":
            existing.pop(name, None)
        else:
            merged[name] = merge(existing.pop(name, {}), item, by_key=True)
    return [*merged.values(), *existing.values()]


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return copy.deepcopy(value)


def apply_operations(target: Json, operations: Sequence[Mapping[str, Json]]) -> Json:
    """A JSON 6902 patch. Raises PatchError naming the operation that does not apply."""
    document = copy.deepcopy(target)
    for number, operation in enumerate(operations):
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            described = f"{operation.get('op', '(no op)')} {operation.get('path', '(no path)')}"
            raise PatchError(f"operation {number} ({described}) does not apply: {error}") from None
    return document


def _operate(document: Json, operation: Mapping[str, Json]) -> Json:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, operation["value"])
        case "remove":
            _remove(document, path)
        case "replace":
            _remove(document, path)
            return _add(document, path, operation["value"])
        case "test":
            if _get(document, path) != operation["value"]:
                raise ValueError("the value is another one")
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(operation["from"]))))
        case "move":
            value = _get(document, _pointer(operation["from"]))
            _remove(document, _pointer(operation["from"]))
            return _add(document, path, value)
        case other:
            raise ValueError(f"unknown op {other}")
    return document


def _pointer(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError("a path starts with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _get(document: Json, path: Sequence[str]) -> Json:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _add(document: Json, path: Sequence[str], value: Json) -> Json:
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        position = len(parent) if last == "-" else int(last)
        if not 0 <= position <= len(parent):
            raise IndexError(f"no position {last}")
        parent.insert(position, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise TypeError("nothing can be added there")
    return document


def _remove(document: Json, path: Sequence[str]) -> None:
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
