"""Which of our events product analytics are told of, and what of them: numbers and kinds, and nobody's name."""

from __future__ import annotations

from datetime import UTC, datetime

from eventing.catalogue import CallEnded, OrderConfirmed, Payload
from eventing.cloudevents import Event
from process.telemetry import analytics
from process.telemetry.analytics import ProductEvent, Property


def tell(event: Event, payload: Payload) -> None:
    """An order placed, or a call ended, unless by a synthetic caller. Told again with the same event it counts once, by
    the event's id.
    """
    if event.is_synthetic or not analytics.is_on():
        return
    match payload:
        case OrderConfirmed():
            items = sum(line.quantity for line in payload.lines)
            _capture(
                event,
                payload,
                "order placed",
                {
                    "fulfilment": payload.fulfilment,
                    "total_cents": payload.total_cents,
                    "currency": payload.currency,
                    "items": items,
                },
            )
        case CallEnded():
            _capture(
                event,
                payload,
                "call ended",
                {
                    "outcome": payload.outcome,
                    "attempts": payload.attempts,
                    "duration_ms": payload.duration_ms,
                    "was_joined": payload.joined_at is not None,
                },
            )


def _capture(event: Event, payload: Payload, name: str, properties: dict[str, Property]) -> None:
    at = event.time or datetime.now(UTC)
    analytics.capture(ProductEvent(name, payload.restaurant_id, at, event.id, properties))
