"""From an event to the errands of each connection of the restaurant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errands import CancelOrder, PlaceOrder, Service, TicketLine, Work
from domain.order import Address
from eventing.catalogue import OrderCancelled, OrderConfirmed, Payload
from eventing.cloudevents import Event
from functions.errand_runner import message_planning
from functions.errand_runner.situation import Situation
from stores import connections, customers, errands, orders
from stores.ciphers import PiiCipher
from stores.order_links import OrderLinks
from stores.orders import Order
from stores.postgres import Connection

Planner = Callable[[Situation, Any], Awaitable[Sequence[Work]]]


@dataclass(frozen=True, slots=True)
class Home:
    """What is the same for every restaurant: ``pages`` is where the admin is reached from outside, "" for nowhere."""

    pii: PiiCipher
    links: OrderLinks
    pages: str


async def plan(home: Home, connection: Connection, event: Event) -> None:
    """Write the event's errands; none for a synthetic call."""
    if event.is_synthetic:
        return
    payload = event.payload()
    planners = PLANNERS[type(payload)]
    for one in await connections.of_restaurant(connection, payload.restaurant_id):
        planner = planners.get(one.service)
        if planner is None or one.disabled_at is not None:
            continue
        for work in await planner(Situation(connection, one, home.pii, home.links, home.pages), payload):
            await errands.add(connection, payload.restaurant_id, one.id, work, home.pii)


async def place_order(situation: Situation, event: OrderConfirmed) -> Sequence[Work]:
    order = await orders.get(situation.database, event.order_id, pii=situation.pii)
    phone = await customers.phone_of_order(situation.database, order.id, pii=situation.pii)
    return [_placed(order, phone)]


async def cancel_order(situation: Situation, event: OrderCancelled) -> Sequence[Work]:
    return [CancelOrder(order_id=event.order_id, reason=event.reason)]


def _placed(order: Order, phone: str) -> PlaceOrder:
    return PlaceOrder(
        order_id=order.id,
        number=order.number,
        fulfilment=order.fulfilment,
        lines=tuple(
            TicketLine(
                item_id=line.item_id,
                name=line.name,
                size=line.size_name,
                quantity=line.quantity,
                unit_cents=line.unit_cents,
                modifiers=tuple(one.name for one in line.modifiers),
                note=line.note,
            )
            for line in order.lines
        ),
        fee_cents=order.fee_cents,
        total_cents=order.total_cents,
        currency=order.currency,
        confirmed_at=order.confirmed_at,
        promised_at=order.promised_at,
        customer=order.customer_name,
        phone=phone,
        address="" if order.address is None else _one_line(order.address),
        allergies=order.allergies,
    )


def _one_line(address: Address) -> str:
    return ", ".join(filter(None, (address.street, f"{address.postcode} {address.city}".strip())))


_BY_SERVICE: Mapping[Service, Mapping[type[Payload], Planner]] = {
    "till": {OrderConfirmed: place_order, OrderCancelled: cancel_order},
    "messages": message_planning.PLANNERS,
}
PLANNERS: dict[type[Payload], dict[Service, Planner]] = {}
for _service, _planners in _BY_SERVICE.items():
    for _kind, _planner in _planners.items():
        PLANNERS.setdefault(_kind, {})[_service] = _planner
KINDS = tuple(PLANNERS)
