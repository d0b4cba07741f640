"""Who gets to ``/admin``, and what its pages share.

Their rule (``web.access.platform``) lets nobody else in: to others who are logged in no such page exists. They read
through ``everywhere`` alone, on a role of its own (PLATFORM_DATABASE_URL). A process without it has no ``/admin``
at all, so the pages of restaurants can run where nothing can see more than one of them.
"""

from collections.abc import Awaitable
from datetime import UTC
from typing import Any, TypeVar

from flask import Blueprint, Flask, render_template
from flask.typing import ResponseReturnValue

from process.prometheus import Prometheus
from stores import audit as audit_log
from stores.postgres import Connection
from web import context, formats, language, words
from web.database import Work
from web.identity import accounts
from web.place.navigation import Link
from web.settings import WebSettings
from web.words import _

T = TypeVar("T")

SOURCE = "/web/platform"  # of the events that these pages emit
# What staff look at has no restaurant's zone: of every time the zone is told.
ZONE = "UTC"


def attach(app: Flask, configuration: WebSettings) -> None:
    """Register every area, in the order of the bar."""
    from web.platform import (
        calls,
        costs,
        infrastructure,
        letters,
        objectives,
        people,
        pods,
        record,
        status,
        tenants,
        tokens,
    )

    app.extensions[infrastructure.PODS] = pods.for_environment(
        configuration.local_runtime_url, configuration.handler_namespace
    )
    prometheus = configuration.prometheus_url
    app.extensions[objectives.PROMETHEUS] = Prometheus(prometheus) if prometheus else None
    app.add_template_filter(lambda amount: formats.dollars(amount, language.current()), "dollars")
    app.add_template_filter(lambda day: formats.date_of(day, language.current()), "date")
    app.add_template_filter(lambda moment: f"{moment.astimezone(UTC):%H:%M:%S}", "seconds")
    for area in (tenants, infrastructure, calls, letters, costs, objectives, status, people, tokens, record):
        app.register_blueprint(area.blueprint)


def platform_blueprint(name: str, import_name: str) -> Blueprint:
    """A blueprint under ``/admin`` for the platform's staff only."""
    blueprint = Blueprint(name, import_name, url_prefix="/admin")

    @blueprint.context_processor
    def page() -> dict[str, object]:
        member = accounts.current()
        if member is None:
            return {}
        roles = words.roles()
        return {"navigation": _links(), "member_email": member.email, "zone": ZONE, "roles": roles}

    return blueprint


def _links() -> tuple[Link, ...]:
    return (
        Link("tenants.index", _("Restaurants")),
        Link("infrastructure.show", _("Infrastructure")),
        Link("platform_calls.index", _("Calls")),
        Link("letters.index", _("Dead letters")),
        Link("costs.index", _("Costs")),
        Link("objectives.index", _("Objectives")),
        Link("platform_status.index", _("Status page")),
        Link("people.index", _("People")),
        Link("platform_tokens.index", _("Tokens")),
        Link("record.index", _("Audit log")),
    )


def everywhere(work: Work[T]) -> T:
    """``work(connection)`` in one transaction that sees every restaurant. Raises UnavailableError."""
    return context.database().platform(work)


def audit(connection: Connection, action: str, restaurant_id: str | None = None, **what: Any) -> Awaitable[None]:
    """Write who does this (``stores.audit.record``), in the transaction of the change."""
    return audit_log.record(
        connection, restaurant_id, audit_log.Actor(accounts.signed_in_member().email), action, **what
    )


def password_page(email: str, password: str, onwards: str) -> ResponseReturnValue:
    """Tells a new password once, in the answer itself: a redirect would have to carry it in a cookie."""
    return render_template("platform/password.html", email=email, password=password, onwards=onwards)
