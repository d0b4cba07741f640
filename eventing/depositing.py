"""A booking's deposit is asked for, in the transaction of the booking; and each of its states is told of.

The tables' lock (``stores.dining.lock``) is taken before a deposit's row, everywhere: so no two wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain import deposits as rules
from domain.deposits import State
from domain.messages import can_receive
from domain.reservations import Rules
from domain.restaurant import Restaurant
from eventing import outbox
from eventing.catalogue import DepositChanged
from stores import connections, deposits, dining, messages
from stores.ciphers import PiiCipher
from stores.deposits import Deposit
from stores.postgres import Connection


@dataclass(frozen=True, slots=True)
class Terms:
    """``connection_id`` is where it is paid; "" where it can't be asked for by a link."""

    amount_cents: int
    minutes: int
    connection_id: str


async def payable_at(connection: Connection, restaurant_id: str, phone: str, pii: PiiCipher) -> str:
    """The connection at which somebody with this number can be asked for money, "" for none."""
    on = await connections.in_use(connection, restaurant_id)
    paid_at = next((one.id for one in on if one.service == "payments"), "")
    if not paid_at or not any(one.service == "messages" for one in on) or not can_receive(phone):
        return ""
    return "" if await messages.wants_none(connection, restaurant_id, phone, pii) else paid_at


async def terms(
    connection: Connection,
    restaurant_id: str,
    wanted: Rules,
    covers: int,
    starts_at: datetime,
    phone: str,
    now: datetime,
    pii: PiiCipher,
) -> Terms | None:
    """None where the restaurant asks for none."""
    amount = wanted.deposit(covers)
    if not amount:
        return None
    minutes = rules.minutes_for(wanted.deposit_minutes, now, starts_at)
    return Terms(amount, minutes, await payable_at(connection, restaurant_id, phone, pii))


async def ask(
    connection: Connection, restaurant: Restaurant, reservation_id: str, asked: Terms | None, now: datetime
) -> bool:
    """Have the booking wait for this deposit, or for none; one that was asked for and is another is closed. The event
    that tells of the booking leads to the page. Returns whether it waits for one."""
    before = await latest(connection, restaurant.id, reservation_id)
    if before is not None and before.state == "paid":
        return False
    wanted = asked.amount_cents if asked is not None and asked.connection_id else 0
    if before is not None and before.state in rules.OPEN:
        if asked is not None and before.amount_cents == wanted:
            due_at = min(before.due_at, now + timedelta(minutes=asked.minutes))  # they come earlier
            await deposits.stand(connection, before, before.state, due_at=due_at)
            return True
        await deposits.stand(connection, before, "closed", due_at=before.due_at)
    if asked is None or not wanted:
        return False
    await deposits.add(
        connection,
        restaurant.id,
        reservation_id,
        asked.connection_id,
        amount_cents=wanted,
        currency=restaurant.currency,
        minutes=asked.minutes,
        due_at=now + timedelta(minutes=asked.minutes),
    )
    return True


async def latest(connection: Connection, restaurant_id: str, reservation_id: str) -> Deposit | None:
    return next(reversed(await deposits.of_reservation(connection, restaurant_id, reservation_id)), None)


async def lock(connection: Connection, restaurant_id: str, deposit_id: str) -> Deposit | None:
    await dining.lock(connection, restaurant_id)
    return await deposits.locked(connection, restaurant_id, deposit_id)


async def stand(
    connection: Connection, deposit: Deposit, state: State, *, source: str, due_at: datetime | None = None
) -> None:
    """With the event that tells of it."""
    due_at = due_at or deposit.due_at
    await deposits.stand(connection, deposit, state, due_at=due_at)
    await tell(connection, deposit, state, due_at, source=source)


async def tell(connection: Connection, deposit: Deposit, state: State, due_at: datetime, *, source: str) -> None:
    event = DepositChanged(
        restaurant_id=deposit.restaurant_id,
        deposit_id=deposit.id,
        reservation_id=deposit.reservation_id,
        state=state,
        amount_cents=deposit.amount_cents,
        currency=deposit.currency,
        due_at=due_at,
    )
    await outbox.emit(connection, event, source=source, subject=f"reservation/{deposit.reservation_id}")
