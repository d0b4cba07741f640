"""The API's blueprint: its operations and its own description."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from web.access import anyone
from web.api import openapi, resources, serving
from web.api.operations import PREFIX, REGISTRY

__all__ = ["blueprint", "resources"]

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
serving.routes(blueprint, REGISTRY)


@blueprint.get("/openapi.json")
@anyone
def description() -> ResponseReturnValue:
    return Response(openapi.text(), content_type="application/json", headers={"Cache-Control": "max-age=300"})
