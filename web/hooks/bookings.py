"""What follows from a calendar's notice: somebody has cancelled or moved a booking there.

What we have done there ourselves comes back as a notice, too, late at times: only what is said of the entry that we
knew last counts, and nothing while we are about to change it.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from domain.errands import KeepInCalendar
from domain.errors import Refused
from eventing import calendar_entries, reserving
from eventing.reserving import Asked, NoTableFreeError
from integrations.calendars.calcom import Notice
from stores import audit, dining, errands, reservations, restaurants
from stores.audit import Actor
from stores.ciphers import PiiCipher
from stores.errors import NotFoundError
from stores.hooks import Hook
from stores.postgres import Connection
from stores.reservations import Reservation

SOURCE = "/web/hooks"
KEPT = KeepInCalendar.named()


async def take(conn: Connection, hook: Hook, name: str, notice: Notice, now: datetime, pii: PiiCipher) -> bool:
    """False where it changes nothing. ``name`` is the calendar's, for people."""
    await dining.lock(conn, hook.restaurant_id)
    try:
        booking = await reservations.get(conn, str(uuid.UUID(notice.reservation_id)), pii=pii)
    except (NotFoundError, ValueError):
        return False
    if booking.status not in reserving.OPEN or booking.unreadable or not await _is_known(conn, hook, booking, notice):
        return False
    if notice.starts_at is None:
        await reserving.move(
            conn, hook.restaurant_id, booking.id, booking.status, "cancelled", now, reason="restaurant", source=SOURCE
        )
        await _record(conn, hook, name, booking, "reservations.cancelled", {"status": "cancelled"})
        return True
    return await _follow(conn, hook, name, booking, notice.starts_at, now, pii)


async def _is_known(conn: Connection, hook: Hook, booking: Reservation, notice: Notice) -> bool:
    """Whether it is said of the entry that we had there last."""
    told = [
        one
        for one in await errands.about(conn, hook.restaurant_id, booking.id)
        if one.connection_id == hook.connection_id and one.kind == KEPT
    ]
    return bool(told) and told[-1].state == "done" and told[-1].reference == notice.uid


async def _follow(
    conn: Connection, hook: Hook, name: str, booking: Reservation, starts_at: datetime, now: datetime, pii: PiiCipher
) -> bool:
    """It is moved here, too; where there is no table then, its entry is moved back."""
    restaurant = await restaurants.get(conn, hook.restaurant_id)
    asked = Asked(
        starts_at=starts_at,
        covers=booking.covers,
        name=booking.name,
        phone=booking.phone,
        note=booking.note,
        by_staff=True,
        by_calendar=True,
    )
    try:
        async with conn.transaction():
            await reserving.change(conn, restaurant, booking.id, asked, now, pii, source=SOURCE)
    except (Refused, NoTableFreeError):
        version = len(await errands.about(conn, restaurant.id, booking.id))
        work = await calendar_entries.entry(conn, KeepInCalendar, restaurant, booking, version)
        await errands.add(conn, restaurant.id, hook.connection_id, work, pii)
        return False
    await _record(conn, hook, name, booking, "reservations.changed", {"starts_at": starts_at.isoformat()})
    return True


async def _record(
    conn: Connection, hook: Hook, name: str, booking: Reservation, action: str, after: dict[str, str]
) -> None:
    before = {"status": booking.status, "starts_at": booking.starts_at.isoformat()}
    await audit.record(conn, hook.restaurant_id, Actor(name), action, subject=booking.id, before=before, after=after)
