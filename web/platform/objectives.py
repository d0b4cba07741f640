"""The service's objectives: what share was good, what is left of the budget, what burned it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from process.prometheus import Prometheus
from stores import objectives
from web.access import platform
from web.platform.pages import everywhere, platform_blueprint
from web.words import _

blueprint = platform_blueprint("objectives", __name__)

SPANS = (1, 7, 30)
PROMETHEUS = "alloresto.prometheus"


@blueprint.get("/objectives")
@platform
def index() -> ResponseReturnValue:
    asked = request.args.get("days", type=int)
    days = asked if asked in SPANS else 30
    now = datetime.now(UTC)
    prometheus: Prometheus | None = current_app.extensions[PROMETHEUS]
    found = objectives.readings(prometheus, days, now)
    calls = everywhere(lambda connection: objectives.unserved(connection, now - timedelta(days=days)))
    return render_template(
        "platform/objectives.html",
        readings=found,
        calls=calls,
        days=days,
        spans=SPANS,
        titles={
            "availability": _("Calls served"),
            "recognition": _("Turns written down within 200 ms"),
            "response": _("Replies within 500 ms"),
            "errors": _("Turns that could be written down"),
            "processor": _("Nodes' processor below 70 %"),
            "memory": _("Nodes' memory below 70 %"),
        },
        reasons={
            objectives.NO_PROMETHEUS: _("no Prometheus is named (PROMETHEUS_URL)"),
            objectives.NO_SERIES: _("no data"),
        },
    )
