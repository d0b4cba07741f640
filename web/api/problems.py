"""What is answered instead: RFC 9457 problems, which name the field and say what is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from flask import Response
from werkzeug.exceptions import HTTPException

CONTENT_TYPE = "application/problem+json"

_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class FieldError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong with one field: ``pointer`` (RFC 6901) in the body, ``parameter`` in the query or headers."""

    detail: str
    pointer: str = ""
    parameter: str = ""


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457. ``type`` is stable, for programs; ``detail`` is for people.

    ``alternatives`` are the nearest times at which what was asked for can be had.
    """

    type: str
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    alternatives: tuple[datetime, ...] = ()


TITLES = {
    "malformed": (400, "The request can't be read"),
    "unauthorized": (401, "No valid token"),
    "forbidden": (403, "The token does not allow this"),
    "not-found": (404, "There is no such resource"),
    "method-not-allowed": (405, "The resource does not have this method"),
    "conflict": (409, "The resource is not in a state for this"),
    "changed-meanwhile": (412, "The resource has changed meanwhile"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body is not JSON"),
    "invalid": (422, "A field is not valid"),
    "key-reused": (422, "The idempotency key was used for another request"),
    "condition-missing": (428, "The request needs If-Match"),
    "too-many-requests": (429, "Too many requests"),
    "failed": (500, "The request failed"),
    "unavailable": (503, "A part of the service does not answer"),
}
_BY_STATUS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    503: "unavailable",
}


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Ends the request with this problem. ``kind`` is a key of TITLES."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *errors: FieldError,
        headers: Mapping[str, str] | None = None,
        alternatives: tuple[datetime, ...] = (),
    ) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.alternatives = alternatives


def invalid(pointer: str, detail: str) -> Problem:
    """One field of the body is not valid; ``pointer`` is like ``/lines/0/number``."""
    return Problem("invalid", "", FieldError(pointer=pointer, detail=detail))


def not_found(what: str) -> Problem:
    return Problem("not-found", f"There is no such {what}, or the token is not for it.")


def of_validation(error: msgspec.ValidationError, *, parameters: bool = False) -> Problem:
    """The problem that msgspec's message tells of: its path is at the end, as ``$.lines[0].number``."""
    message = str(error)
    found = _AT.search(message)
    path = "" if found is None else found["path"]
    steps = [name or index for name, index in _STEP.findall(path)]
    detail = message if found is None else message[: found.start()]
    if parameters:
        return Problem("invalid", "", FieldError(parameter=steps[0] if steps else "", detail=detail))
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Problem("invalid", "", FieldError(pointer="".join(f"/{step}" for step in escaped), detail=detail))


def answer(problem: Problem) -> Response:
    status, title = TITLES[problem.kind]
    document = ProblemDocument(
        type=f"urn:alloresto:problem:{problem.kind}",
        title=title,
        status=status,
        detail=problem.detail,
        errors=problem.errors,
        alternatives=problem.alternatives,
    )
    return Response(msgspec.json.encode(document), status, problem.headers, content_type=CONTENT_TYPE)


def of_http(error: HTTPException) -> Response:
    """What Flask itself refuses: an unknown path, another method, a body that is too long."""
    code = error.code or 500
    kind = _BY_STATUS.get(code, "malformed" if code < 500 else "failed")
    response = answer(Problem(kind, error.description or ""))
    response.status_code = code
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response
