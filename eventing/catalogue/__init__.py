"""Every event that AlloResto makes, as frozen structs: Python names here, camel case in JSON.

``BY_TYPE`` maps a CloudEvents type to its struct. Adding an optional field keeps a type's version; anything
else is a new version, and with it a new ``dataschema``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventing.catalogue.base import Payload
from eventing.catalogue.calls import (
    CallEnded,
    CallIncoming,
    CallMissed,
    CallTransferred,
    Codec,
    LineChange,
    LineChanged,
    MissedReason,
)
from eventing.catalogue.orders import CartAbandoned, CartLineLeft, OrderConfirmed, OrderedLine, OrderLogged
from eventing.catalogue.restaurants import (
    CacheInvalidated,
    FaqChanged,
    GreetingChanged,
    GreetingRendered,
    MenuChanged,
    RestaurantChanged,
)

__all__ = [
    "BY_TYPE",
    "CacheInvalidated",
    "CallEnded",
    "CallIncoming",
    "CallMissed",
    "CallTransferred",
    "CartAbandoned",
    "CartLineLeft",
    "Codec",
    "FaqChanged",
    "GreetingChanged",
    "GreetingRendered",
    "LineChange",
    "LineChanged",
    "MenuChanged",
    "MissedReason",
    "OrderConfirmed",
    "OrderLogged",
    "OrderedLine",
    "Payload",
    "RestaurantChanged",
    "dataschema",
    "schemas",
]

VERSION = 1

BY_TYPE: dict[str, type[Payload]] = {
    kind.TYPE: kind
    for kind in (
        CallIncoming,
        CallEnded,
        CallMissed,
        CallTransferred,
        LineChanged,
        OrderConfirmed,
        OrderLogged,
        CartAbandoned,
        MenuChanged,
        RestaurantChanged,
        FaqChanged,
        GreetingChanged,
        GreetingRendered,
        CacheInvalidated,
    )
}


def dataschema(event_type: str) -> str:
    """The URI of the type's JSON schema, as sent in ``ce-dataschema``."""
    return f"urn:alloresto:schema:{event_type}:{VERSION}"


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (2020-12) for each type, by type name."""
    return {event_type: _schema(kind) for event_type, kind in sorted(BY_TYPE.items())}


def _schema(kind: type[Payload]) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": dataschema(kind.TYPE),
        "title": kind.TYPE,
    }
    return head | schema
