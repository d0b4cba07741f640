"""What is wrong with a manifest, in words an operator can act on."""

from collections.abc import Iterable
from dataclasses import dataclass


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
