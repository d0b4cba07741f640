"""One object of a manifest with the file it came from, and what is wrong with one, in words an operator can act on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.rules.objects import ClusterObject


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. ``where`` names the file and the object, ``field`` is a dotted path inside it."""

    where: str
    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.what}; {self.fix}"


class ManifestError(Exception):
    """Every problem found, not just the first. Nothing was started."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Manifest(ClusterObject):
    """``body`` is the parsed YAML; ``file`` is where the object (not its patches) was written."""

    body: dict[str, Any]
    file: str = "(no file)"

    @property
    def where(self) -> str:
        return f"{self.file}: {self.kind or '(no kind)'}/{self.name or '(no name)'}"


def read_documents(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a YAML file. Raises ManifestError when it is missing, not YAML or not objects."""
    try:
        documents = list(yaml.load_all(file.read_text(), yaml.CSafeLoader))
    except OSError as error:
        raise ManifestError(
            [Problem(str(file), "(file)", error.strerror or "unreadable", "correct the path")]
        ) from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ManifestError([Problem(str(file), "(file)", f"not YAML: {reason}", "correct the syntax")]) from None
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise ManifestError([Problem(str(file), "(top)", "not an object", "start with apiVersion and kind")])
        yield document
