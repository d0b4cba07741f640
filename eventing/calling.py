"""What a handler knows of a finished call becomes its row, and an event where a cart was left behind."""

from __future__ import annotations

import uuid

from eventing import outbox
from eventing.catalogue import CartAbandoned, CartLineLeft
from stores import calls
from stores.calls import ConversationRecord
from stores.ciphers import PiiCipher
from stores.postgres import Connection

SOURCE = "/call-handler"
_EVENTS = uuid.UUID("5f2a0f0e-6f0b-5b43-9a54-3b8d8f9a7c11")


async def write_conversation(connection: Connection, record: ConversationRecord, pii: PiiCipher) -> None:
    """Safe to repeat: the row is brought up to date, the event has the same id each time."""
    await calls.record_conversation(connection, record, pii)
    if record.unconfirmed is not None:
        event_id = str(uuid.uuid5(_EVENTS, f"{record.call_id}/cart"))
        await outbox.emit(connection, _abandoned(record), source=SOURCE, subject=record.call_id, id=event_id)


def _abandoned(record: ConversationRecord) -> CartAbandoned:
    left = record.unconfirmed
    assert left is not None
    return CartAbandoned(
        restaurant_id=record.restaurant_id,
        call_id=record.call_id,
        caller=record.caller,
        customer_name=left.cart.customer_name,
        reason=left.reason,
        total_cents=left.total_cents,
        currency=left.cart.currency,
        lines=tuple(
            CartLineLeft(
                name=line.item_name,
                size=line.size_name,
                quantity=line.quantity,
                modifiers=tuple(modifier.name for modifier in line.modifiers),
            )
            for line in left.cart.lines
        ),
    )
