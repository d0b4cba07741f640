"""Whose page this is. Every restaurant's URL starts with ``/place/<its id>``; only its members get past here.

A restaurant of others, one that does not exist and an id of others inside one's own restaurant all answer 404:
nobody learns from the difference. Views then reach data through ``in_restaurant`` alone, which sees no other
restaurant's rows.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from flask import Blueprint, Flask, abort, current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from domain.restaurant import Restaurant
from stores import audit as audit_log
from stores import restaurants
from stores.postgres import Connection
from web import context, words
from web.access import MANAGERS, may
from web.database import Work
from web.identity import accounts
from web.identity.accounts import Member
from web.place import navigation
from web.words import _

T = TypeVar("T")


def attach(app: Flask) -> None:
    """Links inside a restaurant's pages stay inside it."""
    app.add_template_filter(words.who, "who")

    @app.url_defaults
    def same_restaurant(endpoint: str, values: dict[str, Any]) -> None:
        if "restaurant_id" in g and current_app.url_map.is_endpoint_expecting(endpoint, "restaurant_id"):
            values.setdefault("restaurant_id", g.restaurant_id)


def restaurant_blueprint(name: str, import_name: str) -> Blueprint:
    """A blueprint under ``/place/<restaurant_id>/`` for members only; its views don't take the id as an argument."""
    blueprint = Blueprint(name, import_name, url_prefix="/place/<uuid:restaurant_id>")

    @blueprint.url_value_preprocessor
    def take_id(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values is not None:
            g.restaurant_id = str(values.pop("restaurant_id"))

    @blueprint.before_request
    def members_only() -> ResponseReturnValue | None:
        restaurant_id = g.restaurant_id
        member, found = accounts.current_with(restaurant_id, lambda c: restaurants.get(c, restaurant_id))
        if member is None:
            return accounts.unauthorized()
        g.member = member
        g.membership = member.membership(g.restaurant_id)
        if g.membership is None:
            abort(404)
        if not may(request.endpoint, g.membership.role):
            abort(403)
        acting = member.acting if member.is_acting_in(g.restaurant_id) else None
        if acting is not None and not acting.reason and request.method not in ("GET", "HEAD"):
            detail = _("As support you may look here. To change something, give the reason in the banner first.")
            return render_template("error.html", title=_("Not without a reason"), detail=detail), 403
        g.restaurant = found
        return None

    @blueprint.context_processor
    def page() -> dict[str, object]:
        if "restaurant" not in g:
            return {}
        if "member" not in g:  # a live page's fragment is drawn for every member of a role at once
            return {"restaurant": g.restaurant, "can_edit": may_edit()}
        return {
            "restaurant": g.restaurant,
            "memberships": g.member.memberships,
            "member_email": g.member.email,
            "membership_role": g.membership.role,
            "can_edit": may_edit(),
            "navigation": navigation.sections(g.membership.role),
        }

    return blueprint


def in_restaurant(work: Work[T]) -> T:
    """``work(connection)`` in one transaction that sees the request's restaurant only. Raises UnavailableError."""
    return context.database().tenant(g.restaurant_id, work)


def figures_of_restaurant(work: Work[T]) -> T:
    """``in_restaurant`` for what only reads, and may read a moment that is seconds ago (``Database.analytics``)."""
    return context.database().analytics(g.restaurant_id, work)


def restaurant() -> Restaurant:
    """The request's restaurant."""
    return cast(Restaurant, g.restaurant)


def member() -> Member:
    """Who sends the request."""
    return cast(Member, g.member)


def may_edit() -> bool:
    """Whether the member's role may change how the restaurant sells; everybody in the kitchen may 86 an item."""
    return g.membership.role in MANAGERS


def actor() -> audit_log.Actor:
    """Who does this, for the log."""
    acting: audit_log.Actor = g.member.as_actor(g.restaurant_id)
    return acting


def audit(connection: Connection, action: str, **what: Any) -> Awaitable[None]:
    """Write who does this (``stores.audit.record``), in the transaction of the change."""
    return audit_log.record(connection, g.restaurant_id, actor(), action, **what)
