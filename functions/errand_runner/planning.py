"""From an event to the errands of each connection of the restaurant."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errands import Service
from eventing.catalogue import Payload
from eventing.cloudevents import Event
from functions.errand_runner import (
    booking_planning,
    kitchen_planning,
    mail_planning,
    message_planning,
    payment_planning,
)
from functions.errand_runner.situation import Home, Planner, tell_connections
from stores.postgres import Connection

PLANNERS: Mapping[Service, Mapping[type[Payload], Planner]] = {
    "till": kitchen_planning.TILLS,
    "printer": kitchen_planning.PRINTERS,
    "messages": message_planning.PLANNERS,
    "mail": mail_planning.PLANNERS,
    "payments": payment_planning.PLANNERS,
    "calendar": booking_planning.CALENDARS,
    "crm": booking_planning.CUSTOMER_FILES,
}
KINDS = tuple(dict.fromkeys(kind for planners in PLANNERS.values() for kind in planners))


async def plan(home: Home, connection: Connection, event: Event) -> None:
    """Write the event's errands; none for a synthetic call."""
    if event.is_synthetic:
        return
    payload = event.payload()
    kind = type(payload)
    planners = {service: of_kind[kind] for service, of_kind in PLANNERS.items() if kind in of_kind}
    await tell_connections(home, connection, payload.restaurant_id, planners, payload)
