"""Orders for tills and kitchen printers, and what an order shows of how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from domain.errands import CancelOrder, Occasion, PlaceOrder, ReadTill, State, Work
from eventing import ordering, tickets, till_menus
from eventing.catalogue import OrderCancelled, OrderConfirmed, OrderMoved, Payload, TillChanged
from functions.errand_runner.situation import SOURCE, Home, Planner, Situation
from integrations.catalogue import PROVIDERS
from integrations.tasks import Done, Outcome
from stores import errands, orders, restaurants, tills
from stores.errands import Claimed
from stores.orders import Order
from stores.postgres import Connection
from stores.tills import TillState


async def place_order(situation: Situation, event: OrderConfirmed) -> Sequence[Work]:
    """What it is in the place of is cancelled first, whichever of the two events has come first."""
    if await _is_cancelled(situation, event.order_id):
        return []
    placing = await tickets.for_till(situation.database, situation.connected, event.order_id, situation.pii)
    if event.replaces_order_id is None:
        return [placing]
    before = await orders.get(situation.database, event.replaces_order_id)
    return [_cancelling(before), msgspec.structs.replace(placing, replaces_id=before.id)]


async def cancel_order(situation: Situation, event: OrderCancelled) -> Sequence[Work]:
    """Nothing where the till has cancelled it."""
    order = await orders.get(situation.database, event.order_id)
    if order.status_by == PROVIDERS[situation.connected.provider].label:
        return []
    return [_cancelling(order)]


def _cancelling(order: Order) -> CancelOrder:
    return CancelOrder(order_id=order.id, number=order.number, reason=order.cancel_reason)


async def note_restored(situation: Situation, event: OrderMoved) -> Sequence[Work]:
    """A till's order is never amended, and its number not used twice: what was cancelled there must be typed in."""
    if event.before == "cancelled":
        await tills.say(situation.database, event.order_id, "refused", reason="cancelled there, and restored here")
    return []


async def read_till(situation: Situation, event: TillChanged) -> Sequence[Work]:
    """Nothing for another till than the one that has changed, nor where a reading that has not begun waits: it will
    see this, too."""
    if situation.connected.id != event.connection_id:
        return []
    restaurant = await restaurants.get(situation.database, event.restaurant_id)
    reading = ReadTill(reading_id=event.reading_id, currency=restaurant.currency)
    made = await errands.about(situation.database, situation.connected.restaurant_id, reading.subject)
    waits = any(
        one.connection_id == event.connection_id and one.state == "waiting" and not one.attempts for one in made
    )
    return [] if waits else [reading]


async def print_ticket(situation: Situation, event: OrderConfirmed) -> Sequence[Work]:
    return [] if await _is_cancelled(situation, event.order_id) else await _printed(situation, event.order_id, "new")


async def print_cancelled(situation: Situation, event: OrderCancelled) -> Sequence[Work]:
    return await _printed(situation, event.order_id, "cancelled")


async def print_restored(situation: Situation, event: OrderMoved) -> Sequence[Work]:
    return await _printed(situation, event.order_id, "again") if event.before == "cancelled" else []


async def _is_cancelled(situation: Situation, order_id: str) -> bool:
    """Events come out of order: what was cancelled is not begun by the one before it."""
    return (await orders.get(situation.database, order_id)).status == "cancelled"


async def _printed(situation: Situation, order_id: str, occasion: Occasion) -> Sequence[Work]:
    work = await tickets.for_printer(situation.database, situation.connected, order_id, occasion, situation.pii)
    return [] if work is None else [work]


TILLS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: place_order,
    OrderCancelled: cancel_order,
    OrderMoved: note_restored,
    TillChanged: read_till,
}
PRINTERS: Mapping[type[Payload], Planner] = {
    OrderConfirmed: print_ticket,
    OrderCancelled: print_cancelled,
    OrderMoved: print_restored,
}


# --- What follows -----------------------------------------------------------------------------------------------------


async def till_answered(
    _home: Home, connection: Connection, one: Claimed, work: PlaceOrder, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """The order says how the till stands to it; that it was not taken is told once."""
    if isinstance(outcome, Done):
        standing: TillState = "sent" if outcome.facts.get("standing") == "sent" else "accepted"
        await tills.say(connection, work.order_id, standing, reference=outcome.reference)
        return []
    return await ordering.till_refuses(connection, work.order_id, outcome.reason)


async def till_cancelled(
    _home: Home, connection: Connection, one: Claimed, work: CancelOrder, state: State, outcome: Outcome
) -> Sequence[Payload]:
    """An order that the till still makes is marked for somebody to see to."""
    if not isinstance(outcome, Done):
        await tills.say(connection, work.order_id, "refused", reason=f"not cancelled there: {outcome.reason}")
    return []


async def till_read(
    _home: Home, connection: Connection, one: Claimed, work: ReadTill, state: State, outcome: Outcome
) -> Sequence[Payload]:
    if isinstance(outcome, Done):
        name, menu = PROVIDERS[one.provider].label, outcome.facts["menu"]
        await till_menus.keep(connection, one.restaurant_id, one.connection_id, name, menu, source=SOURCE)
    return []
