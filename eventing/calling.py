"""What is known of a call becomes its row, and the events that tell of it, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from msgspec import structs

from domain.calls import LeftBecause
from domain.order import Cart, ConfirmedOrder
from eventing import outbox
from eventing.catalogue import CallRerouted, CartAbandoned, CartLineLeft, Payload
from stores import calls
from stores.calls import ConversationRecord
from stores.ciphers import PiiCipher
from stores.postgres import Connection

HANDLER = "/call-handler"
"""The source of what a handler tells, and of what is told from its notes: the same fact is one event."""

RECONCILER = "/reconciler"
"""The source of what is told of a call in its bridge's place."""

# A write that may have committed is tried again, by the same process or by another: the same event has the same id.
_EVENTS = uuid.UUID("5c1f6a52-6a0e-4f4f-9f0e-3c6a53a9b1d7")


async def emit_of_call(connection: Connection, call_id: str, payloads: Iterable[Payload], *, source: str) -> None:
    """Each type of event is told once of a call, however often this is repeated."""
    for payload in payloads:
        event_id = str(uuid.uuid5(_EVENTS, f"{call_id}/{payload.TYPE}"))
        await outbox.emit(connection, payload, source=source, subject=call_id, id=event_id)


async def emit_of_lost_call(connection: Connection, call_id: str, payloads: Iterable[Payload]) -> None:
    """Told in the place of a bridge that is silent. The ids are not the bridge's own: it may live, and know better."""
    for payload in payloads:
        event_id = str(uuid.uuid5(_EVENTS, f"{call_id}/{payload.TYPE}/lost"))
        await outbox.emit(connection, payload, source=RECONCILER, subject=call_id, id=event_id)


async def write_conversation(connection: Connection, record: ConversationRecord, pii: PiiCipher) -> None:
    """Safe to repeat: the row is brought up to date, each of its events has the same id each time."""
    await calls.record_conversation(connection, record, pii)
    if record.went_to is not None:
        rerouted = CallRerouted(
            restaurant_id=record.restaurant_id,
            call_id=record.call_id,
            to_restaurant_id=record.went_to.restaurant_id,
            to_house=record.went_to.name,
            because=record.went_to.because,
        )
        await emit_of_call(connection, record.call_id, [rerouted], source=HANDLER)
    if record.unconfirmed is not None:
        left = record.unconfirmed
        abandoned = cart_abandoned(
            record.restaurant_id, record.call_id, record.caller, left.cart, left.total_cents, left.reason
        )
        if record.went_to is not None:  # dishes and prices are the sister's: the called house rings back, no more
            abandoned = structs.replace(abandoned, lines=(), total_cents=0)
        await emit_of_call(connection, record.call_id, [abandoned], source=HANDLER)


def cart_abandoned(
    restaurant_id: str,
    call_id: str,
    caller: str,
    left: Cart | ConfirmedOrder,
    total_cents: int,
    reason: LeftBecause,
) -> CartAbandoned:
    return CartAbandoned(
        restaurant_id=restaurant_id,
        call_id=call_id,
        caller=caller,
        customer_name=left.customer_name,
        reason=reason,
        total_cents=total_cents,
        currency=left.currency,
        lines=tuple(
            CartLineLeft(
                name=line.item_name,
                size=line.size_name,
                quantity=line.quantity,
                modifiers=tuple(modifier.name for modifier in line.modifiers),
            )
            for line in left.lines
        ),
    )


async def emit_refused(connection: Connection, order: ConfirmedOrder, caller: str) -> None:
    """An order that was promised to the caller, and that the database will never take. A call may have several."""
    refused = cart_abandoned(order.restaurant_id, order.call_id, caller, order, order.total_cents, "not_saved")
    event_id = str(uuid.uuid5(_EVENTS, f"{order.call_id}/{refused.TYPE}/{order.id}"))
    await outbox.emit(connection, refused, source=HANDLER, subject=order.call_id, id=event_id)
