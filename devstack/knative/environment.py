"""A container's environment and command line, as the kubelet would compose them.

A pod's process does not inherit the runtime's environment: only what a shell login gives (PATH, HOME,
locale, proxies), so that nothing works locally because of a variable that the cluster will not have.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.manifests import fields, kinds
from ops.manifests.manifests import Problem
from ops.manifests.parsing import Objects

_INHERITED = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
# A pod has its node's clock: where libfaketime shifts this machine's, it shifts theirs.
CLOCK = (
    "LD_PRELOAD",
    "FAKETIME",
    "FAKETIME_DONT_FAKE_MONOTONIC",
    "FAKETIME_FORCE_MONOTONIC_FIX",
    "FAKETIME_SHARED",
    "NO_FAKE_STAT",
)
_REFERENCE = re.compile(r"\$(\$|\((?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\))")

Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Environment:
    """``entries`` are in the manifest's order; a FieldRef is known only when the pod has a name."""

    entries: tuple[tuple[str, str | fields.FieldRef], ...]
    overrides: Mapping[str, str]
    namespace: str

    def resolve(self, pod: str, injected: Mapping[str, str]) -> dict[str, str]:
        """``injected`` is what Knative sets (PORT, K_*); the manifest wins over it, overrides win over all."""
        environment = inherited() | dict(injected)
        for name, value in self.entries:
            text = self._field(value, pod) if isinstance(value, fields.FieldRef) else value
            environment[name] = expand(text, environment)
        return environment | dict(self.overrides)

    def _field(self, ref: fields.FieldRef, pod: str) -> str:
        known = {"metadata.name": pod, "metadata.namespace": self.namespace, "spec.nodeName": "localhost"}
        return known.get(ref.field_path, "127.0.0.1")


def inherited() -> dict[str, str]:
    """What every process gets from this machine. The runtime's own interpreter comes first on PATH."""
    names = (*_INHERITED, *_PROXIES, *(CLOCK if "FAKETIME" in os.environ else ()))
    here = {name: os.environ[name] for name in names if name in os.environ}
    here["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return here


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Kubernetes's ``$(NAME)``; an unknown name stays as it is, ``$$`` is a dollar."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        return environment.get(name, match[0])

    return _REFERENCE.sub(value, text)


def command_line(container: fields.Container, image_command: Sequence[str]) -> tuple[str, ...]:
    """``command`` replaces the image's entrypoint, ``args`` follow."""
    return (*(container.command or image_command), *container.args)


class EnvironmentReader:
    """Reads containers' environments against the ConfigMaps and Secrets; problems are added to the list given."""

    def __init__(self, objects: Objects, secrets: Secrets, namespace: str, problems: list[Problem]) -> None:
        self._objects = objects
        self._secrets = secrets
        self._namespace = namespace
        self.problems = problems

    def read(self, container: fields.Container, where: str, path: str, overrides: Mapping[str, str]) -> Environment:
        entries: list[tuple[str, str | fields.FieldRef]] = []
        for index, source in enumerate(container.env_from):
            entries.extend(self._from(source, where, f"{path}.envFrom[{index}]"))
        for index, variable in enumerate(container.env):
            value = self._value(variable, where, f"{path}.env[{index}]")
            if value is not None:
                entries.append((variable.name, value))
        return Environment(tuple(entries), overrides, self._namespace)

    def _from(self, source: fields.EnvFrom, where: str, path: str) -> list[tuple[str, str]]:
        if source.config_map_ref is not None:
            data = self._source("ConfigMap", source.config_map_ref, where, f"{path}.configMapRef")
        elif source.secret_ref is not None:
            data = self._source("Secret", source.secret_ref, where, f"{path}.secretRef")
        else:
            self.problems.append(Problem(where, path, "no source", "set configMapRef or secretRef"))
            return []
        return [(source.prefix + key, value) for key, value in data.items()]

    def _source(self, kind: str, ref: fields.SourceRef, where: str, path: str) -> Mapping[str, str]:
        data = self._data(kind, ref.name)
        if data is None:
            if not ref.optional:
                self._missing(kind, ref.name, where, path)
            return {}
        return data

    def _value(self, variable: fields.EnvVar, where: str, path: str) -> str | fields.FieldRef | None:
        source = variable.value_from
        if source is None:
            return variable.value or ""
        if source.field_ref is not None:
            return source.field_ref
        if source.config_map_key_ref is not None:
            return self._key("ConfigMap", source.config_map_key_ref, where, f"{path}.valueFrom.configMapKeyRef")
        if source.secret_key_ref is not None:
            return self._key("Secret", source.secret_key_ref, where, f"{path}.valueFrom.secretKeyRef")
        self.problems.append(Problem(where, f"{path}.valueFrom", "no source", "set one reference"))
        return None

    def _key(self, kind: str, ref: fields.KeyRef, where: str, path: str) -> str | None:
        data = self._data(kind, ref.name)
        if data is not None and ref.key in data:
            return data[ref.key]
        if not ref.optional:
            if data is None:
                self._missing(kind, ref.name, where, path)
            else:
                known = ", ".join(sorted(data)) or "none"
                what = f"{kind} {ref.name} has no key {ref.key} (it has {known})"
                self.problems.append(Problem(where, path, what, "correct the key or add it"))
        return None

    def _data(self, kind: str, name: str) -> Mapping[str, str] | None:
        if kind == "Secret":
            return self._secrets.get(name)
        config_map = self._objects.named(kinds.ConfigMap, name)
        return None if config_map is None else config_map.data

    def _missing(self, kind: str, name: str, where: str, path: str) -> None:
        known = self._secrets if kind == "Secret" else self._objects.names(kinds.ConfigMap)
        fix = f"create it or name one of {', '.join(sorted(known)) or '(none exist)'}"
        self.problems.append(Problem(where, path, f"there is no {kind} {name}", fix))
