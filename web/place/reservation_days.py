"""A day's reservations as a plan: a row for each table, a column for each quarter of an hour.

The columns are moments, not numbers on a dial: a day on which the clocks change has four more or four fewer of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain import hours
from domain.reservations import HOLDING, STEP, DiningTable
from domain.restaurant import Restaurant
from stores.reservations import Reservation

HOUR = 4  # columns
LONG = timedelta(hours=14)
AROUND = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """``width`` columns from ``at`` on; without a reservation they are free."""

    at: datetime
    width: int
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``heads`` are the hours over the columns; the last may be shorter. Empty on a day with nothing to show."""

    heads: tuple[Cell, ...] = ()
    rows: tuple[tuple[DiningTable, tuple[Cell, ...]], ...] = ()


def plan(
    place: Restaurant,
    tables: Iterable[DiningTable],
    reservations: Iterable[Reservation],
    since: datetime,
    until: datetime,
) -> Plan:
    """For ``[since, until)``: from the first opening or reservation to the last.

    Of a restaurant that is open longer than LONG only the hours around its reservations: else they are out of sight.
    """
    holding = [one for one in reservations if one.status in HOLDING]
    spans = [*hours.openings_between(place, since, until), *((one.starts_at, one.ends_at) for one in holding)]
    spans = [(max(start, since), min(end, until)) for start, end in spans if start < until and end > since]
    if not spans:
        return Plan()
    start, end = min(start for start, _ in spans), max(end for _, end in spans)
    if holding and end - start > LONG:
        start = max(since, min(one.starts_at for one in holding) - AROUND)
        end = min(until, max(one.ends_at for one in holding) + AROUND)
    first = _full_hour(start, since)
    columns = max(_columns(first, end), HOUR)
    heads = tuple(Cell(first + n * STEP, min(HOUR, columns - n)) for n in range(0, columns, HOUR))
    rows = tuple((table, _row(table, holding, first, columns)) for table in tables)
    return Plan(heads, rows)


def _row(table: DiningTable, holding: list[Reservation], first: datetime, columns: int) -> tuple[Cell, ...]:
    """Starts and ends are both rounded down, so that one that ends when the next begins has its columns before it."""
    cells: list[Cell] = []
    at = 0
    for one in (one for one in holding if table.id in one.table_ids):
        start = max(at, (one.starts_at - first) // STEP)
        end = min(max((one.ends_at - first) // STEP, start + 1), columns)
        if start >= columns or end <= start:
            continue
        if start > at:
            cells.append(Cell(first + at * STEP, start - at))
        cells.append(Cell(first + start * STEP, end - start, one))
        at = end
    if at < columns:
        cells.append(Cell(first + at * STEP, columns - at))
    return tuple(cells)


def _full_hour(moment: datetime, since: datetime) -> datetime:
    """The full hour before, counted from the day's start: heads stand over full hours."""
    return since + (moment - since) // (HOUR * STEP) * (HOUR * STEP)


def _columns(first: datetime, end: datetime) -> int:
    return -((first - end) // STEP)
