"""A customer who is to be forgotten is forgotten outside as well: in the customer files and calendars that were told.

Connections that are off are told, too: what waits goes once they are on again, and what never went is seen there.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.errands import ForgetCustomer, ForgetInCalendar, KeepInCalendar, NoteCustomer, Work
from eventing.calendar_entries import entry
from stores import connections, customers, erasures, errands, reservations, restaurants
from stores.ciphers import PiiCipher
from stores.connections import Connection as Connected
from stores.errands import Errand
from stores.postgres import Connection

MOST = 1000  # bookings of one customer


async def forget(connection: Connection, restaurant_id: str, customer_id: str, by: str, pii: PiiCipher) -> str:
    """The erasure's id. Raises NotFoundError."""
    customer = await customers.get(connection, customer_id, pii=pii)
    told: list[Errand] = []
    for booking in await reservations.of_customer(connection, customer_id, MOST):
        told += await errands.about(connection, restaurant_id, booking.id)
    erasure_id = await erasures.ask(connection, restaurant_id, customer_id, by, pii)
    for one in await connections.of_restaurant(connection, restaurant_id):
        if one.service == "crm" and customer.phone:
            contacts = {errand.reference for errand in _of(told, one, NoteCustomer)} - {""}
            work = ForgetCustomer(erasure_id=erasure_id, phone=customer.phone, contacts=tuple(sorted(contacts)))
            # What is under way to it at this moment is over by then.
            await errands.add(connection, restaurant_id, one.id, work, pii, after=errands.LEASE)
        elif one.service == "calendar":
            for reservation_id in sorted({errand.subject for errand in _of(told, one, KeepInCalendar)}):
                await _name_nobody(connection, one, reservation_id, pii)
    return erasure_id


async def _name_nobody(connection: Connection, calendar: Connected, reservation_id: str, pii: PiiCipher) -> None:
    restaurant = await restaurants.get(connection, calendar.restaurant_id)
    booking = await reservations.get(connection, reservation_id)  # nobody's by now
    told = await errands.about(connection, restaurant.id, booking.id)
    version = sum(one.connection_id == calendar.id for one in told)
    work = await entry(connection, ForgetInCalendar, restaurant, booking, version)
    await errands.add(connection, restaurant.id, calendar.id, work, pii)


def _of(told: Sequence[Errand], to: Connected, kind: type[Work]) -> list[Errand]:
    return [one for one in told if one.connection_id == to.id and one.kind == kind.named()]
