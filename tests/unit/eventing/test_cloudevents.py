import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http as sdk
from cloudevents.core.formats.base import Format
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from eventing.catalogue import CallMissed, MenuChanged
from eventing.cloudevents import BadEvent, Event, parse, to_binary, to_structured
from eventing.extensions import overrides

pytestmark = pytest.mark.unit

RESTAURANT = "0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/web",
    "ce-type": "com.example.made",
    "content-type": "application/json",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
Write = Callable[[Event], tuple[dict[str, str], bytes]]
DOCUMENT = {"specversion": "1.0", "id": "e-1", "source": "/web", "type": "com.example.made"}


def refused(headers: Mapping[str, str], body: bytes = b"{}") -> str:
    with pytest.raises(BadEvent) as refusal:
        parse(headers, body)
    return refusal.value.reason


def structured(**attributes: object) -> bytes:
    return json.dumps(DOCUMENT | attributes).encode()


# --- What comes in -------------------------------------------------------------------------------------------


def test_a_binary_event_is_read_with_its_extensions() -> None:
    headers = {name.title(): value for name, value in HEADERS.items()} | {
        "Ce-Subject": "Cr%C3%AApe%20%22suzette%22",
        "Ce-Time": "2026-11-21T10:00:00.123456789+01:00",
        "Ce-Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
        "Ce-Restaurantid": RESTAURANT,
        "X-Other": "kept out",
    }

    event = parse(headers, b'{"n":1}')

    assert (event.id, event.source, event.type, event.data) == ("e-1", "/web", "com.example.made", {"n": 1})
    assert event.subject == 'Crêpe "suzette"'
    assert event.time is not None
    assert abs(event.time - datetime(2026, 11, 21, 9, 0, 0, 123457, UTC)) < timedelta(microseconds=2)
    assert set(event.extensions) == {"traceparent", "restaurantid"}


def test_a_structured_event_is_read_and_stray_headers_are_ignored() -> None:
    event = parse(STRUCTURED | {"ce-id": "stray", "ce-type": "stray"}, structured(data=[1], sampled=True, hops=3))

    assert (event.id, event.type, event.data) == ("e-1", "com.example.made", [1])
    assert event.extensions == {"sampled": "true", "hops": "3"}


def test_structured_data_may_come_as_base64() -> None:
    assert parse(STRUCTURED, structured(data_base64="eyJuIjoxfQ==")).data == {"n": 1}


def test_an_event_without_data_is_an_event() -> None:
    assert parse(HEADERS, b"").data is None


def test_data_without_a_content_type_is_read_as_json() -> None:
    headers = {name: value for name, value in HEADERS.items() if name != "content-type"}

    assert parse(headers, b"[true]").data == [True]
    assert "data" in refused(headers, b"plain text")


def test_a_quoted_header_value_is_unquoted() -> None:
    assert parse(HEADERS | {"ce-subject": '"a \\"b\\" c"'}, b"").subject == 'a "b" c'


@pytest.mark.parametrize("attribute", ["id", "source", "type", "specversion"])
def test_a_missing_attribute_is_named_and_never_made_up(attribute: str) -> None:
    without_header = {name: value for name, value in HEADERS.items() if name != f"ce-{attribute}"}
    without_field = {name: value for name, value in DOCUMENT.items() if name != attribute}

    assert refused(without_header).startswith(f"{attribute}: missing")
    assert refused(STRUCTURED, json.dumps(without_field).encode()).startswith(f"{attribute}: missing")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ce-id": ""}, "id:"),
        ({"ce-source": ""}, "source:"),
        ({"ce-specversion": "0.3"}, "specversion:"),
        ({"ce-time": "yesterday"}, "time: expected RFC 3339"),
        ({"ce-time": "2026-11-21T10:00:00"}, "time:"),
        ({"ce-my-extension": "1"}, "'my-extension':"),
        ({"ce-subject": "%ff"}, "ce-subject:"),
        ({"ce-subject": "Crêpe"}, "ce-subject:"),
        ({"ce-subject": "a%0D%0Ab"}, "subject: control"),
        ({"ce-datacontenttype": "application/json"}, "datacontenttype:"),
        ({"content-type": "text/plain"}, "content-type:"),
        ({"content-type": "application/cloudevents-batch+json"}, "content-type: batches"),
        ({"content-type": "application/cloudevents+avro"}, "content-type:"),
    ],
)
def test_a_wrong_header_is_named(headers: dict[str, str], reason: str) -> None:
    assert refused(HEADERS | headers).startswith(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "body:"),
        (b"[]", "body: expected one event as a JSON object, got a JSON array"),
        (b"null", "body:"),
        (structured(id=5), "id: expected a string, got a JSON number"),
        (structured(id=None), "id: missing"),
        (structured(extra={"a": 1}), "extra: expected a string, got a JSON object"),
        (structured(ratio=0.5), "ratio: expected a string"),
        (structured(time="2026-11-21"), "time:"),
        (structured(datacontenttype="text/xml", data="<a/>"), "content-type:"),
        (structured(data=1, data_base64="MQ=="), "data_base64: cannot"),
        (structured(data_base64="***"), "data_base64: not base64"),
        (structured(data_base64=7), "data_base64: not base64"),
        (structured(**{"na\nme": "x"}), "'na\\nme':"),
        (b"[" * 100_000, "body:"),
    ],
)
def test_a_wrong_structured_event_is_named(body: bytes, reason: str) -> None:
    assert refused(STRUCTURED, body).startswith(reason)


def test_json_that_is_no_json_is_never_handed_on_as_text() -> None:
    assert refused(HEADERS, b'{"price": 12,').startswith("data:")


def test_a_request_that_is_no_event_is_told_what_is_missing() -> None:
    assert "no ce-* headers" in refused({"content-type": "application/json"})


NAMES = st.one_of(st.sampled_from([*HEADERS, "ce-time", "ce-subject", "ce-data", "ce-x"]), st.text(max_size=12))
VALUES = st.one_of(
    st.sampled_from(["1.0", "application/cloudevents+json", "application/json", "%", "%ff", '"', '"\\']),
    st.text(max_size=30),
)
DOCUMENTS = st.dictionaries(
    st.one_of(st.sampled_from([*DOCUMENT, "data", "data_base64", "time", "datacontenttype"]), st.text(max_size=8)),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12)),
).map(lambda fields: json.dumps(DOCUMENT | fields).encode())


@given(
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.booleans(),
    st.one_of(st.binary(max_size=60), st.just(b"{}"), DOCUMENTS),
)
def test_any_request_is_an_event_or_a_bad_event(headers: dict[str, str], complete: bool, body: bytes) -> None:
    try:
        event = parse((HEADERS if complete else {}) | headers, body)
    except BadEvent:
        return
    for write in (to_binary, to_structured):
        assert parse(*write(event)) == event


# --- What goes out -------------------------------------------------------------------------------------------


def menu_changed(subject: str = "", time: datetime | None = None, extensions: Mapping[str, str] | None = None) -> Event:
    payload = MenuChanged(restaurant_id=RESTAURANT, item_ids=(RESTAURANT,), reason="prix à jour")
    return Event.of(payload, source="/web", subject=subject, time=time, extensions=extensions)


def test_an_event_of_a_payload_carries_schema_time_and_tenant() -> None:
    event = menu_changed(extensions={"traceparent": "00-1-2-03"})

    assert uuid.UUID(event.id)
    assert event.type == "com.alloresto.menu.changed"
    assert event.dataschema == "urn:alloresto:schema:com.alloresto.menu.changed:1"
    assert event.time is not None
    assert event.extensions == {"restaurantid": RESTAURANT, "traceparent": "00-1-2-03"}


def test_an_event_of_a_call_carries_the_call() -> None:
    now = datetime.now(UTC)
    missed = CallMissed(
        restaurant_id=RESTAURANT,
        call_id=RESTAURANT,
        phone_line_id=RESTAURANT,
        bridge_node_id="edge-1",
        caller="+331",
        reason="no_handler",
        received_at=now,
        ended_at=now,
    )

    assert Event.of(missed, source="/edge").extensions["callid"] == RESTAURANT


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_is_written_reads_back_with_the_same_payload(write: Write) -> None:
    event = menu_changed(subject='Crêpe "à" 5 %', time=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=1))))

    received = parse(*write(event))

    assert received.payload() == event.data
    assert received.subject == event.subject
    assert received.time == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert received.extensions == event.extensions


def test_binary_headers_are_percent_encoded_ascii_and_say_json() -> None:
    headers, body = to_binary(menu_changed(subject="Crêpe 5 %"))

    assert headers["ce-subject"] == "Cr%C3%AApe%205%20%25"
    assert headers["content-type"] == "application/json"
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert json.loads(body)["reason"] == "prix à jour"


@pytest.mark.parametrize("data", [[1, "a"], True, 0, "text", {"a": None}])
def test_any_json_value_can_be_data(data: object) -> None:
    event = Event(id="1", source="/s", type="t", data=data)

    assert parse(*to_binary(event)).data == data
    assert parse(*to_structured(event)).data == data


def test_the_callers_dicts_stay_as_they_were() -> None:
    extensions, data = {"traceparent": "x"}, {"a": 1}
    event = Event(id="1", source="/s", type="t", data=data, extensions=extensions)

    to_binary(event)
    to_structured(event)
    event.with_extensions({"more": "y"})

    assert extensions == {"traceparent": "x"}
    assert data == {"a": 1}


@pytest.mark.parametrize("broken", [{"id": ""}, {"source": ""}, {"subject": "a\nb"}, {"extensions": {"Bad-Name": "x"}}])
def test_an_event_that_breaks_the_rules_is_not_sent(broken: dict[str, Any]) -> None:
    attributes: dict[str, Any] = {"id": "1", "source": "/s", "type": "t"} | broken
    event = Event(**attributes)

    with pytest.raises(BadEvent, match=next(iter(broken)) if "extensions" not in broken else "Bad-Name"):
        to_binary(event)


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_the_sdk_reads_what_we_write(mode: str) -> None:
    event = menu_changed(subject="Crêpe")
    headers, body = to_binary(event) if mode == "binary" else to_structured(event)

    seen = sdk.from_http_event(sdk.HTTPMessage(headers, body))

    assert (seen.get_id(), seen.get_subject(), seen.get_extension("restaurantid")) == (event.id, "Crêpe", RESTAURANT)
    assert seen.get_time() == event.time
    data = seen.get_data()
    assert isinstance(data, dict)
    assert data["reason"] == "prix à jour"


@pytest.mark.parametrize("write", [sdk.to_binary, sdk.to_structured])
def test_we_read_what_the_sdk_writes(write: Callable[[BaseCloudEvent, Format], sdk.HTTPMessage]) -> None:
    attributes = DOCUMENT | {"subject": "Crêpe 5 %", "datacontenttype": "application/json", "hops": "2"}
    message = write(CloudEvent(attributes, {"n": "é"}), JSONFormat())

    event = parse(message.headers, message.body)

    assert (event.id, event.subject, event.data, event.extensions) == ("e-1", "Crêpe 5 %", {"n": "é"}, {"hops": "2"})


# --- Payloads and overrides ----------------------------------------------------------------------------------


def test_an_unknown_type_has_no_payload() -> None:
    with pytest.raises(BadEvent, match=r"com\.example\.made is not in the catalogue"):
        parse(HEADERS, b"{}").payload()


@pytest.mark.parametrize(
    ("data", "names"),
    [({}, "restaurantId"), ({"restaurantId": "7"}, r"\$\.restaurantId"), (None, "object"), ([], "object")],
)
def test_data_that_breaks_its_schema_names_the_field(data: object, names: str) -> None:
    event = Event(id="1", source="/s", type="com.alloresto.menu.changed", data=data)

    with pytest.raises(BadEvent, match=names):
        event.payload()


def test_a_sinkbindings_overrides_are_added_to_the_event() -> None:
    extra = overrides('{"extensions":{"cluster":"eu-1"}}')

    headers, _ = to_binary(menu_changed().with_extensions(extra))

    assert headers["ce-cluster"] == "eu-1"


@pytest.mark.parametrize("nothing", ["", "{}", '{"extensions":{}}'])
def test_no_overrides_are_none(nothing: str) -> None:
    assert overrides(nothing) == {}


@pytest.mark.parametrize("wrong", ["{", "[]", '{"extensions":{"id":"x"}}', '{"extensions":{"a-b":"x"}}'])
def test_wrong_overrides_name_the_variable(wrong: str) -> None:
    with pytest.raises(ValueError, match="K_CE_OVERRIDES"):
        overrides(wrong)
