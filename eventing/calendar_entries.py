"""A booking as it is to stand in the restaurant's calendar."""

from __future__ import annotations

from typing import TypeVar

from domain import booking_words as words
from domain.errands import KeepInCalendar
from domain.restaurant import Restaurant
from stores import dining
from stores.postgres import Connection
from stores.reservations import Reservation

Kind = TypeVar("Kind", bound=KeepInCalendar)


async def entry(
    connection: Connection, kind: type[Kind], restaurant: Restaurant, booking: Reservation, version: int
) -> Kind:
    """``version`` counts what the calendar was told of it before."""
    tables = await dining.tables(connection, restaurant.id)
    names = [table.name for table in tables if table.id in booking.table_ids]
    return kind(
        reservation_id=booking.id,
        version=version,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        zone=restaurant.zone,
        language=restaurant.language,
        covers=booking.covers,
        title=words.title(booking.covers, booking.name, restaurant.language),
        details=words.details(names, booking.phone, booking.note, restaurant.language),
        name=booking.name,
        phone=booking.phone,
        tentative=booking.status == "held",
    )
