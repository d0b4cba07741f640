"""What integrators are told: which events, and what of them is personal.

An event that is kept for them, or sent to them, is split: what anybody with the right to events may read, and the
fields that name a caller, which need a right of their own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventing.catalogue import (
    CallEnded,
    CallMissed,
    CallRerouted,
    CallStarted,
    CallTransferred,
    CartAbandoned,
    DepositChanged,
    FaqChanged,
    LineChanged,
    MenuChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderMoved,
    OrderRefused,
    Payload,
    PaymentSettled,
    ReservationCancelled,
    ReservationChanged,
    ReservationMade,
    RestaurantChanged,
    WebhookTested,
)
from eventing.cloudevents import Event, to_structured

KINDS: tuple[type[Payload], ...] = (
    OrderConfirmed,
    OrderMoved,
    OrderCancelled,
    OrderRefused,
    PaymentSettled,
    CartAbandoned,
    ReservationMade,
    ReservationChanged,
    ReservationCancelled,
    DepositChanged,
    CallStarted,
    CallEnded,
    CallMissed,
    CallTransferred,
    CallRerouted,
    MenuChanged,
    RestaurantChanged,
    FaqChanged,
    LineChanged,
    WebhookTested,
)
TYPES: tuple[str, ...] = tuple(kind.TYPE for kind in KINDS)
# What an owner may choose from: a test is sent whatever the choice is.
SUBSCRIBABLE: tuple[str, ...] = tuple(kind.TYPE for kind in KINDS if kind is not WebhookTested)

# By their names in JSON. A new event's fields are looked at by a test.
PERSONAL: dict[str, frozenset[str]] = {
    CallStarted.TYPE: frozenset({"caller"}),
    CallMissed.TYPE: frozenset({"caller"}),
    CallTransferred.TYPE: frozenset({"target"}),
    OrderConfirmed.TYPE: frozenset({"allergies", "notes"}),
    CartAbandoned.TYPE: frozenset({"caller", "customerName"}),
}
# Ours alone: addresses of files, and how the audio sounded. Optional, all of them.
INTERNAL = frozenset({"recording", "audio"})


def split(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event in structured mode without what is personal or internal, and its personal fields.

    What is personal is empty, as for a caller who withholds the number: the event still keeps to its schema.
    """
    _, body = to_structured(event)
    document: dict[str, Any] = msgspec.json.decode(body)
    data: dict[str, Any] = document.get("data") or {}
    named = PERSONAL.get(event.type, frozenset())
    personal = {name: value for name, value in data.items() if name in named and value}
    document["data"] = {name: "" if name in named else value for name, value in data.items() if name not in INTERNAL}
    document.pop("traceparent", None)
    document.pop("tracestate", None)
    return document, personal


def joined(document: dict[str, Any], personal: dict[str, Any]) -> dict[str, Any]:
    """The event with its personal fields again."""
    return {**document, "data": {**document.get("data", {}), **personal}}
