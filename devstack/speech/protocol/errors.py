"""Errors in OpenAI's words and codes: events on the Realtime socket, which stays open, and HTTP answers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from process.asgi import Response

_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]+)`)?$", re.DOTALL)
_FIELD = re.compile(r"field `(?P<name>[^`]+)`")


class ProtocolError(Exception):
    """Told to the client as an ``error`` event. ``param`` is the path of the field that is wrong."""

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.param = message, code, param

    def body(self, event_id: str | None) -> dict[str, Any]:
        """The ``error`` object; ``event_id`` is the client event's own, echoed."""
        return {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def error_response(status: int, message: str, kind: str, code: str, param: str | None = None) -> Response:
    """The body of OpenAI's HTTP API, of which the type (``kind``) is the coarse class and the code the exact one."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Response(status, msgspec.json.encode(body), {"content-type": "application/json"})


def from_validation(error: msgspec.ValidationError, root: str) -> ProtocolError:
    """What msgspec found in the object at ``root`` (``session``, ``item``…), in OpenAI's words and codes."""
    found = _WHERE.match(str(error))
    what, path = (found["what"], found["path"] or "$") if found else (str(error), "$")
    param = path.replace("$", root, 1).lstrip(".")
    field = _FIELD.search(what)
    if field and "missing" in what:
        param = f"{param}.{field['name']}".lstrip(".")
        return ProtocolError(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    if field and "unknown" in what:
        param = f"{param}.{field['name']}".lstrip(".")
        return ProtocolError(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)
    if what.startswith("Expected `") and "got `" in what and not re.search(r"[<>]=|length", what):
        return ProtocolError(f"Invalid type for '{param}': {_lowered(what)}.", code="invalid_type", param=param)
    return ProtocolError(f"Invalid value for '{param}': {_lowered(what)}.", code="invalid_value", param=param)


def _lowered(what: str) -> str:
    return what[:1].lower() + what[1:]
