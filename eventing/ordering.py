"""An agreed order becomes a row and an event, in one transaction, once: whoever writes it and however often.

That of a synthetic restaurant becomes another row and another event, which no kitchen is told of.

So does each of its moves through the kitchen.
"""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from domain.order import ConfirmedOrder
from eventing import outbox
from eventing.calling import HANDLER
from eventing.catalogue import OrderCancelled, OrderConfirmed, OrderedLine, OrderMoved, OrderRefused, OrderRehearsed
from stores import calls, customers, guest_emails, kitchen, orders, rehearsals, tills
from stores.ciphers import PiiCipher
from stores.kitchen import Move, Moved
from stores.orders import OrderConflictError, StoredOrder
from stores.postgres import Connection

# What says that a row will never be taken: trying again is useless.
UNWRITABLE = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, OrderConflictError)


async def write_order(
    connection: Connection, order: ConfirmedOrder, pii: PiiCipher, *, caller: str, replaces: str | None = None
) -> StoredOrder:
    """Raises what ``orders.insert_confirmed`` raises. The event is emitted only with the row that it tells of.

    The call's row names the order from now on: its end may have been told before.
    """
    event: OrderConfirmed | OrderRehearsed
    stored = await rehearsals.take(connection, order)
    if stored is not None:
        event = rehearsed_event(order)
    else:
        stored = await orders.insert_confirmed(connection, order, pii, caller=caller)
        event = confirmed_event(order, stored.number, replaces)
    if stored.created:
        await calls.record_order(connection, order.restaurant_id, order.call_id, stored.id, order.confirmed_at)
        await outbox.emit(connection, event, source=HANDLER, subject=f"order/{stored.id}")
    return stored


def rehearsed_event(order: ConfirmedOrder) -> OrderRehearsed:
    return OrderRehearsed(
        restaurant_id=order.restaurant_id,
        order_id=order.id,
        call_id=order.call_id,
        total_cents=order.total_cents,
        currency=order.currency,
        confirmed_at=order.confirmed_at,
    )


def confirmed_event(order: ConfirmedOrder, number: int, replaces: str | None = None) -> OrderConfirmed:
    """What everybody else is told: nobody's name, number or address; what must not be eaten goes with the food."""
    return OrderConfirmed(
        restaurant_id=order.restaurant_id,
        order_id=order.id,
        call_id=order.call_id,
        number=number,
        fulfilment=order.fulfilment.kind,
        total_cents=order.total_cents,
        currency=order.currency,
        lines=tuple(
            OrderedLine(
                item_id=line.item_id,
                name=line.item_name,
                size=line.size_name,
                quantity=line.quantity,
                unit_cents=line.unit_cents,
                total_cents=line.total_cents,
                modifiers=tuple(modifier.name for modifier in line.modifiers),
            )
            for line in order.lines
        ),
        promised_at=order.promised_at,
        confirmed_at=order.confirmed_at,
        allergies=order.allergies,
        notes="\n".join(f"{place}: {line.note}" for place, line in enumerate(order.lines, 1) if line.note),
        replaces_order_id=replaces,
    )


async def change_order(
    connection: Connection, order: ConfirmedOrder, before: Move, pii: PiiCipher, *, caller: str
) -> StoredOrder:
    """``order`` in the place of one that is cancelled by ``before``, both or neither; safe to repeat.

    Tills know no amendment, so there is none here either. Who ordered first stays whose order it is, whoever rang.
    Raises what ``write_order`` and ``kitchen.move`` raise.
    """
    if await orders.is_written(connection, order.id):
        return await write_order(connection, order, pii, caller=caller)
    moved = await kitchen.move(connection, before)
    cancelled = _moved_event(before, moved, replaced_by=order.id)
    await outbox.emit(connection, cancelled, source=HANDLER, subject=f"order/{before.order_id}")
    phone = await customers.phone_of_order(connection, before.order_id, pii=pii)
    stored = await write_order(connection, order, pii, caller=phone or caller, replaces=before.order_id)
    await orders.mark_replaced(connection, before.order_id, stored)
    await guest_emails.go_on(connection, order.restaurant_id, before.order_id, stored.id)
    return stored


async def move_order(connection: Connection, move: Move, *, source: str) -> Moved:
    """Move an order and tell of it. Raises what ``kitchen.move`` raises, ValueError for a cancellation without reason.

    The caller writes the audit entry: it knows who acts for whom.
    """
    moved = await kitchen.move(connection, move)
    await outbox.emit(connection, _moved_event(move, moved), source=source, subject=f"order/{moved.order_id}")
    return moved


async def till_refuses(connection: Connection, order_id: str, reason: str) -> tuple[OrderRefused, ...]:
    """Mark an order that the till did not take; what is to be told of it, nothing where it was known."""
    told = await tills.say(connection, order_id, "refused", reason=reason)
    if told is None or not told.changed:
        return ()
    refused_at = datetime.now(UTC)
    return (
        OrderRefused(
            restaurant_id=told.restaurant_id,
            order_id=order_id,
            number=told.number,
            reason=reason[:200],
            refused_at=refused_at,
        ),
    )


def _moved_event(move: Move, moved: Moved, replaced_by: str | None = None) -> OrderMoved | OrderCancelled:
    restaurant_id, order_id, number = moved.restaurant_id, moved.order_id, moved.number
    if move.to != "cancelled":
        return OrderMoved(
            restaurant_id=restaurant_id,
            order_id=order_id,
            number=number,
            before=move.seen,
            status=move.to,
            moved_at=moved.at,
        )
    if move.reason is None:
        raise ValueError("reason: a cancellation has one")
    return OrderCancelled(
        restaurant_id=restaurant_id,
        order_id=order_id,
        number=number,
        before=move.seen,
        reason=move.reason,
        cancelled_at=moved.at,
        replaced_by_order_id=replaced_by,
    )
