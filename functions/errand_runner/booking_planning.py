"""A booking, from its event to its deposit, its place in the calendar and the customer's file; and what undoes them.

Each planner looks at the booking as it is now, under the tables' lock: events that come late or out of order lead to
the same, and nothing is planned for one that is being cancelled at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain import booking_words as words
from domain import deposits as rules
from domain.errands import (
    CancelPayment,
    ForgetCustomer,
    KeepInCalendar,
    NoteCustomer,
    ReleaseFromCalendar,
    RequestPayment,
    State,
    Work,
)
from domain.payments import Fate
from eventing import deposit_settling, depositing, reserving
from eventing.calendar_entries import entry
from eventing.catalogue import Payload, ReservationCancelled, ReservationChanged, ReservationMade
from functions.errand_runner.situation import SOURCE, Home, Planner, Situation
from integrations.tasks import Done, Outcome, Refused
from process import logs
from stores import audit, calendar_copies, deposits, dining, errands, reservations, restaurants
from stores.errands import Claimed
from stores.postgres import Connection, Postgres
from stores.reservations import Reservation

log = logs.get(__name__)

Booked = ReservationMade | ReservationChanged | ReservationCancelled

# Who gets the link after an hour still has the whole time for it.
LATE = rules.NO_PAGE_AFTER + rules.CLOSES_WITHIN


async def ask_deposit(situation: Situation, event: Booked) -> Sequence[Work]:
    """The page of the deposit that is awaited; those of others are closed."""
    booking = await _present(situation, event.reservation_id)
    restaurant = await restaurants.get(situation.database, event.restaurant_id)
    await deposit_settling.follow_booking(situation.database, booking, restaurant.id, situation.pii)
    deposit = await depositing.latest(situation.database, restaurant.id, booking.id)
    if deposit is None or deposit.state != "awaited" or deposit.connection_id != situation.connected.id:
        return ()
    now = datetime.now(UTC)
    back = situation.booking_page(booking)
    if not back:  # there is no page to come back to: the service takes none without
        await deposit_settling.waive(situation.database, deposit, now)
        return ()
    work = RequestPayment(
        payment_id=deposit.id,
        amount_cents=deposit.amount_cents,
        currency=deposit.currency,
        label=rules.label(restaurant.name, booking.covers, restaurant.language),
        language=restaurant.language,
        expires_at=RequestPayment.ends(deposit.due_at + LATE, now),
        useful_until=rules.page_useful_until(deposit.due_at, booking.starts_at),
        back=back,
    )
    return (work,)


async def keep_in_calendar(situation: Situation, event: Booked) -> Sequence[Work]:
    booking = await _present(situation, event.reservation_id)
    if booking.status == "cancelled":
        return [ReleaseFromCalendar(reservation_id=booking.id)] if await _told(situation, booking.id) else []
    if booking.status not in ("held", "confirmed"):
        return ()
    restaurant = await restaurants.get(situation.database, event.restaurant_id)
    version = await _told(situation, booking.id)
    return (await entry(situation.database, KeepInCalendar, restaurant, booking, version),)


async def note_customer(situation: Situation, event: Booked) -> Sequence[Work]:
    """Nothing of one who isn't known by a number; nor of a booking that is not settled yet."""
    booking = await _present(situation, event.reservation_id)
    told = await _told(situation, booking.id)
    cancelled = booking.status == "cancelled"
    if not booking.phone or (cancelled and not told) or booking.status not in ("confirmed", "cancelled"):
        return ()
    restaurant = await restaurants.get(situation.database, event.restaurant_id)
    text = words.note(booking.covers, booking.starts_at, restaurant.zone, restaurant.language, cancelled=cancelled)
    work = NoteCustomer(
        reservation_id=booking.id,
        version=told,
        phone=booking.phone,
        name=booking.name,
        text=text,
        at=datetime.now(UTC),
    )
    return (work,)


async def _present(situation: Situation, reservation_id: str) -> Reservation:
    await dining.lock(situation.database, situation.connected.restaurant_id)
    return await reservations.get(situation.database, reservation_id, pii=situation.pii)


async def _told(situation: Situation, reservation_id: str) -> int:
    """How many errands about it the connection has."""
    every = await errands.about(situation.database, situation.connected.restaurant_id, reservation_id)
    return sum(one.connection_id == situation.connected.id for one in every)


def _for_all(planner: Planner) -> Mapping[type[Payload], Planner]:
    return dict.fromkeys((ReservationMade, ReservationChanged, ReservationCancelled), planner)


DEPOSITS = _for_all(ask_deposit)
CALENDARS = _for_all(keep_in_calendar)
CUSTOMER_FILES = _for_all(note_customer)


# --- What follows -----------------------------------------------------------------------------------------------------


async def page_came(
    home: Home, connection: Connection, one: Claimed, work: RequestPayment, outcome: Outcome
) -> Sequence[Payload]:
    """The deposit can be paid, and its guest is told by what follows from the event. Without a page the booking stands
    without a deposit: that it can't be paid is not the guest's fault."""
    deposit = await depositing.lock(connection, one.restaurant_id, work.payment_id)
    if deposit is None:
        return ()
    now = datetime.now(UTC)
    if not isinstance(outcome, Done):
        if deposit.state == "awaited":
            await deposit_settling.waive(connection, deposit, now)
        return ()
    booking = await reservations.get(connection, deposit.reservation_id)
    minutes = rules.minutes_for(deposit.minutes, now, booking.starts_at)
    due_at = rules.due_after_page(deposit.due_at, now, minutes, work.expires_at)
    await deposits.open_page(connection, deposit, outcome.reference, str(outcome.facts["url"]), due_at)
    if deposit.state == "awaited":
        await depositing.tell(connection, deposit, "awaited", due_at, source=SOURCE)
    elif deposit.state != "paid":
        closing = CancelPayment(payment_id=deposit.id, session=outcome.reference)
        await errands.add(connection, one.restaurant_id, one.connection_id, closing, home.pii)
    return ()


async def page_closed(
    home: Home, connection: Connection, one: Claimed, work: CancelPayment, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """Nobody can pay any more: the table is let go, unless somebody has paid before that. Orders have their notices."""
    if not isinstance(outcome, Done):
        return ()
    fate: Fate = "paid" if outcome.facts.get("paid") else "expired"
    return await settled(home, connection, one, work.payment_id, fate, str(outcome.facts.get("intent", "")))


async def settled(
    home: Home, connection: Connection, one: Claimed, deposit_id: str, fate: Fate, intent: str = ""
) -> Sequence[Payload]:
    deposit = await depositing.lock(connection, one.restaurant_id, deposit_id)
    if deposit is not None:
        await deposit_settling.settle(connection, deposit, fate, datetime.now(UTC), home.pii, intent=intent)
    return ()


async def calendar_answered(
    home: Home, connection: Connection, one: Claimed, work: KeepInCalendar, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """What the calendar says of a booking that no human has made: that it is free then, for one that waits for that; or
    that somebody else has the time: then it is cancelled, and the guest told. One that the staff have confirmed or
    changed is theirs.

    Every other refusal is the connection's, and is seen there. Whatever was said, the calendar is read anew.
    """
    await calendar_copies.renew(connection, one.connection_id)
    busy = isinstance(outcome, Refused) and outcome.busy
    if not busy and not isinstance(outcome, Done):
        return ()
    await dining.lock(connection, one.restaurant_id)
    booking = await reservations.get(connection, work.reservation_id)
    if booking.status not in ("held", "confirmed") or not booking.call_id or booking.starts_at != work.starts_at:
        return ()
    now, seen, owner = datetime.now(UTC), booking.status, one.restaurant_id
    if not busy:
        deposit = await depositing.latest(connection, owner, booking.id)
        if seen == "held" and (deposit is None or deposit.state not in rules.OPEN):
            await reserving.move(connection, owner, booking.id, seen, "confirmed", now, source=SOURCE)
    elif not await audit.recent(connection, 1, subject=booking.id):
        await reserving.move(connection, owner, booking.id, seen, "cancelled", now, reason="restaurant", source=SOURCE)
    return ()


async def calendar_released(
    _home: Home, connection: Connection, one: Claimed, work: ReleaseFromCalendar, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """What it took there may be somebody else's now."""
    await calendar_copies.renew(connection, one.connection_id)
    return ()


async def forgotten(
    _home: Home, connection: Connection, one: Claimed, work: ForgetCustomer, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """The number was kept for this alone; where it was not done somebody may still have it tried again."""
    if isinstance(outcome, Done):
        await errands.forget(connection, one.restaurant_id, [work.erasure_id])
    return ()


# --- What is due ------------------------------------------------------------------------------------------------------

AT_ONCE = 200


async def look_at_deadlines(home: Home, platform: Postgres, tenants: Postgres) -> None:
    """Deposits whose time is over, each in a transaction of its own."""
    async with platform.platform() as connection:
        due = await deposits.due(connection, AT_ONCE)
    for restaurant_id, deposit_id in due:
        try:
            async with tenants.tenant(restaurant_id) as connection:
                deposit = await depositing.lock(connection, restaurant_id, deposit_id)
                if deposit is not None:
                    await deposit_settling.time_is_over(connection, deposit, datetime.now(UTC), home.pii)
        except Exception:  # the boundary: one restaurant's must not keep all others' from their turn
            log.exception("what is due of a deposit was not done", restaurant_id=restaurant_id, deposit=deposit_id)
