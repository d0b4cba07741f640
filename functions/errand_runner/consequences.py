"""What follows from an errand that is settled: written in the transaction that settles it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.errands import State
from eventing import outbox
from eventing.catalogue import Payload
from functions.errand_runner import (
    booking_planning,
    kitchen_planning,
    mail_planning,
    message_planning,
    payment_planning,
)
from functions.errand_runner.situation import SOURCE, Home
from integrations.tasks import Outcome
from stores.errands import Claimed
from stores.postgres import Connection

Consequence = Callable[[Home, Connection, Claimed, Any, State, Outcome], Awaitable[Sequence[Payload]]]
"""(what is every restaurant's, its database, the errand, its work, how it ended, what the adapter said) → events."""

OF: dict[str, Consequence] = {
    "order.place": kitchen_planning.till_answered,
    "order.cancel": kitchen_planning.till_cancelled,
    "till.read": kitchen_planning.till_read,
    "message.send": message_planning.sent,
    "message.price": message_planning.priced,
    "mail.send": mail_planning.sent,
    "payment.request": payment_planning.requested,
    "payment.cancel": booking_planning.page_closed,
    "payment.refund": payment_planning.refunded,
    "calendar.keep": booking_planning.calendar_answered,
    "calendar.release": booking_planning.calendar_released,
    "customer.forget": booking_planning.forgotten,
}
"""By the kind of work."""


async def follow(home: Home, connection: Connection, one: Claimed, work: Any, state: State, outcome: Outcome) -> None:
    consequence = OF.get(one.kind)
    if consequence is None:
        return
    for payload in await consequence(home, connection, one, work, state, outcome):
        await outbox.emit(connection, payload, source=SOURCE, subject=one.subject)
