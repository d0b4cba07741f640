"""What follows from a payment service's notice; what another system at the same account has asked for is not ours."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from eventing import deposit_settling, depositing, outbox, paying
from integrations.payments.stripe import Notice
from stores import live, payments
from stores.ciphers import PiiCipher
from stores.hooks import Hook
from stores.postgres import Connection

SOURCE = "/web/hooks"


News = live.OrderMoved | live.ReservationChanged


async def take(conn: Connection, hook: Hook, notice: Notice, pii: PiiCipher) -> News | None:
    """What the restaurant's open pages are told, None where nothing is changed by it."""
    try:
        named = str(uuid.UUID(notice.payment_id))
    except ValueError:
        return None
    payment = await payments.locked(conn, hook.restaurant_id, named)
    if payment is None:
        return await _of_deposit(conn, hook, notice, named, pii)
    if payment.connection_id != hook.connection_id:
        return None
    event = await paying.settle(conn, payment, notice.fate, intent=notice.intent)
    if event is None:
        return None
    await outbox.emit(conn, event, source=SOURCE, subject=f"order/{payment.order_id}")
    return live.OrderMoved(order_id=payment.order_id)


async def _of_deposit(
    conn: Connection, hook: Hook, notice: Notice, deposit_id: str, pii: PiiCipher
) -> live.ReservationChanged | None:
    deposit = await depositing.lock(conn, hook.restaurant_id, deposit_id)
    if deposit is None or deposit.connection_id != hook.connection_id:
        return None
    now = datetime.now(UTC)
    if not await deposit_settling.settle(conn, deposit, notice.fate, now, pii, intent=notice.intent):
        return None
    return live.ReservationChanged(reservation_id=deposit.reservation_id)
