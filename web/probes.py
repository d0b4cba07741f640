"""``/health``, ``/health/ready`` and ``/metrics``: for the platform's probes, without a session and without secrets."""

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from stores.postgres import NO_RESTAURANT, Connection
from web import context, metrics
from web.access import anyone
from web.database import UnavailableError

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
        database.redis(lambda redis: redis.ping())
    except UnavailableError as error:
        missing["redis"] = f"{error}; check REDIS_URL and that the server runs"
    state = "waiting" if missing else "ready"
    return jsonify(status=state, service="web", missing=missing), 503 if missing else 200


@blueprint.get("/metrics")
@anyone
def scrape() -> Response:
    return metrics.render()
