"""CloudEvents 1.0 over HTTP: the only place that knows the SDK and the wire.

The SDK (``cloudevents.core``) holds the rules for attributes. Its HTTP binding is not used: it makes up an id
where one is missing (and breaks deduplication), hands on bad JSON as text, sends lists as Python's repr, lets a
stray ``ce-*`` header win over structured mode, and costs 25 ms of import on a cold start. What is sent here is
read by the SDK's binding, and the other way round; tests hold that.

Data is JSON, always. Batches, other formats and other content types are refused with a reason.
"""

from __future__ import annotations

import base64
import builtins
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import msgspec
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.v1.event import CloudEvent

from eventing.catalogue import BY_TYPE, Payload, dataschema
from eventing.extensions import CONTEXT, NAME

JSON_CONTENT_TYPE = "application/json"
STRUCTURED_CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch"

_PREFIX = "ce-"
_SAID_TWICE = {"restaurantid": "restaurant_id", "callid": "call_id"}  # extension: field of the data
_JSON_MEDIA_TYPE = re.compile(r"(application|text)/([a-z0-9.!#$&^_-]+\+)?json")
# HTTP binding 3.1.3.2: all printable ASCII goes as it is, except space, double quote and percent.
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

P = TypeVar("P", bound=Payload)


class BadEvent(ValueError):  # noqa: N818 - what is bad is said in the name
    """What was received can never be a valid event; ``reason`` names the attribute and what was expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudEvent. ``data`` is decoded JSON or a catalogue struct (not to be changed), None when there is none.

    ``extensions`` are strings by lower-case name: ``restaurantid``, ``callid``, ``traceparent``, …
    """

    id: str
    source: str
    type: str
    data: Any = None
    subject: str = ""
    time: datetime | None = None
    dataschema: str = ""
    extensions: Mapping[str, str] = {}

    @classmethod
    def of(
        cls,
        payload: Payload,
        *,
        source: str,
        subject: str = "",
        id: str = "",
        time: datetime | None = None,
        extensions: Mapping[str, str] | None = None,
    ) -> Event:
        """A new event with ``payload`` as its data: a fresh id and the time now unless given.

        ``restaurantid`` is always there, ``callid`` where the payload has a call.
        """
        own = {"restaurantid": payload.restaurant_id}
        call_id = getattr(payload, "call_id", None)
        if call_id:
            own["callid"] = call_id
        return cls(
            id=id or str(uuid.uuid4()),
            source=source,
            type=payload.TYPE,
            data=payload,
            subject=subject,
            time=time or datetime.now(UTC),
            dataschema=dataschema(payload.TYPE),
            extensions=own | dict(extensions or {}),
        )

    def payload(self) -> Payload:
        """The data as its catalogue struct.

        Raises BadEvent for an unknown type, data that breaks its schema, or an extension that says another restaurant
        or call than the data: Triggers route by the one, functions work on the other.
        """
        kind = BY_TYPE.get(self.type)
        if kind is None:
            raise BadEvent(f"type: {self.type} is not in the catalogue")
        if isinstance(self.data, kind):
            return self.data
        try:
            payload = msgspec.convert(self.data, kind)
        except msgspec.ValidationError as error:
            raise BadEvent(f"data: {error}") from None
        for extension, field in _SAID_TWICE.items():
            said, meant = self.extensions.get(extension), getattr(payload, field, None)
            if said is not None and meant is not None and said != meant:
                raise BadEvent(f"{extension}: the extension and the data's {field} differ")
        return payload

    def payload_of(self, kind: builtins.type[P]) -> P:
        """The data as a ``kind``. Raises BadEvent, also when the event is of another type."""
        payload = self.payload()
        if not isinstance(payload, kind):
            raise BadEvent(f"type: expected {kind.TYPE}, got {self.type}")
        return payload

    @property
    def is_synthetic(self) -> bool:
        """Of the restaurant that the platform's own synthetic caller rings: the database has marked it."""
        return self.extensions.get("synthetic") == "true"

    def with_extensions(self, extensions: Mapping[str, str]) -> Event:
        """The same event, with ``extensions`` added or replaced."""
        if not extensions:
            return self
        return msgspec.structs.replace(self, extensions={**self.extensions, **extensions})


def parse(headers: Mapping[str, str], body: bytes) -> Event:
    """The event of an HTTP request or response, in binary or structured mode. Header names may have any case.

    Raises BadEvent, and nothing else, for whatever is not one valid event.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    content_type = lowered.get("content-type", "").strip()
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type.startswith(BATCH_CONTENT_TYPE):
        raise BadEvent("content-type: batches are not taken; send one event per request")
    if media_type.startswith("application/cloudevents"):
        if media_type != STRUCTURED_CONTENT_TYPE:
            raise BadEvent(f"content-type: {media_type} is not taken; send {STRUCTURED_CONTENT_TYPE}")
        attributes, data = _read_structured(body)
    else:
        attributes, data = _read_binary(lowered, media_type, body)
    time = None
    if "time" in attributes:
        try:
            time = msgspec.convert(attributes["time"], datetime)
        except msgspec.ValidationError:
            raise BadEvent("time: expected RFC 3339, as 2026-11-21T10:00:00Z") from None
    _check(attributes, time)
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        data=data,
        subject=attributes.get("subject", ""),
        time=time,
        dataschema=attributes.get("dataschema", ""),
        extensions={name: value for name, value in attributes.items() if name not in CONTEXT},
    )


def to_binary(event: Event) -> tuple[dict[str, str], bytes]:
    """``(headers, body)`` in binary mode; header values are ASCII. Raises BadEvent if the event breaks the rules."""
    headers = {_PREFIX + name: quote(value, safe=_SAFE) for name, value in _attributes(event).items()}
    headers["content-type"] = JSON_CONTENT_TYPE
    return headers, b"" if event.data is None else msgspec.json.encode(event.data)


def to_structured(event: Event) -> tuple[dict[str, str], bytes]:
    """``(headers, body)`` in structured mode. Raises BadEvent if the event breaks the rules."""
    document: dict[str, object] = dict(_attributes(event))
    document["datacontenttype"] = JSON_CONTENT_TYPE
    if event.data is not None:
        document["data"] = event.data
    return {"content-type": STRUCTURED_CONTENT_TYPE}, msgspec.json.encode(document)


def _read_binary(headers: Mapping[str, str], media_type: str, body: bytes) -> tuple[dict[str, str], Any]:
    attributes = {
        name.removeprefix(_PREFIX): _header_value(name, value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    if not attributes:
        raise BadEvent(f"specversion: no ce-* headers, and the content type is not {STRUCTURED_CONTENT_TYPE}")
    if "datacontenttype" in attributes:
        raise BadEvent("datacontenttype: in binary mode it is sent as content-type, not as ce-datacontenttype")
    _require_json(media_type)
    return attributes, _json("data", body) if body else None


def _header_value(name: str, value: str) -> str:
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if not value.isascii():
        raise BadEvent(f"{name}: percent-encode what is not ASCII")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise BadEvent(f"{name}: percent-encoded bytes are not UTF-8") from None


def _read_structured(body: bytes) -> tuple[dict[str, str], Any]:
    document = _json("body", body)
    if not isinstance(document, dict):
        raise BadEvent(f"body: expected one event as a JSON object, got a JSON {_json_kind(document)}")
    data = document.pop("data", None)
    encoded = document.pop("data_base64", None)
    attributes = {name: _canonical(name, value) for name, value in document.items() if value is not None}
    _require_json(attributes.pop("datacontenttype", "").split(";", 1)[0].strip().lower())
    if encoded is None:
        return attributes, data
    if data is not None:
        raise BadEvent("data_base64: cannot stand beside data")
    try:
        return attributes, _json("data_base64", base64.b64decode(encoded, validate=True))
    except (TypeError, ValueError) as error:
        if isinstance(error, BadEvent):
            raise
        raise BadEvent("data_base64: not base64") from None


def _canonical(name: str, value: object) -> str:
    """An attribute's value in its canonical string form; JSON allows it to be a string, a boolean or an integer."""
    if isinstance(value, str):
        return value
    if name in CONTEXT or not isinstance(value, int):
        raise BadEvent(f"{name}: expected a string, got a JSON {_json_kind(value)}")
    return str(value).lower()


def _json_kind(value: object) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return kinds.get(type(value), "null")


def _json(name: str, text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadEvent(f"{name}: {error}") from None


def _require_json(media_type: str) -> None:
    """No content type is taken for JSON: the data is parsed as such, or refused."""
    if media_type and not _JSON_MEDIA_TYPE.fullmatch(media_type):
        raise BadEvent(f"content-type: data has to be {JSON_CONTENT_TYPE}, not {media_type}")


def _attributes(event: Event) -> dict[str, str]:
    """The attributes of an event to be sent, as strings, checked; without ``datacontenttype``."""
    attributes = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.subject:
        attributes["subject"] = event.subject
    if event.dataschema:
        attributes["dataschema"] = event.dataschema
    attributes.update(event.extensions)
    _check(attributes, event.time)
    if event.time is not None:
        attributes["time"] = event.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return attributes


def _check(attributes: Mapping[str, str], time: datetime | None) -> None:
    """The SDK's rules for attributes, and those it leaves out: control characters, names, a missing id."""
    for name in ("id", "source", "type", "specversion"):
        if name not in attributes:
            raise BadEvent(f"{name}: missing; every event has one")
    for name, value in attributes.items():
        if not NAME.fullmatch(name):
            raise BadEvent(f"{name!r}: an attribute's name is lower-case ASCII letters and digits")
        if _CONTROL.search(value):
            raise BadEvent(f"{name}: control characters and lone surrogates are not allowed")
    typed: dict[str, Any] = dict(attributes)  # the SDK writes into the dict it is given
    typed.pop("time", None)
    if time is not None:
        typed["time"] = time
    try:
        CloudEvent(typed, None)
    except CloudEventValidationError as error:
        name, problems = next(iter(error.errors.items()))
        raise BadEvent(f"{name}: {problems[0]}") from None
