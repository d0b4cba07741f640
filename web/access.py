"""Who may use a view. Each says it with a decorator under its route; with a silent view the application does not start.

``anyone`` needs no account; ``signed_in`` needs one; ``platform`` is for the platform's own staff; ``device`` for the
tablets that are paired with the place in the URL, which have no account (``web.device``), and ``unpaired`` for what
they get before, which names nobody. The others are for
members of the restaurant in the URL: ``staff`` means every member, ``managers`` managers and owners, ``owners`` owners.
The API's operations say with which scope a token, or a member's role, opens them: ``with_scope``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask, current_app
from werkzeug.routing import Rule as WerkzeugRule

from stores.users import MemberRole

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ApiScope:
    """Opened by a bearer token with ``scope``; by any valid one where it is empty."""

    scope: str = ""


Rule = Literal["anyone", "signed_in", "platform", "device", "unpaired"] | frozenset[MemberRole] | ApiScope

STAFF: frozenset[MemberRole] = frozenset({"staff", "manager", "owner"})
MANAGERS: frozenset[MemberRole] = frozenset({"manager", "owner"})
OWNERS: frozenset[MemberRole] = frozenset({"owner"})

API = "/api/"

_RULE = "alloresto_access"


def _allowing(rule: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        setattr(view, _RULE, rule)
        return view

    return decorate


anyone = _allowing("anyone")
signed_in = _allowing("signed_in")
platform = _allowing("platform")
device = _allowing("device")
unpaired = _allowing("unpaired")
staff = _allowing(STAFF)
managers = _allowing(MANAGERS)
owners = _allowing(OWNERS)


def with_scope(scope: str) -> Callable[[View], View]:
    return _allowing(ApiScope(scope))


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """What the view says; ``anyone`` for static files. None for a view that says nothing."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return "anyone"
    return getattr(app.view_functions[endpoint], _RULE, None)


def check(app: Flask) -> None:
    """Raises RuntimeError for a view without a rule, and for one whose rule does not fit its URL."""
    for route in app.url_map.iter_rules():
        rule = rule_of(app, route.endpoint)
        if rule is None:
            raise RuntimeError(f"{route.endpoint}: say who may use it (web.access), under its route")
        if not _fits(rule, route):
            raise RuntimeError(f"{route.endpoint}: {rule} does not fit {route.rule}")
        if (rule in ("device", "unpaired")) != ("place_id" in route.arguments):
            raise RuntimeError(f"{route.endpoint}: {rule} does not fit {route.rule}: a device is of one place")
        if (rule == "platform") != route.rule.startswith("/admin"):
            raise RuntimeError(f"{route.endpoint}: {rule} does not fit {route.rule}: /admin is the platform's staff's")


def _fits(rule: Rule, route: WerkzeugRule) -> bool:
    if route.rule.startswith(API):
        return isinstance(rule, ApiScope) or (rule == "anyone" and "restaurant_id" not in route.arguments)
    return not isinstance(rule, ApiScope) and isinstance(rule, frozenset) == ("restaurant_id" in route.arguments)


def may(endpoint: str | None, role: MemberRole) -> bool:
    """Whether a member with this role may use a restaurant's view."""
    rule = rule_of(current_app, endpoint) if endpoint else None
    return isinstance(rule, frozenset) and role in rule
