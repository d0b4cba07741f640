"""What integrators are told leaves out who called, unless they may know."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from eventing import integrators
from eventing.catalogue import BY_TYPE, CallMissed
from eventing.cloudevents import Event

pytestmark = pytest.mark.unit

# What a field is called that may name a person. A new one is personal, or named here with its reason.
TELLING = ("caller", "name", "phone", "address", "email", "note", "target", "guest", "transcript", "text")
HARMLESS = {"called", "phoneLineId"}  # the restaurant's own number, and its line


def missed() -> Event:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    payload = CallMissed(
        restaurant_id=str(uuid.uuid4()),
        call_id="call-1",
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-0",
        received_at=at,
        reason="no_handler",
        caller="+33612345678",
        ended_at=at,
    )
    return Event.of(payload, source="/edge/edge-0", extensions={"traceparent": "00-1-2-01"})


def test_an_event_is_split_into_what_anybody_may_read_and_what_names_a_caller() -> None:
    document, personal = integrators.split(missed())

    assert personal == {"caller": "+33612345678"}
    assert "+33612345678" not in str(document)
    assert msgspec.convert(document["data"], CallMissed).caller == ""
    assert "traceparent" not in document
    assert document["data"]["reason"] == "no_handler"
    assert integrators.joined(document, personal)["data"]["caller"] == "+33612345678"


def test_every_field_that_may_name_a_person_is_personal() -> None:
    for event_type in integrators.TYPES:
        names = {field.encode_name for field in msgspec.structs.fields(BY_TYPE[event_type])} - HARMLESS
        telling = {name for name in names if any(word in name.lower() for word in TELLING)}

        assert telling <= integrators.PERSONAL.get(event_type, frozenset()), event_type
