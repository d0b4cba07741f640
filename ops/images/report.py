"""``alloresto images``: the table, and what is wrong."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ops.images import checks, debian, dockerfile, tree
from ops.images.dockerfile import BuildContext
from ops.images.sizes import LIMITS_MB, MB, Sizes, measure
from ops.manifests import render
from ops.manifests.manifests import Manifest, ManifestError

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests" / "overlays" / "dev"
WITH_BACKUPS = ROOT / "manifests" / "overlays" / "staging"  # one machine has none
SYNTHETIC = ROOT / "manifests" / "components" / "synthetic-caller"  # no overlay has it by itself
MANIFESTS_OF = {"backup": WITH_BACKUPS, "synthetic": SYNTHETIC}
TARGETS = ("edge", "functions", "web", "backup", "site", "synthetic")
SHOWN_PACKAGES = 10


@dataclass(frozen=True, slots=True)
class ExaminedImage:
    """One target, measured and tried."""

    target: str
    sizes: Sizes
    problems: tuple[str, ...]
    seconds: float

    @property
    def limit(self) -> int | None:
        """Bytes."""
        return LIMITS_MB[self.target] * MB if self.target in LIMITS_MB else None

    @property
    def ok(self) -> bool:
        return not self.problems and (self.limit is None or self.sizes.total <= self.limit)


def make(target: str, root: Path) -> ExaminedImage:
    """Build ``target`` in ``root`` and try it. Raises BuildError, DockerfileError or ManifestError."""
    began = time.monotonic()
    stages = dockerfile.read(ROOT / "Dockerfile")
    made = tree.build(stages, target, BuildContext(ROOT), root)
    sizes = measure(made)  # before anything runs in it
    packages = debian.problems(made, debian.wanted(stages, target), stages.base(target))
    problems = [*checks.examine(made, manifests_of(target)), *packages]
    return ExaminedImage(target, sizes, tuple(problems), time.monotonic() - began)


def manifests_of(target: str) -> list[Manifest]:
    """Those that say what runs in the image."""
    return render(MANIFESTS_OF.get(target, MANIFESTS))


def run(targets: list[str], json_file: Path | None, packages: bool, keep: Path | None) -> int:
    """Exit status 0 when every target is whole and within its limit, 2 when one could not be made."""
    console = Console()
    unknown = sorted(set(targets) - set(TARGETS))
    if unknown:
        console.print(f"--target {unknown[0]}: there is {', '.join(TARGETS)}", style="red", markup=False)
        return 2
    with tempfile.TemporaryDirectory(prefix="alloresto-images-") as made:
        try:
            images = [make(target, _folder(keep or Path(made), target)) for target in targets or TARGETS]
        except (tree.BuildError, dockerfile.DockerfileError, ManifestError, FileExistsError) as error:
            console.print(str(error), style="red", markup=False)
            return 2
    _show(images, console)
    for image in images:
        if packages:
            heaviest = image.sizes.heaviest[:SHOWN_PACKAGES]
            console.print(f"{image.target}: " + ", ".join(f"{name} {size / MB:.1f}" for name, size in heaviest))
        for problem in image.problems:
            console.print(f"{image.target}: {problem}", style="red", markup=False)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode([as_json(image) for image in images])))
    return 0 if all(image.ok for image in images) else 1


def _folder(parent: Path, target: str) -> Path:
    folder = parent.absolute() / target
    if folder.exists():
        raise FileExistsError(f"--keep: {folder} is there already; remove it or name another folder")
    folder.mkdir(parents=True)
    return folder


def _show(images: list[ExaminedImage], console: Console) -> None:
    table = Table(title="What each image adds to its base, MB (10⁶ bytes)", title_justify="left")
    table.add_column("target")
    for heading in ("packages", "code", "bytecode", "total", "limit"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for image in images:
        sizes = image.sizes
        numbers = [f"{size / MB:.1f}" for size in (sizes.packages, sizes.code, sizes.bytecode, sizes.total)]
        limit = f"≤ {image.limit / MB:g}" if image.limit else ""
        table.add_row(image.target, *numbers, limit, "[green]ok[/]" if image.ok else "[red]no[/]")
    console.print(table)


def as_json(image: ExaminedImage) -> dict[str, Any]:
    """Bytes, problems and every package."""
    sizes = image.sizes
    return {
        "target": image.target,
        "packages": sizes.packages,
        "code": sizes.code,
        "bytecode": sizes.bytecode,
        "total": sizes.total,
        "limit": image.limit,
        "ok": image.ok,
        "problems": image.problems,
        "seconds": round(image.seconds, 1),
        "heaviest": dict(sizes.heaviest),
    }
