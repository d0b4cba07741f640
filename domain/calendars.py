"""What a restaurant's own calendar says of its time, as we know it: a copy, for nobody on the phone waits for a server.

Its word closes the house for a time, never a single table: it is beside the tables, so that a booking of ours that
stands in both is counted in neither twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

RENEWED_AFTER = timedelta(minutes=3)
GOOD_FOR = timedelta(minutes=15)  # several readings that fail


@dataclass(frozen=True, slots=True)
class Span:
    """Half open, aware."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class BusyTimes:
    """What is not free within ``[since, until)``, in order and apart; beyond it nothing is known.

    ``by_start``: no booking may begin in such a time, by a calendar that counts places and our own bookings among
    them; else none may touch it, and our own bookings are not in it.
    """

    since: datetime
    until: datetime
    spans: tuple[Span, ...] = ()
    by_start: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """``read_at`` is when the calendar was asked for what is known, None for never; ``error`` why it could not be read
    since, "" where nothing went wrong."""

    read_at: datetime | None = None
    busy: BusyTimes | None = None
    error: str = ""

    def tells(self, now: datetime, starts_at: datetime) -> bool:
        """Whether what is known is young enough, and reaches as far."""
        if self.read_at is None or self.busy is None or now - self.read_at > GOOD_FOR:
            return False
        return self.busy.since <= starts_at < self.busy.until

    def closes(self, now: datetime, starts_at: datetime, ends_at: datetime, own: Iterable[Span] = ()) -> bool:
        """Whether nobody can come in ``[starts_at, ends_at)``; False where nothing is known.

        ``own`` is what the booking that would move there has now: a place that is taken by it is not somebody else's.
        """
        if self.busy is None or not self.tells(now, starts_at):
            return False
        if self.busy.by_start:
            is_own = any(_meet(one, starts_at, ends_at) for one in own)
            return not is_own and any(one.starts_at <= starts_at < one.ends_at for one in self.busy.spans)
        return any(_meet(one, starts_at, ends_at) for one in self.busy.spans)


def apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order, those that meet or touch made one."""
    found: list[Span] = []
    for one in sorted(spans, key=lambda span: span.starts_at):
        if found and one.starts_at <= found[-1].ends_at:
            found[-1] = Span(found[-1].starts_at, max(found[-1].ends_at, one.ends_at))
        else:
            found.append(one)
    return tuple(found)


def between(free: Iterable[Span], since: datetime, until: datetime) -> tuple[Span, ...]:
    """What of ``[since, until)`` is in none of ``free``."""
    busy, at = [], since
    for one in apart(free):
        if one.starts_at > at:
            busy.append(Span(at, min(one.starts_at, until)))
        at = max(at, one.ends_at)
        if at >= until:
            return tuple(busy)
    return (*busy, Span(at, until))


def _meet(one: Span, starts_at: datetime, ends_at: datetime) -> bool:
    return one.starts_at < ends_at and starts_at < one.ends_at
