"""Table bookings: what may be asked for, which table or joined tables a party gets, and when else there is one.

Half-open intervals: a booking that ends at 21:00 leaves its table to one that starts at 21:00. The phone, the pages and
the API all ask ``answer``; that no table is had twice is the database's to keep (``stores.reservations``).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from domain import hours
from domain.calendars import Calendar, Span
from domain.errors import Refused
from domain.restaurant import Restaurant

Status = Literal["requested", "held", "confirmed", "seated", "finished", "no_show", "cancelled"]
CancelReason = Literal["guest", "restaurant", "mistake", "other"]

# A request waits for the staff; a table is held for somebody of the waiting list until they have said yes.
HOLDING: frozenset[Status] = frozenset({"held", "confirmed", "seated"})
MOVES: dict[Status, tuple[Status, ...]] = {
    "requested": ("confirmed", "cancelled"),
    "held": ("confirmed", "cancelled"),
    "confirmed": ("seated", "no_show", "cancelled"),
    "seated": ("finished", "confirmed"),
    "finished": ("seated",),
    "no_show": ("confirmed",),
    "cancelled": (),
}

# A stay is as long as its party is large: for up to 2, 4 and 6 covers, and for more.
STAY_COVERS = (2, 4, 6)
STAYS = (105, 105, 105, 105)
LONGEST_STAY = timedelta(minutes=600)

MAX_COVERS = 100  # whatever a restaurant allows itself, and its staff
MOST_ROWS = 1000  # of joined tables that are tried with one table more: a room of 60, each beside six, has fewer
MAX_JOINED = 4  # tables in a row; more is a function room's business, which the staff arrange by hand
STEP = timedelta(minutes=15)  # every zone's offset is a multiple of it: a quarter is one on any clock
NEAR = timedelta(hours=3)
DAYS_NEAR = 6
MOST_OTHERS = 3
MOST_OF_CALL = 8  # reservations of one call, all but one cancelled, among which its own is looked for
# What has to be known around a wished time to answer it.
LOOK_BACK = NEAR + LONGEST_STAY
LOOK_AHEAD = timedelta(days=DAYS_NEAR + 1) + NEAR + LONGEST_STAY

_RESERVATIONS_OF_CALLS = uuid.UUID("4b9b9c0e-5a5e-4c38-9b7c-4d3f3a1f2f11")


@dataclass(frozen=True, slots=True)
class DiningTable:
    """Seats ``seats_min`` to ``seats`` guests. ``joins`` are the ids of those that it may be joined with.

    ``open`` is its room's: closed, it is for nobody who books.
    """

    id: str
    room: str
    name: str
    seats: int
    seats_min: int = 1
    joins: frozenset[str] = frozenset()
    open: bool = True


Seating = tuple[DiningTable, ...]  # one table, or several that are joined


@dataclass(frozen=True, slots=True)
class Hold:
    """A table that a reservation has in ``[starts_at, ends_at)``, both aware."""

    reservation_id: str
    table_id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What a restaurant books by. ``taken`` is False for one that takes no reservations at all.

    ``stay_minutes`` are for up to each of ``STAY_COVERS`` and for more. Parties beyond ``max_covers`` are a human's
    business; the staff are not bound by that, nor by the notice, the horizon and the last seating. Who books by phone
    pays ``deposit_cents`` a guest from ``deposit_from_covers`` on, within ``deposit_minutes``; 0 for no deposit.
    """

    taken: bool = True
    notice_minutes: int = 30
    horizon_days: int = 60
    max_covers: int = 12
    last_seating_minutes: int = 45
    stay_minutes: tuple[int, ...] = STAYS
    deposit_cents: int = 0
    deposit_from_covers: int = 1
    deposit_minutes: int = 30

    def deposit(self, covers: int) -> int:
        """In cents, 0 where none is asked for."""
        return self.deposit_cents * covers if covers >= self.deposit_from_covers else 0

    def stay(self, covers: int) -> timedelta:
        band = sum(covers > most for most in STAY_COVERS)
        return timedelta(minutes=self.stay_minutes[band])


@dataclass(frozen=True, slots=True)
class Book:
    """What is known for one answer: every table, closed rooms' too, and what is held around the wished time.

    ``takes_deposits``: who asks can be sent a link on which a deposit is paid. ``calendar`` is the restaurant's own, if
    it has connected one.
    """

    rules: Rules = Rules()
    tables: tuple[DiningTable, ...] = ()
    holds: tuple[Hold, ...] = ()
    takes_deposits: bool = False
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """For ``[starts_at, ends_at)``: the tables, or a request for the staff to settle (``by_request``), or neither.

    With neither, ``others`` are the nearest times at which there is a table, and ``closed`` says that it is the
    restaurant's calendar which has something then. ``unsure``: nobody knows what that has; it has its say later. All in
    UTC.
    """

    starts_at: datetime
    ends_at: datetime
    seating: Seating = ()
    by_request: bool = False
    others: tuple[datetime, ...] = ()
    closed: bool = False
    unsure: bool = False

    @property
    def possible(self) -> bool:
        return bool(self.seating) or self.by_request


def id_of_call(call_id: str) -> str:
    """The id of the one reservation that a call makes: made again it is the same, whichever handler does it.

    Of a reservation's id, that of the next one, which the call makes when the staff have cancelled that.
    """
    return str(uuid.uuid5(_RESERVATIONS_OF_CALLS, call_id))


def held_by_call(call_id: str, holds: Iterable[Hold]) -> str:
    """The id of the reservation by which the call holds a table; of its first one when it holds none."""
    held = {one.reservation_id for one in holds}
    first = one = id_of_call(call_id)
    for _ in range(MOST_OF_CALL):
        if one in held:
            return one
        one = id_of_call(one)
    return first


def answer(
    restaurant: Restaurant,
    book: Book,
    now: datetime,
    starts_at: datetime,
    covers: int,
    *,
    stay: timedelta | None = None,
    changing: str = "",
    by_staff: bool = False,
) -> Answer:
    """Whether ``covers`` guests can have a table at ``starts_at``, which, and if not when else. Times are aware.

    ``stay`` is what the rules say unless it is given; ``changing`` the id of a reservation that would give up what it
    has. A restaurant without tables takes requests. At a time that its calendar closes nobody has a table.
    Raises Refused as ``check_request`` does.
    """
    check_request(restaurant, book.rules, now, starts_at, covers, by_staff=by_staff)
    starts_at = starts_at.astimezone(UTC)
    stay = stay or book.rules.stay(covers)
    asked = _Asked(restaurant, book, now, covers, by_staff, stay, changing)
    closed = asked.is_closed(starts_at)
    if not closed:
        if not book.tables:
            return Answer(starts_at, starts_at + stay, by_request=True)
        if chosen := asked.free(starts_at):
            return Answer(starts_at, starts_at + stay, chosen, unsure=asked.is_unsure(starts_at))
    others: list[datetime] = []
    for times in (_around(starts_at), _days_after(restaurant, starts_at)) if asked.fits else ():
        others = others or list(islice(filter(asked.possible, times), MOST_OTHERS))
    return Answer(starts_at, starts_at + stay, others=tuple(sorted(others)), closed=closed)


@lru_cache(32)  # thousands each, where many tables are joined
def seatings(tables: tuple[DiningTable, ...], covers: int) -> tuple[Seating, ...]:
    """Every table, and every set of joined ones, that seats ``covers``: the one to give first comes first.

    That is the fewest tables, then the fewest seats that stay empty. Tables are joined when each is beside another of
    them, and only where none of them could stay away. Where very many are beside one another, the largest are tried.
    """
    by_id = {table.id: table for table in tables if table.open}
    found: list[Seating] = [(table,) for table in by_id.values() if table.seats_min <= covers <= table.seats]
    rows: Collection[frozenset[str]] = {frozenset({table.id}) for table in by_id.values() if table.seats < covers}
    for _ in range(MAX_JOINED - 1):
        longer = {row | {near} for row in rows for one in row for near in by_id[one].joins & by_id.keys() - row}
        seats = {row: sum(by_id[one].seats for one in row) for row in longer}
        enough = {row for row in longer if seats[row] >= covers}
        found += [_in_order(by_id, row) for row in enough if _needs_all(by_id, row, covers)]
        rows = nsmallest(MOST_ROWS, longer - enough, key=lambda row: (-seats[row], sorted(row)))
    return tuple(sorted(found, key=lambda one: (len(one), seats_of(one), [(t.name, t.id) for t in one])))


def seats_of(seating: Seating) -> int:
    return sum(table.seats for table in seating)


def taken_at(holds: Iterable[Hold], starts_at: datetime, ends_at: datetime) -> frozenset[str]:
    """The ids of the tables that somebody has in a part of ``[starts_at, ends_at)``."""
    return frozenset(one.table_id for one in holds if one.starts_at < ends_at and starts_at < one.ends_at)


def check_request(
    restaurant: Restaurant, rules: Rules, now: datetime, starts_at: datetime, covers: int, *, by_staff: bool = False
) -> None:
    """Whether the restaurant's policy takes such a booking; says nothing about free tables. Times are aware.

    Raises Refused ``no_tables``, ``too_many_covers``, ``bad_booking_time`` or ``closed_at_booking_time``.
    """
    # In UTC: adding minutes to a local time moves its wall clock, which a clock change makes an hour more or less.
    starts_at = starts_at.astimezone(UTC)
    if not by_staff and not (restaurant.dine_in and rules.taken):
        raise Refused("no_tables", "The restaurant takes no bookings for tables.", (), "covers")
    most = MAX_COVERS if by_staff else rules.max_covers
    if not 1 <= covers <= most:
        message = f"Bookings are for 1 to {most} covers; a human takes larger parties: offer transfer_to_human."
        raise Refused("too_many_covers", message, (f"1 to {most}",), "covers", subject=str(most))
    notice = timedelta(days=1) if by_staff else -timedelta(minutes=rules.notice_minutes)
    horizon = timedelta(days=365 if by_staff else rules.horizon_days)
    if not now - notice <= starts_at <= now + horizon:
        ahead = f"{rules.notice_minutes} minutes to {rules.horizon_days} days ahead"
        raise Refused("bad_booking_time", f"Bookings are taken from {ahead}.", (ahead,), "date")
    closing = hours.closes_at(restaurant, starts_at)
    last = timedelta(minutes=0 if by_staff else rules.last_seating_minutes)
    if closing is None or starts_at + last > closing:
        message = f"Closed then, or within {rules.last_seating_minutes} minutes of closing."
        raise hours.not_open_at(restaurant, starts_at, "closed_at_booking_time", message, "time")


class _Asked:
    """Who asks for how many: everything of a request but its time."""

    def __init__(
        self,
        restaurant: Restaurant,
        book: Book,
        now: datetime,
        covers: int,
        by_staff: bool,
        stay: timedelta,
        changing: str,
    ) -> None:
        self._restaurant = restaurant
        self._book = book
        self._now = now
        self._covers = covers
        self._by_staff = by_staff
        self._stay = stay
        self._holds = tuple(one for one in book.holds if one.reservation_id != changing)
        self._own = tuple(Span(one.starts_at, one.ends_at) for one in book.holds if one.reservation_id == changing)
        self._fitting = seatings(book.tables, covers)

    @property
    def fits(self) -> bool:
        """Whether there is any table for so many at all."""
        return bool(self._fitting) or not self._book.tables

    def possible(self, starts_at: datetime) -> bool:
        rules = self._book.rules
        try:
            check_request(self._restaurant, rules, self._now, starts_at, self._covers, by_staff=self._by_staff)
        except Refused:
            return False
        return not self.is_closed(starts_at) and bool(self.free(starts_at) or not self._book.tables)

    def is_closed(self, starts_at: datetime) -> bool:
        if self._by_staff and not self._book.tables:  # they have no table to tick, by which it would be theirs
            return False
        calendar = self._book.calendar
        return calendar is not None and calendar.closes(self._now, starts_at, starts_at + self._stay, self._own)

    def is_unsure(self, starts_at: datetime) -> bool:
        calendar = self._book.calendar
        return calendar is not None and not calendar.tells(self._now, starts_at)

    def free(self, starts_at: datetime) -> Seating:
        taken = taken_at(self._holds, starts_at, starts_at + self._stay)
        return next((one for one in self._fitting if taken.isdisjoint(table.id for table in one)), ())


def _around(wished: datetime) -> list[datetime]:
    """The quarters of an hour within ``NEAR``, the nearest first."""
    seconds = STEP.total_seconds()
    quarter = datetime.fromtimestamp(wished.timestamp() // seconds * seconds, UTC)
    times = (quarter + number * STEP for number in range(-(NEAR // STEP), NEAR // STEP + 1))
    return sorted((time for time in times if time != wished), key=lambda time: (abs(time - wished), time))


def _days_after(restaurant: Restaurant, wished: datetime) -> list[datetime]:
    """The same time on the wall clock of the next days."""
    local = wished.astimezone(ZoneInfo(restaurant.zone))
    return [(local + timedelta(days=days)).astimezone(UTC) for days in range(1, DAYS_NEAR + 1)]


def _needs_all(by_id: dict[str, DiningTable], row: frozenset[str], covers: int) -> bool:
    """Whether no table of a row that is enough could stay away."""
    rests = (row - {spared} for spared in row)
    return not any(sum(by_id[one].seats for one in rest) >= covers and _connected(by_id, rest) for rest in rests)


def _connected(by_id: dict[str, DiningTable], row: frozenset[str]) -> bool:
    reached, further = set[str](), set(sorted(row)[:1])
    while further:
        reached |= further
        further = {near for one in further for near in by_id[one].joins & row} - reached
    return len(reached) == len(row)


def _in_order(by_id: dict[str, DiningTable], row: frozenset[str]) -> Seating:
    return tuple(sorted((by_id[one] for one in row), key=lambda table: (table.name, table.id)))
