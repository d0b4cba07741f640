import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from eventing import catalogue, schemas
from eventing.catalogue import BY_TYPE, Payload

pytestmark = pytest.mark.unit

UUID = "0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


class CallFields(TypedDict):
    call_id: str
    phone_line_id: str
    bridge_node_id: str
    received_at: datetime


CALL: CallFields = {"call_id": UUID, "phone_line_id": UUID, "bridge_node_id": "edge-1", "received_at": NOW}
LINE = catalogue.OrderedLine(
    item_id=UUID, name="Regina", size="", quantity=2, unit_cents=1250, total_cents=2500, modifiers=("Olives",)
)
EXAMPLES: list[Payload] = [
    catalogue.CallIncoming(
        restaurant_id=UUID,
        **CALL,
        attempt=1,
        caller="+33123456789",
        called="+33987654321",
        codec="PCMA",
        audio_stream_url="ws://edge/media/1/1",
        audio_stream_token="t",
        greeting="Bonjour",
    ),
    catalogue.CallStarted(restaurant_id=UUID, **CALL, caller="+331", called="+332"),
    catalogue.CallEnded(
        restaurant_id=UUID, **CALL, outcome="answered", attempts=1, ended_at=NOW, duration_ms=61_000, order_id=UUID
    ),
    catalogue.CallMissed(restaurant_id=UUID, **CALL, caller="+331", reason="ai_down", ended_at=NOW),
    catalogue.OrderFollowed(restaurant_id=UUID, order_id=UUID, number=12),
    catalogue.ReservationFollowed(restaurant_id=UUID, reservation_id=UUID),
    catalogue.CallRerouted(
        restaurant_id=UUID, call_id="call-1", to_restaurant_id=UUID, to_house="Quay", because="closed"
    ),
    catalogue.CallTransferred(restaurant_id=UUID, **CALL, target="+331", reason="asked", transferred_at=NOW),
    catalogue.LineChanged(restaurant_id=UUID, phone_line_id=UUID, change="created"),
    catalogue.OrderConfirmed(
        restaurant_id=UUID,
        order_id=UUID,
        call_id=UUID,
        number=12,
        fulfilment="pickup",
        total_cents=2500,
        currency="EUR",
        lines=(LINE,),
        promised_at=NOW,
        confirmed_at=NOW,
    ),
    catalogue.CartAbandoned(
        restaurant_id=UUID,
        call_id="call-1",
        caller="+33600000000",
        customer_name="Ann",
        reason="caller_hung_up",
        total_cents=1300,
        currency="EUR",
        lines=(catalogue.CartLineLeft(name="Regina", size="", quantity=1, modifiers=("Olives",)),),
    ),
    catalogue.OrderRehearsed(
        restaurant_id=UUID, order_id=UUID, call_id=CALL["call_id"], total_cents=1000, currency="EUR", confirmed_at=NOW
    ),
    catalogue.OrderMoved(
        restaurant_id=UUID, order_id=UUID, number=12, before="confirmed", status="preparing", moved_at=NOW
    ),
    catalogue.OrderCancelled(
        restaurant_id=UUID, order_id=UUID, number=12, before="preparing", reason="sold_out", cancelled_at=NOW
    ),
    catalogue.TillChanged(restaurant_id=UUID, connection_id=UUID, reading_id=UUID),
    catalogue.OrderCancelled(
        restaurant_id=UUID,
        order_id=UUID,
        number=12,
        before="confirmed",
        reason="customer",
        cancelled_at=NOW,
        replaced_by_order_id=UUID,
    ),
    catalogue.OrderRefused(restaurant_id=UUID, order_id=UUID, number=12, reason="closed", refused_at=NOW),
    catalogue.PaymentSettled(
        restaurant_id=UUID, payment_id=UUID, order_id=UUID, number=12, outcome="paid", amount_cents=2950, currency="EUR"
    ),
    catalogue.DepositChanged(
        restaurant_id=UUID,
        deposit_id=UUID,
        reservation_id=UUID,
        state="awaited",
        amount_cents=9000,
        currency="EUR",
        due_at=NOW,
    ),
    catalogue.ReservationMade(
        restaurant_id=UUID,
        reservation_id=UUID,
        status="confirmed",
        starts_at=NOW,
        ends_at=NOW,
        covers=4,
        table_ids=(UUID,),
        call_id="call-1",
    ),
    catalogue.ReservationChanged(
        restaurant_id=UUID,
        reservation_id=UUID,
        before="requested",
        status="confirmed",
        starts_at=NOW,
        ends_at=NOW,
        covers=4,
        table_ids=(),
    ),
    catalogue.ReservationCancelled(
        restaurant_id=UUID, reservation_id=UUID, before="confirmed", reason="guest", cancelled_at=NOW
    ),
    catalogue.OrderLogged(
        restaurant_id=UUID,
        order_id=UUID,
        number=12,
        day="2026-11-21",
        orders_today=3,
        total_cents_today=7000,
        currency="EUR",
    ),
    catalogue.MenuChanged(restaurant_id=UUID, item_ids=(UUID,), reason="price"),
    catalogue.RestaurantChanged(restaurant_id=UUID, fields=("name",)),
    catalogue.FaqChanged(restaurant_id=UUID, faq_ids=(UUID,)),
    catalogue.GreetingChanged(restaurant_id=UUID, text="Bonjour", voice="alloy", language="fr"),
    catalogue.GreetingRendered(
        restaurant_id=UUID, text="Bonjour", voice="alloy", language="fr", key="resto:1:greeting", duration_ms=1200
    ),
    catalogue.CacheInvalidated(restaurant_id=UUID, keys=("resto:1:menu",)),
    catalogue.ReleaseReturned(
        restaurant_id=UUID,
        call_id="call-1",
        release_id=UUID,
        stable="call-handler-00001",
        candidate="call-handler-00002",
        why="3 of 3 calls failed",
        returned_at=NOW,
    ),
    catalogue.WebhookTested(restaurant_id=UUID, endpoint_id=UUID),
]


def test_there_is_an_example_of_every_type() -> None:
    assert {example.TYPE for example in EXAMPLES} == set(BY_TYPE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.TYPE)
def test_an_example_keeps_to_its_schema_and_reads_back(example: Payload) -> None:
    written = msgspec.json.encode(example)

    jsonschema.Draft202012Validator(catalogue.schemas()[example.TYPE]).validate(json.loads(written))
    assert msgspec.json.decode(written, type=type(example)) == example


@pytest.mark.parametrize("event_type", sorted(BY_TYPE))
def test_every_types_schema_is_itself_valid_and_refuses_an_empty_object(event_type: str) -> None:
    schema = catalogue.schemas()[event_type]

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == catalogue.dataschema(event_type)
    assert not jsonschema.Draft202012Validator(schema).is_valid({})


def test_json_names_are_camel_case_and_absent_values_are_left_out() -> None:
    ended = next(example for example in EXAMPLES if isinstance(example, catalogue.CallEnded))

    assert set(json.loads(msgspec.json.encode(ended))) == {
        "restaurantId",
        "callId",
        "phoneLineId",
        "bridgeNodeId",
        "outcome",
        "attempts",
        "receivedAt",
        "endedAt",
        "durationMs",
        "orderId",
    }


def test_a_time_without_a_zone_is_refused() -> None:
    written = msgspec.json.encode(EXAMPLES[3]).replace(b"10:00:00Z", b"10:00:00")

    with pytest.raises(msgspec.ValidationError, match="receivedAt"):
        msgspec.json.decode(written, type=catalogue.CallMissed)


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in schemas.COMMITTED.glob("*.json")}

    expected = {f"{event_type}.json": schemas.render(schema) for event_type, schema in catalogue.schemas().items()}

    assert committed == expected, "run: python -m eventing.schemas"


def test_writing_takes_away_the_schema_of_a_type_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "com.alloresto.order.dreamt.json"
    gone.write_text("{}")

    written = schemas.write(tmp_path)

    assert not gone.exists()
    assert len(written) == len(BY_TYPE)


def test_the_cold_start_path_imports_nothing_heavy() -> None:
    heavy = {"asyncpg", "redis", "aiohttp", "prometheus_client", "openai", "dateutil", "yaml", "hypothesis"}
    modules = "protocols.media, protocols.call_lane, eventing.catalogue, eventing.cloudevents"
    program = f"import sys, {modules}; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert not heavy & {name.split(".")[0] for name in loaded}
