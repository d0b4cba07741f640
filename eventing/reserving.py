"""A table is chosen, written and told of, in one transaction: for a caller, for the staff and for an integrator alike.

The choice is made under the restaurant's lock (``stores.dining.lock``), so that of several who ask for the last table
at the same moment the first has it and the others are told when else there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain import reservations as rules
from domain.reservations import HOLDING, Answer, CancelReason, Status
from domain.restaurant import Restaurant
from eventing import depositing, outbox
from eventing.catalogue import ReservationCancelled, ReservationChanged, ReservationMade
from stores import dining, reservations
from stores.ciphers import PiiCipher
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.reservations import Reservation, StatusChangedError, TableTakenError, Wish

OPEN: frozenset[Status] = frozenset({"requested", "held", "confirmed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for. ``table_ids`` are the staff's own choice; None leaves it to the rule.

    ``minutes`` is how long the staff give the table, None for as long as the restaurant's rules say. ``by_calendar``:
    it is the restaurant's calendar that has it there. ``call_id`` is the call that asks: it makes one reservation, and
    what it asks for later changes that one.
    """

    starts_at: datetime
    covers: int
    name: str = ""
    phone: str = ""
    note: str = ""
    table_ids: tuple[str, ...] | None = None
    minutes: int | None = None
    by_staff: bool = False
    by_calendar: bool = False
    hold: bool = False
    call_id: str = ""


class NoTableFreeError(Exception):
    """Nobody can have a table for so many then; ``others`` are the nearest times at which they can, in UTC. ``closed``:
    it is the restaurant's calendar that has something then."""

    def __init__(self, others: tuple[datetime, ...] = (), *, closed: bool = False) -> None:
        self.others, self.closed = others, closed
        super().__init__("no table free")


async def reserve(
    connection: Connection, restaurant: Restaurant, asked: Asked, now: datetime, pii: PiiCipher, *, source: str
) -> Reservation:
    """Raises Refused as ``domain.reservations.check_request``, NoTableFreeError."""
    await dining.lock(connection, restaurant.id)
    new_id, present = await _of_call(connection, asked.call_id)
    if present is not None:
        return await _change(connection, restaurant, present, asked, now, pii, source)
    wish, answer = await _wish(connection, restaurant, asked, now)
    status: Status = "confirmed" if answer.seating or asked.by_staff else "requested"
    if _waits_for_calendar(asked, answer):
        status = "held"
    deposit = await _deposit(connection, restaurant, asked, now, pii) if answer.seating else None
    if deposit is not None:  # without a link to pay it, it is the staff who settle it
        status = "held" if deposit.connection_id else "requested"
    added = await reservations.add(
        connection,
        restaurant.id,
        wish,
        status="held" if asked.hold else status,
        pii=pii,
        call_id=asked.call_id or None,
        reservation_id=new_id,
    )
    if deposit is not None and deposit.connection_id:
        await depositing.ask(connection, restaurant, added, deposit, now)
    made = await reservations.get(connection, added, pii=pii)
    event = ReservationMade(
        restaurant_id=restaurant.id,
        reservation_id=made.id,
        call_id=made.call_id or None,
        status=made.status,
        starts_at=made.starts_at,
        ends_at=made.ends_at,
        covers=made.covers,
        table_ids=made.table_ids,
    )
    await outbox.emit(connection, event, source=source, subject=f"reservation/{made.id}")
    return made


async def change(
    connection: Connection,
    restaurant: Restaurant,
    reservation_id: str,
    asked: Asked,
    now: datetime,
    pii: PiiCipher,
    *,
    source: str,
) -> Reservation:
    """Another time, number or table; nothing was changed when it raises.

    Raises as ``reserve``, NotFoundError, and StatusChangedError for one that is over.
    """
    await dining.lock(connection, restaurant.id)
    present = await reservations.get(connection, reservation_id)
    return await _change(connection, restaurant, present, asked, now, pii, source)


async def move(
    connection: Connection,
    restaurant_id: str,
    reservation_id: str,
    seen: Status,
    to: Status,
    now: datetime,
    *,
    reason: CancelReason | None = None,
    note: str = "",
    source: str,
) -> Reservation:
    """Raises what ``stores.reservations.move`` raises, ValueError for a cancellation without reason."""
    # Else one that is being changed at this moment would be given its tables again after it was cancelled.
    await dining.lock(connection, restaurant_id)
    await reservations.move(connection, reservation_id, seen, to, reason=reason, note=note)
    moved = await reservations.get(connection, reservation_id)
    if to != "cancelled":
        await _tell_of_change(connection, restaurant_id, seen, moved, source)
        return moved
    if reason is None:
        raise ValueError("reason: a cancellation has one")
    event = ReservationCancelled(
        restaurant_id=restaurant_id, reservation_id=moved.id, before=seen, reason=reason, cancelled_at=now
    )
    await outbox.emit(connection, event, source=source, subject=f"reservation/{moved.id}")
    return moved


async def _of_call(connection: Connection, call_id: str) -> tuple[str | None, Reservation | None]:
    """The reservation that the call has open; else the id of the one that it makes, which no other has."""
    reservation_id = rules.id_of_call(call_id) if call_id else None
    while reservation_id is not None:
        try:
            present = await reservations.get(connection, reservation_id)
        except NotFoundError:
            break
        if present.status in OPEN:
            return None, present
        reservation_id = rules.id_of_call(reservation_id)
    return reservation_id, None


async def _change(
    connection: Connection,
    restaurant: Restaurant,
    present: Reservation,
    asked: Asked,
    now: datetime,
    pii: PiiCipher,
    source: str,
) -> Reservation:
    if present.status not in OPEN | HOLDING:
        raise StatusChangedError(present)
    wish, answer = await _wish(connection, restaurant, asked, now, present)
    try:
        await reservations.change(connection, restaurant.id, present.id, wish, pii)
    except TableTakenError:
        raise NoTableFreeError from None
    if asked.call_id and present.status in ("held", "confirmed"):
        deposit = await _deposit(connection, restaurant, asked, now, pii)
        waits = await depositing.ask(connection, restaurant, present.id, deposit, now)
        waits = waits or _waits_for_calendar(asked, answer)
        if waits != (present.status == "held"):
            await reservations.move(connection, present.id, present.status, "held" if waits else "confirmed")
    changed = await reservations.get(connection, present.id, pii=pii)
    await _tell_of_change(connection, restaurant.id, present.status, changed, source)
    return changed


def _waits_for_calendar(asked: Asked, answer: Answer) -> bool:
    """Of who books by phone: the calendar is told of the booking, and what it says then is its word."""
    return bool(asked.call_id) and answer.unsure


async def _deposit(
    connection: Connection, restaurant: Restaurant, asked: Asked, now: datetime, pii: PiiCipher
) -> depositing.Terms | None:
    """Of who books by phone; the staff and an integrator make their own arrangements."""
    if not asked.call_id:
        return None
    wanted = await dining.rules(connection, restaurant.id)
    return await depositing.terms(
        connection, restaurant.id, wanted, asked.covers, asked.starts_at, asked.phone, now, pii
    )


async def _wish(
    connection: Connection, restaurant: Restaurant, asked: Asked, now: datetime, present: Reservation | None = None
) -> tuple[Wish, Answer]:
    """What is to be written, with its tables. Raises Refused, NoTableFreeError."""
    book = await dining.book(connection, restaurant.id, asked.starts_at)
    if asked.by_calendar:
        book = replace(book, calendar=None)
    changing = present.id if present else ""
    answer = rules.answer(
        restaurant,
        book,
        now,
        asked.starts_at,
        asked.covers,
        stay=timedelta(minutes=asked.minutes) if asked.minutes else None,
        changing=changing,
        by_staff=asked.by_staff,
    )
    others = (one for one in book.holds if one.reservation_id != changing)
    taken = rules.taken_at(others, answer.starts_at, answer.ends_at)
    chosen = asked.table_ids if asked.table_ids is not None else tuple(table.id for table in answer.seating)
    if asked.table_ids is None and present and answer.seating and _still_fit(book, present, asked.covers, taken):
        chosen = present.table_ids  # nobody moves a party that can stay
    unknown = set(chosen) - {table.id for table in book.tables}
    if unknown or not taken.isdisjoint(chosen) or (not chosen and not answer.by_request):
        raise NoTableFreeError(answer.others, closed=answer.closed and not asked.table_ids)
    wish = Wish(
        starts_at=answer.starts_at,
        ends_at=answer.ends_at,
        covers=asked.covers,
        table_ids=chosen,
        name=asked.name,
        phone=asked.phone,
        note=asked.note,
    )
    return wish, answer


def _still_fit(book: rules.Book, present: Reservation, covers: int, taken: frozenset[str]) -> bool:
    theirs = set(present.table_ids)
    fitting = ({table.id for table in seating} for seating in rules.seatings(book.tables, covers))
    return bool(theirs) and taken.isdisjoint(theirs) and any(theirs == one for one in fitting)


async def _tell_of_change(
    connection: Connection, restaurant_id: str, before: Status, changed: Reservation, source: str
) -> None:
    event = ReservationChanged(
        restaurant_id=restaurant_id,
        reservation_id=changed.id,
        before=before,
        status=changed.status,
        starts_at=changed.starts_at,
        ends_at=changed.ends_at,
        covers=changed.covers,
        table_ids=changed.table_ids,
    )
    await outbox.emit(connection, event, source=source, subject=f"reservation/{changed.id}")
