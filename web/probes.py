"""``/health``, ``/health/ready`` and ``/metrics``, without a session.

The metrics, and what is missing when the admin is not ready, are told at the operations port only (WEB_METRICS_PORT),
to which no ingress leads.
"""

from flask import Blueprint, abort, jsonify, request
from flask.typing import ResponseReturnValue

from stores import status
from stores.postgres import NO_RESTAURANT, Connection
from web import context, metrics
from web.access import anyone
from web.database import UnavailableError
from web.serving.wsgi import OPERATIONS

blueprint = Blueprint("probes", __name__)


@blueprint.get("/health")
@anyone
def live() -> ResponseReturnValue:
    return jsonify(status="live", service="web")


@blueprint.get("/health/ready")
@anyone
def ready() -> ResponseReturnValue:
    missing: dict[str, str] = {}
    database = context.database()

    async def ping(connection: Connection) -> None:
        await connection.execute("select 1")

    try:
        database.tenant(NO_RESTAURANT, ping)
    except UnavailableError as error:
        missing["postgres"] = f"{error}; check DATABASE_URL and that the server runs"
    try:
        database.redis(status.say_admin_is_ready)  # for the status page, and a ping
    except UnavailableError as error:
        missing["redis"] = f"{error}; check REDIS_URL and that the server runs"
    said = "waiting" if missing else "ready"
    told = {"missing": missing} if _operations() else {}
    return jsonify(status=said, service="web", **told), 503 if missing else 200


@blueprint.get("/metrics")
@anyone
def scrape() -> ResponseReturnValue:
    return metrics.render() if _operations() else abort(404)


@blueprint.before_app_request
def nothing_else_at_the_operations_port() -> None:
    if _operations() and request.blueprint != blueprint.name:
        abort(404)


def _operations() -> bool:
    return OPERATIONS in request.environ
