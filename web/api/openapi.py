"""The OpenAPI 3.1 document, made from the operations and their types."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from web.api import scopes
from web.api.operations import PREFIX, REGISTRY, Nothing, Operation
from web.api.problems import CONTENT_TYPE, TITLES, ProblemDocument
from web.api.serving import JSON, problem_kinds

VERSION = "1.0.0"
_REFERENCE = "#/components/schemas/{name}"
_UUID = {"type": "string", "format": "uuid"}

_DESCRIPTION = """\
Restaurants, menus, orders, reservations, calls and phone lines, for other programs.

Send `Authorization: Bearer` with a token of the restaurant's integrations page, or with the short-lived access token
that `POST /auth/token` gives a member. Money is integer cents, VAT included; times are RFC 3339 in UTC; lists come a
page at a time. A `POST` with an `Idempotency-Key` has its effect once, however often it is sent within 24 hours.
Refusals are RFC 9457 problems.
"""
_RATE_HEADERS = {
    "RateLimit-Policy": {
        "description": "How many requests (`q`) in how many seconds (`w`).",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "How many requests are left (`r`), and for how many seconds (`t`).",
        "schema": {"type": "string"},
    },
}


@functools.cache
def document() -> dict[str, Any]:
    """The whole document, as JSON can hold it."""
    operations = REGISTRY.operations
    types = [kind for one in operations for kind in (one.answer, one.body) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, ProblemDocument], ref_template=_REFERENCE)
    by_type = dict(zip(map(id, types), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AlloResto",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {_response_name(kind): _problem(kind) for kind in TITLES},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "\n".join(f"- `{scope}`: {scopes.DESCRIPTIONS[scope]}" for scope in scopes.SCOPES),
                }
            },
        },
    }


def text() -> bytes:
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


def _operation(one: Operation, schemas: dict[int, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary,
        "parameters": [*map(_in_path, one.parameters), *_in_query(one), *_in_headers(one)],
        "responses": _responses(one, schemas),
        "security": [] if one.public else [{"token": [one.scope] if one.scope else []}],
    }
    if one.description:
        described["description"] = one.description
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[id(one.body)]}}}
    return described


def _in_path(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 128} if name == "callId" else _UUID
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(one: Operation) -> list[dict[str, Any]]:
    if one.query is Nothing:
        return []
    (_,), components = msgspec.json.schema_components([one.query], ref_template=_REFERENCE)
    (schema,) = components.values()
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _in_headers(one: Operation) -> list[dict[str, Any]]:
    found = []
    if one.takes_key:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )
    if one.if_match:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of what was seen.",
                "schema": {"type": "string"},
            }
        )
    return found


def _responses(one: Operation, schemas: dict[int, dict[str, Any]]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done.", "headers": dict(_RATE_HEADERS)}
    if one.location:
        good["headers"]["Location"] = {"description": "What was made.", "schema": {"type": "string"}}
    if one.answer is not None:
        good["content"] = {JSON: {"schema": schemas[id(one.answer)]}}
    responses: dict[str, Any] = {str(one.status): good}
    for kind in problem_kinds(one):
        status = str(TITLES[kind][0])
        # Two kinds of one status have one answer here: their type tells them apart.
        responses.setdefault(status, {"$ref": f"#/components/responses/{_response_name(kind)}"})
    return responses


def _response_name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("-"))


def _problem(kind: str) -> dict[str, Any]:
    return {
        "description": TITLES[kind][1] + ".",
        "content": {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(name=ProblemDocument.__name__)}}},
    }
