"""CloudEvents as a broker handles them: attributes and an opaque body, in binary or structured mode.

The body is never decoded: a broker hands on what it was given, byte for byte.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

REQUIRED = ("id", "source", "type", "specversion")
_STRUCTURED = "application/cloudevents+json"
_PREFIX = "ce-"


class NotAnEventError(ValueError):
    """Says what an event lacks."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """``attributes`` are the context attributes and extensions, without ``datacontenttype``."""

    attributes: Mapping[str, str]
    content_type: str
    body: bytes

    @property
    def kind(self) -> str:
        return self.attributes["type"]

    @property
    def id(self) -> str:
        return self.attributes["id"]

    def with_attributes(self, added: Mapping[str, str]) -> "Envelope":
        return replace(self, attributes=dict(self.attributes) | dict(added))

    def headers(self) -> dict[str, str]:
        """Binary-mode headers."""
        headers = {f"{_PREFIX}{name}": _quoted(value) for name, value in self.attributes.items()}
        if self.content_type:
            headers["content-type"] = self.content_type
        return headers


def read_envelope(headers: Mapping[str, str], body: bytes) -> Envelope:
    """From a request or an answer (header names in any case). Raises NotAnEventError."""
    lowered = {name.lower(): value for name, value in headers.items()}
    content_type = lowered.get("content-type", "")
    if content_type.lower().startswith(_STRUCTURED):
        envelope = _structured(body)
    else:
        attributes = {
            name.removeprefix(_PREFIX): unquote(value) for name, value in lowered.items() if name.startswith(_PREFIX)
        }
        envelope = Envelope(attributes, content_type, body)
    missing = [name for name in REQUIRED if not envelope.attributes.get(name)]
    if missing:
        raise NotAnEventError(f"not a CloudEvent: no {', '.join(missing)}")
    return envelope


def _structured(body: bytes) -> Envelope:
    try:
        fields = json.loads(body)
    except ValueError:
        raise NotAnEventError("not a CloudEvent: the structured body is not JSON") from None
    if not isinstance(fields, dict):
        raise NotAnEventError("not a CloudEvent: the structured body is not an object")
    content_type = str(fields.pop("datacontenttype", "application/json"))
    try:
        data = _data(fields, content_type)
    except ValueError:
        raise NotAnEventError("not a CloudEvent: data_base64 is not base64") from None
    attributes = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if name not in ("data", "data_base64")
    }
    return Envelope(attributes, content_type if data else "", data)


def _data(fields: Mapping[str, Any], content_type: str) -> bytes:
    if "data_base64" in fields:
        return base64.b64decode(fields["data_base64"], validate=True)
    if "data" not in fields:
        return b""
    if isinstance(fields["data"], str) and "json" not in content_type:
        return fields["data"].encode()
    return json.dumps(fields["data"], separators=(",", ":"), ensure_ascii=False).encode()


def _quoted(value: str) -> str:
    """The HTTP binding's percent-encoding: space, double quote, percent, and all but printable ASCII."""
    return "".join(
        char if "!" <= char <= "~" and char not in '"%' else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in value
    )
