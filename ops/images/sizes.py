"""What a tree weighs. MB are 10⁶ bytes, as registries and ``docker images`` count; the base image comes on top."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.images.tree import Tree

MB = 1_000_000
# A cold node pulls it while a caller listens to the greeting.
LIMITS_MB = {"functions": 120}
_BYTECODE = re.compile(r"__pycache__/([^/]+)\.[^./]+\.pyc$")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on disk, a file's own size: packages and code without their bytecode."""

    packages: int
    code: int
    bytecode: int
    heaviest: tuple[tuple[str, int], ...]  # each distribution with its bytecode, all of them, heaviest first

    @property
    def total(self) -> int:
        return self.packages + self.code + self.bytecode


def measure(tree: Tree) -> Sizes:
    packages, code = dict(_files(tree.venv)), dict(_files(tree.app))
    packages_bytecode, code_bytecode = _bytecode(packages), _bytecode(code)
    return Sizes(
        packages=sum(packages.values()) - packages_bytecode,
        code=sum(code.values()) - code_bytecode,
        bytecode=packages_bytecode + code_bytecode,
        heaviest=tuple(_by_distribution(tree, packages).most_common()),
    )


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            yield path, os.lstat(path).st_size


def _bytecode(sizes: dict[str, int]) -> int:
    return sum(size for path, size in sizes.items() if path.endswith(".pyc"))


def _by_distribution(tree: Tree, sizes: dict[str, int]) -> Counter[str]:
    """A distribution's RECORD lists its sources, not the bytecode that was made of them."""
    owners: dict[str, str] = {}
    for record in tree.venv.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        site, name = str(record.parent.parent), record.parent.name.partition("-")[0]
        with record.open(newline="") as lines:
            owners |= {os.path.normpath(f"{site}/{line[0]}"): name for line in csv.reader(lines)}
    weights: Counter[str] = Counter()
    for path, size in sizes.items():
        weights[owners.get(_BYTECODE.sub(r"\1.py", path), "(the virtual environment)")] += size
    return weights
