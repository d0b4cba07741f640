"""The configurations of ``infrastructure/``, parsed: what their blocks say, and what they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

INFRASTRUCTURE = Path(__file__).parents[3] / "infrastructure"
# Words that begin a reference and name no resource.
_OTHERS = {"var", "local", "each", "path", "data", "one"}
_REFERENCE = re.compile(r"(?<![\w.\"-])([a-z_][a-z0-9_]*)\.([a-z0-9_]+)(?:(?:\[[^\]]*\])?\.([a-z0-9_]+))?")
_META = {"for_each", "count", "depends_on", "provider"}


def plain(value: Any) -> Any:
    """Without the quotes that python-hcl2 keeps around literal strings and keys, and without its notes."""
    if isinstance(value, dict):
        return {str(key).strip('"'): plain(one) for key, one in value.items() if key != "__comments__"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and value.startswith('"') and value.endswith('"'):
        return value[1:-1]
    return value


@dataclass(frozen=True)
class Module:
    """One folder: its blocks by kind, each with its labels."""

    name: str
    blocks: Mapping[str, list[dict[str, Any]]]

    @property
    def resources(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (kind, name): body
            for one in self.blocks["resource"]
            for kind, named in one.items()
            for name, body in named.items()
        }

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        return {name: body for one in self.blocks["variable"] for name, body in one.items()}

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        return {name: body for one in self.blocks["output"] for name, body in one.items()}

    @property
    def local_names(self) -> set[str]:
        return {name for one in self.blocks.get("locals", []) for name in one if not name.startswith("__")}

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Each as its first three words, the third empty where there is none."""
        for kind in ("resource", "output", "locals"):
            for text in _expressions(self.blocks.get(kind, [])):
                for found in _REFERENCE.finditer(re.sub(r'"(?:[^"$\\]|\\.|\$(?!\{))*"', '""', text)):
                    yield found[1], found[2], found[3] or ""


@cache
def read(name: str) -> Module:
    blocks: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((INFRASTRUCTURE / name).glob("*.tf")):
        for kind, found in hcl2.loads(path.read_text("utf-8")).items():
            if kind != "__comments__":
                blocks.setdefault(kind, []).extend(plain(found))
    return Module(name, blocks)


def settings(path: Path) -> dict[str, Any]:
    """A file of variables."""
    found: dict[str, Any] = plain(hcl2.loads(path.read_text("utf-8")))
    return found


def nested(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """A block's arguments, and its nested blocks, those that ``dynamic`` makes with the others."""
    arguments: dict[str, Any] = {}
    blocks: dict[str, list[dict[str, Any]]] = {}
    for key, value in body.items():
        if key.startswith("__") or key in _META or key == "lifecycle":
            continue
        if key == "dynamic":
            for one in value:
                for name, made in one.items():
                    if name != "__is_block__":
                        blocks.setdefault(name, []).extend(made["content"])
        elif isinstance(value, list) and value and isinstance(value[0], dict) and "__is_block__" in value[0]:
            blocks[key] = value
        else:
            arguments[key] = value
    return arguments, blocks


def of_resources(references: Iterator[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    return (one for one in references if one[0].startswith(("ovh_", "hcloud_")))


def is_known(first: str) -> bool:
    return first in _OTHERS or first.startswith(("ovh_", "hcloud_"))


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _expressions(one)
    elif isinstance(value, list):
        for one in value:
            yield from _expressions(one)
    elif isinstance(value, str):
        yield from re.findall(r"\$\{(.*)\}", value, re.DOTALL)
