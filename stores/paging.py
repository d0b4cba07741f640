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
