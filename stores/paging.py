"""Rows that are listed newest first, a page at a time, by key: every row is on one page, and no page is slower."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page; the next page begins below it.

    ``id`` tells rows of the same moment apart; without one the page begins below all rows of that moment.
    """

    at: datetime
    id: str | None = None


class Narrowing:
    """The ``where`` of a list and its parameters, of only those conditions that are asked for.

    A statement for each set of conditions, and not one that compares with nulls: the planner sees which index fits.
    """

    def __init__(self, *values: object) -> None:
        """``values`` are the parameters that the statement has anyhow, from $1 on."""
        self.values: list[object] = list(values)
        self._conditions: list[str] = []

    def by(self, condition: str, *given: object) -> None:
        """Add ``condition`` with its ``{0}``, ``{1}``… for what is given, unless a part of that is None."""
        if any(value is None for value in given):
            return
        first = len(self.values) + 1
        self._conditions.append(condition.format(*(f"${first + place}" for place in range(len(given)))))
        self.values.extend(given)

    def below(self, after: Position | None, time_column: str, id_type: str) -> None:
        """Only rows of the pages after this position, of a list by time descending and id ascending."""
        if after is None:
            return
        # "<=" bounds the index, which (time, id) < (…) could not: its id ascends while its time descends.
        self.by(f"{time_column} <= {{0}}", after.at)
        if after.id is None:
            self.by(f"{time_column} < {{0}}", after.at)
        else:
            self.by(f"({time_column} < {{0}} or id > {{1}}::{id_type})", after.at, after.id)

    @property
    def where(self) -> str:
        return f" where {' and '.join(self._conditions)}" if self._conditions else ""
