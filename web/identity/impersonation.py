"""The platform's own staff inside a restaurant: seen on every page, written into its log, over by itself.

Only where the platform's pages are (``web.platform.pages``). Without a reason they may look and change nothing.
``POST impersonation.begin`` with ``restaurant_id`` and perhaps a ``reason`` begins it, or gives the reason later; each
is an entry in the restaurant's own log.
"""

import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
from flask import Blueprint, Flask, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from stores import audit, sessions
from stores.postgres import Connection
from web import context
from web.access import platform
from web.identity import accounts

blueprint = Blueprint("impersonation", __name__, url_prefix="/admin/impersonation")

LENGTH = timedelta(minutes=30)
LONGEST_REASON = 300


def attach(app: Flask) -> None:
    """Every page can show whose restaurant is looked into, without asking Postgres for it."""

    @app.context_processor
    def banner() -> dict[str, object]:
        member = accounts.known()
        acting = member.acting if member else None
        minutes = max(1, round((acting.until - datetime.now(UTC)).total_seconds() / 60)) if acting else 0
        return {"acting": acting, "acting_minutes": minutes, "longest_reason": LONGEST_REASON}


@blueprint.post("")
@platform
def begin() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    try:
        restaurant_id = str(uuid.UUID(request.form.get("restaurant_id", "")))
    except ValueError:
        abort(400)

    async def work(connection: Connection) -> None:
        await sessions.act_in(connection, member.id, member.session_id, restaurant_id, reason=reason, length=LENGTH)
        actor = audit.Actor(audit.SUPPORT, acting_for=member.email)
        await audit.record(connection, restaurant_id, actor, "support.entered", after={"reason": reason})

    try:
        context.database().tenant(restaurant_id, work)
    except asyncpg.ForeignKeyViolationError:
        abort(404)
    return redirect(url_for("overview.show", restaurant_id=restaurant_id), 303)


@blueprint.post("/end")
@platform
def end() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    acting = member.acting
    if acting is not None:

        async def work(connection: Connection) -> None:
            await sessions.act_in(connection, member.id, member.session_id, None, reason="", length=LENGTH)
            actor = audit.Actor(audit.SUPPORT, acting_for=member.email)
            await audit.record(connection, acting.restaurant_id, actor, "support.left")

        context.database().tenant(acting.restaurant_id, work)
    return redirect(url_for("login.home"), 303)
