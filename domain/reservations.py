"""Table bookings: what may be asked for, which tables are free, which one to give.

Half-open intervals: a booking that ends at 21:00 leaves its table to one that starts at 21:00.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain import hours
from domain.errors import Refused
from domain.restaurant import Restaurant

MAX_COVERS = 12  # larger parties are a human's business: menus, deposits, joined tables
MINIMUM_NOTICE = timedelta(minutes=30)
HORIZON = timedelta(days=60)
STAY = timedelta(minutes=105)
LAST_SEATING_BEFORE_CLOSING = timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class DiningTable:
    id: str
    room: str
    name: str
    seats: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A table held for ``covers`` guests in ``[starts_at, ends_at)``, both aware."""

    id: str
    table_id: str
    starts_at: datetime
    ends_at: datetime
    covers: int


def overlaps(reservation: Reservation, starts_at: datetime, ends_at: datetime) -> bool:
    return reservation.starts_at < ends_at and starts_at < reservation.ends_at


def free_tables(
    tables: Iterable[DiningTable],
    reservations: Iterable[Reservation],
    starts_at: datetime,
    covers: int,
    stay: timedelta = STAY,
) -> tuple[DiningTable, ...]:
    """The tables that seat ``covers`` for the whole stay, the tightest fit first."""
    starts_at = starts_at.astimezone(UTC)
    taken = {one.table_id for one in reservations if overlaps(one, starts_at, starts_at + stay)}
    free = (table for table in tables if table.seats >= covers and table.id not in taken)
    return tuple(sorted(free, key=lambda table: (table.seats, table.name, table.id)))


def check_request(restaurant: Restaurant, now: datetime, starts_at: datetime, covers: int) -> None:
    """Whether the restaurant's policy takes such a booking; says nothing about free tables. Times are aware.

    Raises Refused ``no_tables``, ``too_many_covers``, ``bad_booking_time`` or ``closed_at_booking_time``.
    """
    # In UTC: adding minutes to a local time moves its wall clock, which a clock change makes an hour more or less.
    starts_at = starts_at.astimezone(UTC)
    if not restaurant.dine_in:
        raise Refused("no_tables", "The restaurant has no tables to book.", (), "covers")
    if not 1 <= covers <= MAX_COVERS:
        message = f"Bookings are for 1 to {MAX_COVERS} covers; a human takes larger parties: offer transfer_to_human."
        raise Refused("too_many_covers", message, (f"1 to {MAX_COVERS}",), "covers", subject=str(MAX_COVERS))
    if not now + MINIMUM_NOTICE <= starts_at <= now + HORIZON:
        message = "Bookings are taken from 30 minutes to 60 days ahead."
        raise Refused("bad_booking_time", message, ("30 minutes to 60 days ahead",), "date")
    closing = hours.closes_at(restaurant, starts_at)
    if closing is None or starts_at + LAST_SEATING_BEFORE_CLOSING > closing:
        message = "Closed then, or within 45 minutes of closing."
        raise hours.not_open_at(restaurant, starts_at, "closed_at_booking_time", message, "time")
