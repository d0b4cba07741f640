"""What becomes of a booking's deposit, with what follows for its table, in one transaction: once, however often told.

Each takes a deposit as it is while it is locked (``eventing.depositing.lock``).
"""

from __future__ import annotations

import contextlib
from datetime import datetime

from domain import deposits as rules
from domain.deposits import State
from domain.errands import CancelPayment, RefundPayment, Work
from domain.payments import Fate
from domain.reservations import HOLDING, Status
from eventing import reserving
from eventing.depositing import stand
from stores import connections, deposits, errands, reservations
from stores.ciphers import PiiCipher
from stores.deposits import Deposit
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.reservations import Reservation

SOURCE = "/eventing/deposit_settling"


async def settle(
    connection: Connection, deposit: Deposit, fate: Fate, now: datetime, pii: PiiCipher, *, intent: str = ""
) -> bool:
    """What the payment service tells of it, however often. ``deposit`` as it is while it is locked (``lock``).

    Paid: the table is theirs. Nobody can pay any more: it is let go. Paid for one that is gone: it goes back.
    False where nothing changes by it.
    """
    booking = await reservations.get(connection, deposit.reservation_id)
    state = rules.after(deposit.state, fate, stands=_stands(booking.status))
    if intent and not deposit.intent:
        await deposits.stand(connection, deposit, deposit.state, due_at=deposit.due_at, intent=intent)
    if state == deposit.state:
        return False
    await stand(connection, deposit, state, source=SOURCE)
    if booking.status == "held" and state in ("paid", "refunded"):  # that it was paid may be told after
        await reserving.move(connection, deposit.restaurant_id, booking.id, "held", "confirmed", now, source=SOURCE)
    if booking.status == "held" and state == "lapsed":
        await reserving.move(
            connection, deposit.restaurant_id, booking.id, "held", "cancelled", now, reason="other", source=SOURCE
        )
    if state == "refund_due":
        await send_back(connection, deposit, intent or deposit.intent, pii)
    return True


async def close_page(connection: Connection, deposit: Deposit, pii: PiiCipher) -> bool:
    """Have the service close it; False where there is nothing to close, or nobody to ask."""
    if not deposit.reference:
        return False
    return await _have(connection, deposit, CancelPayment(payment_id=deposit.id, session=deposit.reference), pii)


async def send_back(connection: Connection, deposit: Deposit, intent: str, pii: PiiCipher) -> bool:
    """Have the service send back what was paid; False where it can't be asked: then somebody has to see to it."""
    if not intent:
        return False
    return await _have(connection, deposit, RefundPayment(payment_id=deposit.id, intent=intent), pii)


async def give_back(connection: Connection, deposit: Deposit, pii: PiiCipher) -> bool:
    """By somebody's hand: what was paid for a booking that is cancelled. Locked; False where there is nothing to give,
    or it is under way. Raises NotFoundError where the service can't be asked any more: nobody is told that it goes
    back."""
    booking = await reservations.get(connection, deposit.reservation_id)
    if deposit.state != "paid" or booking.status != "cancelled":
        return False
    await connections.get(connection, deposit.connection_id)
    await stand(connection, deposit, "refund_due", source=SOURCE)
    return await send_back(connection, deposit, deposit.intent, pii)


async def _have(connection: Connection, deposit: Deposit, work: Work, pii: PiiCipher) -> bool:
    try:
        await connections.get(connection, deposit.connection_id)
    except NotFoundError:
        return False
    await errands.add(connection, deposit.restaurant_id, deposit.connection_id, work, pii)
    return True


# --- What else happens to its booking -------------------------------------------------------------------------------


async def follow_booking(connection: Connection, booking: Reservation, restaurant_id: str, pii: PiiCipher) -> None:
    """Once the booking has moved by somebody's hand: its pages are closed, and what was paid goes back, but to a guest
    who has cancelled, or by a service that can't be asked any more: that is the restaurant's. Under the tables' lock.
    """
    every = await deposits.of_reservation(connection, restaurant_id, booking.id)
    for deposit in every:
        is_last = deposit is every[-1]
        if deposit.state in rules.OPEN and booking.status != "held":
            state: State = "waived" if _stands(booking.status) and is_last else "closed"
            await stand(connection, deposit, state, source=SOURCE)
            await close_page(connection, deposit, pii)
        elif deposit.state == "closed":  # the booking has another one
            await close_page(connection, deposit, pii)
        elif deposit.state == "paid" and booking.status == "cancelled" and booking.cancel_reason != "guest":
            with contextlib.suppress(NotFoundError):
                await give_back(connection, deposit, pii)


async def time_is_over(connection: Connection, deposit: Deposit, now: datetime, pii: PiiCipher) -> None:
    """One that is due (``stores.deposits.due``), locked: its page is closed, or the table is let go without an answer.

    A page that never came is our fault and not the guest's: the table stays theirs. So it does where its service can't
    be asked any more: they may have paid, and nobody hears of it.
    """
    if deposit.state not in rules.OPEN or deposit.due_at > now:
        return
    state = rules.when_due(deposit.state, bool(deposit.reference))
    if state == "closing" and await close_page(connection, deposit, pii):
        await deposits.stand(connection, deposit, "closing", due_at=now + rules.CLOSES_WITHIN)
    elif state in ("closing", "waived"):
        await waive(connection, deposit, now)
    else:
        await settle(connection, deposit, "expired", now, pii)


async def waive(connection: Connection, deposit: Deposit, now: datetime) -> None:
    """The booking stands without it. Locked."""
    await stand(connection, deposit, "waived", source=SOURCE)
    booking = await reservations.get(connection, deposit.reservation_id)
    if booking.status == "held":
        await reserving.move(connection, deposit.restaurant_id, booking.id, "held", "confirmed", now, source=SOURCE)


def _stands(status: Status) -> bool:
    """Whether the guests have their table, or had it."""
    return status in HOLDING or status == "finished"
