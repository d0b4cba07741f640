"""What product analytics are told of our events."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from eventing import analytics as told
from eventing.catalogue import CallEnded, MenuChanged, OrderConfirmed, OrderedLine
from eventing.cloudevents import Event
from process.telemetry import analytics, sending
from process.telemetry.analytics import Analytics
from tests.fakes.collector import FakeCollector

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
RESTAURANT = str(uuid4())


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with FakeCollector() as taking:
        made = Analytics(taking.url, "phc_test")
        made._sender._every_s = 0.01
        analytics.use(made)
        yield taking
        analytics.use(None)
        sending.SENDERS.remove(made._sender)


def order() -> Event:
    line = OrderedLine(item_id=str(uuid4()), name="Regina", size="", quantity=2, unit_cents=900, total_cents=1800)
    payload = OrderConfirmed(
        restaurant_id=RESTAURANT,
        order_id=str(uuid4()),
        call_id="call-1",
        number=12,
        fulfilment="pickup",
        total_cents=1800,
        currency="EUR",
        lines=(line,),
        promised_at=NOW,
        confirmed_at=NOW,
        allergies="Ada: nuts",
        notes="1: for Ada",
    )
    return Event.of(payload, source="/call-handler", time=NOW)


def ended() -> Event:
    payload = CallEnded(
        restaurant_id=RESTAURANT,
        call_id="call-1",
        phone_line_id=str(uuid4()),
        bridge_node_id="edge-1",
        outcome="order_confirmed",
        attempts=1,
        received_at=NOW,
        ended_at=NOW + timedelta(seconds=90),
        duration_ms=90_000,
        recording="/recordings/Ada.ulaw",
    )
    return Event.of(payload, source="/edge/edge-1", time=NOW)


async def test_an_order_and_a_calls_end_are_told_by_restaurant_and_name_nobody(collector: FakeCollector) -> None:
    placed, over = order(), ended()
    for event in (placed, over, Event.of(MenuChanged(restaurant_id=RESTAURANT), source="/web")):
        told.tell(event, event.payload())
    first, second = await collector.until_event(lambda events: len(events) == 2)

    assert [(one["event"], one["distinct_id"], one["uuid"]) for one in (first, second)] == [
        ("order placed", RESTAURANT, placed.id),
        ("call ended", RESTAURANT, over.id),
    ]
    own = {"$process_person_profile": False, "$geoip_disable": True, "$lib": "alloresto"}
    assert first["properties"] == own | {"fulfilment": "pickup", "total_cents": 1800, "currency": "EUR", "items": 2}
    assert second["properties"] == own | {
        "outcome": "order_confirmed",
        "attempts": 1,
        "duration_ms": 90_000,
        "was_joined": False,
    }
    assert (first["key"], first["timestamp"]) == ("phc_test", NOW.isoformat())
    assert "Ada" not in json.dumps([first, second]) and "Regina" not in json.dumps([first, second])


def test_without_a_key_nobody_is_told() -> None:
    event = order()

    told.tell(event, event.payload())

    assert not analytics.is_on()
