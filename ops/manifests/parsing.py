"""Manifests to typed objects, every fault collected; nothing is resolved between objects yet."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ops.manifests import fields, kinds
from ops.manifests.manifests import Manifest, Problem

K = TypeVar("K", bound=fields.Strict)

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`")
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One object, typed, with the words that name it in a problem."""

    kind: str
    name: str
    namespace: str
    where: str
    value: fields.Strict


class Objects:
    """The parsed objects by type and name."""

    def __init__(self, parsed: Iterable[Parsed]) -> None:
        self._parsed = tuple(parsed)

    def __iter__(self) -> Iterator[Parsed]:
        return iter(self._parsed)

    def of(self, kind: type[K]) -> Iterator[tuple[Parsed, K]]:
        for entry in self._parsed:
            if isinstance(entry.value, kind):
                yield entry, entry.value

    def named(self, kind: type[K], name: str) -> K | None:
        return next((value for entry, value in self.of(kind) if entry.name == name), None)

    def names(self, kind: type[K]) -> list[str]:
        return sorted(entry.name for entry, _ in self.of(kind))


def parse_objects(manifests: Iterable[Manifest]) -> tuple[Objects, list[Problem]]:
    """Typed objects and every fault in the fields themselves."""
    parsed: dict[tuple[str, str, str, str], Parsed] = {}
    problems: list[Problem] = []
    for manifest in manifests:
        if (manifest.api_version, manifest.kind) in kinds.INERT:
            continue
        kind = kinds.PARSED.get((manifest.api_version, manifest.kind))
        if kind is None:
            problems.append(_unknown_kind(manifest))
            continue
        body = {key: value for key, value in manifest.body.items() if key not in ("apiVersion", "kind")}
        try:
            value = msgspec.convert(body, kind)
        except msgspec.ValidationError as error:
            problems.append(field_problem(manifest.where, str(error)))
            continue
        namespace = str(manifest.body["metadata"].get("namespace", ""))
        key = manifest.api_version, manifest.kind, namespace, manifest.name
        if key in parsed:
            problems.append(Problem(manifest.where, "metadata.name", "used twice", f"see also {parsed[key].where}"))
        parsed[key] = Parsed(manifest.kind, manifest.name, namespace, manifest.where, value)
    return Objects(parsed.values()), problems


def _unknown_kind(manifest: Manifest) -> Problem:
    api_versions = sorted(api for api, kind in (*kinds.PARSED, *kinds.INERT) if kind == manifest.kind)
    if api_versions:
        what = f"{manifest.api_version or 'no apiVersion'} has no kind {manifest.kind} that runs here"
        return Problem(manifest.where, "apiVersion", what, f"use {' or '.join(api_versions)}")
    executed = ", ".join(sorted({kind for _, kind in kinds.PARSED}))
    fix = f"the local runtime executes {executed}; remove it from this overlay"
    if manifest.kind == "Secret":
        fix = "Secrets are given to the runtime by name, never written in a manifest; remove it"
    return Problem(manifest.where, "kind", f"{manifest.kind or 'missing'} is not executed here", fix)


def field_problem(where: str, message: str) -> Problem:
    """A msgspec message (``… - at `$.spec.x` ``) as a problem whose field is the whole path."""
    match = _AT.match(message)
    what, path = (match["what"], (match["path"] or "").lstrip(".")) if match else (message, "")
    if unknown := _UNKNOWN.match(what):
        field = f"{path}.{unknown['field']}".lstrip(".")
        return Problem(where, field, "unknown field", "correct its name or its place, or remove it")
    if missing := _MISSING.match(what):
        return Problem(where, f"{path}.{missing['field']}".lstrip("."), "missing", "set it")
    return Problem(where, path or "(top)", what, "correct the value")
