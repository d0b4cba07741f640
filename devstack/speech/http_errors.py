"""Errors as OpenAI's HTTP API has them."""

from __future__ import annotations

import msgspec

from process.asgi import Response


def error_response(status: int, message: str, kind: str, code: str, param: str | None = None) -> Response:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Response(status, msgspec.json.encode(body), {"content-type": "application/json"})
