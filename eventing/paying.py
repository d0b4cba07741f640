"""What becomes of a payment by link, with the event that tells of it: each outcome once, however often it is told."""

from __future__ import annotations

from domain import payments as rules
from domain.payments import Fate
from eventing.catalogue import PaymentSettled
from stores import orders, payments
from stores.payments import Payment
from stores.postgres import Connection


async def settle(connection: Connection, payment: Payment, fate: Fate, *, intent: str = "") -> PaymentSettled | None:
    """``payment`` as it is while it is locked. None where nothing changes by it."""
    order = await orders.get(connection, payment.order_id)
    state = rules.after(payment.state, fate, cancelled=order.status == "cancelled")
    if state == payment.state and not (intent and not payment.intent):
        return None
    await payments.stand(connection, payment, state, intent=intent)
    if state == payment.state:
        return None
    # A late "paid" of what went back already changes nothing but how the refund is named.
    return PaymentSettled(
        restaurant_id=payment.restaurant_id,
        payment_id=payment.id,
        order_id=payment.order_id,
        number=order.number,
        outcome=fate,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
    )


async def follow_order(connection: Connection, payment: Payment, *, cancelled: bool) -> None:
    """Its order is cancelled, or restored: what was paid is due back, or no longer."""
    state = rules.with_order(payment.state, cancelled=cancelled)
    if state != payment.state:
        await payments.stand(connection, payment, state)
