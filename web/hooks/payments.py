"""What follows from a payment service's notice; what another system at the same account has asked for is not ours."""

from __future__ import annotations

import uuid

from eventing import outbox, paying
from integrations.payments.stripe import Notice
from stores import payments
from stores.hooks import Hook
from stores.postgres import Connection

SOURCE = "/web/hooks"


async def take(conn: Connection, hook: Hook, notice: Notice) -> str:
    """The id of the order that shows it, "" where nothing is changed by it."""
    try:
        payment = await payments.locked(conn, hook.restaurant_id, str(uuid.UUID(notice.payment_id)))
    except ValueError:
        return ""
    if payment is None or payment.connection_id != hook.connection_id:
        return ""
    event = await paying.settle(conn, payment, notice.fate, intent=notice.intent)
    if event is None:
        return ""
    await outbox.emit(conn, event, source=SOURCE, subject=f"order/{payment.order_id}")
    return payment.order_id
