"""What is known of a scenario once it has been run: each run's record and verdict, and the one that counts."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.files import Case
from evaluation.record import Record
from evaluation.scenarios import Way
from evaluation.verdict import Status, Verdict


@dataclass(frozen=True, slots=True)
class Run:
    record: Record
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """``runs`` are those that count, ``repeated`` those thrown away since their caller misbehaved."""

    case: Case
    way: Way
    runs: tuple[Run, ...]
    repeated: int = 0

    @property
    def status(self) -> Status:
        """All runs have to pass: the worst of them counts."""
        found = {run.verdict.status for run in self.runs}
        order: tuple[Status, ...] = ("failed", "caller", "pending", "passes", "passed")
        return next(status for status in order if status in found)

    @property
    def worst(self) -> Run:
        return next(run for run in self.runs if run.verdict.status == self.status)

    @property
    def is_right(self) -> bool:
        return self.status in ("passed", "passes")

    @property
    def wrong_order(self) -> bool:
        return any(run.verdict.wrong_order for run in self.runs)
