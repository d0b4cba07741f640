"""From an event to the errands of each connection of the restaurant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from domain.errands import Service, Work
from eventing.catalogue import Payload
from eventing.cloudevents import Event
from functions.errand_runner import kitchen_planning, message_planning, payment_planning
from functions.errand_runner.situation import Home, Situation
from stores import connections, errands
from stores.postgres import Connection

Planner = Callable[[Situation, Any], Awaitable[Sequence[Work]]]


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
        for work in await planner(Situation(connection, one, home.pii, home.links), payload):
            await errands.add(connection, payload.restaurant_id, one.id, work, home.pii)


_BY_SERVICE: Mapping[Service, Mapping[type[Payload], Planner]] = {
    "till": kitchen_planning.TILLS,
    "printer": kitchen_planning.PRINTERS,
    "messages": message_planning.PLANNERS,
    "payments": payment_planning.PLANNERS,
}
PLANNERS: dict[type[Payload], dict[Service, Planner]] = {}
for _service, _planners in _BY_SERVICE.items():
    for _kind, _planner in _planners.items():
        PLANNERS.setdefault(_kind, {})[_service] = _planner
KINDS = tuple(PLANNERS)
