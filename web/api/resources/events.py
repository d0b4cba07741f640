"""What has happened in the restaurant: the events that webhooks carry, kept for two weeks, to be read at leisure."""

from __future__ import annotations

from typing import Any

from eventing import integrators
from stores import webhooks
from stores.postgres import Connection
from web.api.fields import Instant, Shape
from web.api.operations import Asked, operation
from web.api.paging import Page, PageQuery, page

TAG = "Events"


class EventShape(Shape, frozen=True, kw_only=True):
    """``event`` is the CloudEvent, as a webhook carries it. Who called is in it with the scope ``personal``."""

    id: int
    type: str
    at: Instant
    event: dict[str, Any]


@operation(
    "GET", "/restaurants/{restaurantId}/events", tag=TAG, query=PageQuery, answer=Page[EventShape], scope="events:read"
)
async def list_events(connection: Connection, asked: Asked[PageQuery, None]) -> Page[EventShape]:
    """List events, the newest first."""
    query = asked.query
    pii = asked.pii if asked.may("personal") else None
    found = await webhooks.events(connection, asked.restaurant_id, query.limit + 1, query.number(), pii=pii)
    return page(
        found,
        query.limit,
        lambda one: EventShape(id=one.id, type=one.type, at=one.at, event=integrators.joined(one.event, one.personal)),
        lambda one: one.id,
    )
