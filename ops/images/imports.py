"""Which modules a side's programs can come to import, read from their sources, however late they do it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

Modules = Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Closure:
    """``ours`` can be imported and are there; ``others`` are imported and none of ours (or of ours and not there)."""

    ours: frozenset[str]
    others: frozenset[str]


def modules_of(root: Path, files: Iterable[PurePosixPath]) -> dict[str, Path]:
    """Module names of the Python sources among ``files``, which are relative to ``root``."""
    modules = {}
    for file in files:
        parts = file.with_suffix("").parts
        if file.suffix == ".py" and all(part.isidentifier() for part in parts):
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = root / file
    return modules


def closure(modules: Modules, starts: Iterable[str]) -> Closure:
    """All that ``starts`` lead to. A package among them stands for everything in it."""
    waiting = [name for start in starts for name in modules if name == start or name.startswith(f"{start}.")]
    ours: set[str] = set()
    others: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in ours:
            continue
        ours.add(name)
        parts = name.split(".")
        parents = (".".join(parts[:length]) for length in range(1, len(parts)))
        waiting.extend(parent for parent in parents if parent in modules)
        for imported in _imported(ast.parse(modules[name].read_text()), modules):
            if imported in modules:
                waiting.append(imported)
            else:
                others.add(imported)
    return Closure(frozenset(ours), frozenset(others))


def _imported(node: ast.AST, modules: Modules) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in modules)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in modules and "." in node.value:
        yield node.value  # for importlib: what the handler loads while it starts
    for child in ast.iter_child_nodes(node):
        test = child.test if isinstance(child, ast.If) else None
        if not (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"):
            yield from _imported(child, modules)
