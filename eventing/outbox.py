"""The transactional outbox: an event is written with what it tells of, or not at all.

``emit`` inserts a row in the caller's transaction; the relay (``eventing.relay``) publishes it once that has
committed. Delivery is at least once: every consumer drops the events that it knows. An event emitted while another
is handled carries that one's trace.
"""

from __future__ import annotations

import msgspec

from eventing import tracing
from eventing.catalogue import Payload
from eventing.cloudevents import BadEvent, Event, to_structured
from stores.postgres import Connection

CHANNEL = "outbox"  # the table's trigger notifies it


async def emit(
    connection: Connection,
    payload: Payload,
    *,
    source: str,
    subject: str = "",
    id: str = "",
) -> Event:
    """Write an event to be published when the caller's transaction commits, and return it.

    Give an ``id`` (a UUID) where the same event may be written again, because nobody knows whether the first try
    committed: while it waits it stays one row, and consumers drop an id that they know.
    ``source`` names the emitting part (``/edge/<node>``, ``/web``), ``subject`` what it is about. Raises BadEvent
    when the payload breaks its own schema: here, where it can be corrected, and not at a consumer.
    """
    event = Event.of(payload, source=source, subject=subject, id=id, extensions=tracing.extensions())
    _, document = to_structured(event)
    try:
        msgspec.json.decode(msgspec.json.encode(payload), type=type(payload))
    except msgspec.ValidationError as error:
        raise BadEvent(f"{payload.TYPE}: {error}") from None
    await connection.execute(
        "insert into outbox (event_id, restaurant_id, type, event) values ($1, $2, $3, $4)"
        " on conflict do nothing",  # naming the column would need the right to read it
        event.id,
        payload.restaurant_id,
        event.type,
        msgspec.Raw(document),
    )
    return event
