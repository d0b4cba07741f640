"""Who may use a view. Each says it with a decorator under its route; with a silent view the application does not start.

``anyone`` needs no account; ``signed_in`` needs one; ``platform`` is for the platform's own staff. The others are for
members of the restaurant in the URL: ``staff`` means every member, ``managers`` managers and owners, ``owners`` owners.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, current_app

from stores.users import MemberRole

View = TypeVar("View", bound=Callable[..., Any])
Rule = Literal["anyone", "signed_in", "platform"] | frozenset[MemberRole]

STAFF: frozenset[MemberRole] = frozenset({"staff", "manager", "owner"})
MANAGERS: frozenset[MemberRole] = frozenset({"manager", "owner"})
OWNERS: frozenset[MemberRole] = frozenset({"owner"})

_RULE = "alloresto_access"


def _allowing(rule: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        setattr(view, _RULE, rule)
        return view

    return decorate


anyone = _allowing("anyone")
signed_in = _allowing("signed_in")
platform = _allowing("platform")
staff = _allowing(STAFF)
managers = _allowing(MANAGERS)
owners = _allowing(OWNERS)


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
        if isinstance(rule, frozenset) != ("restaurant_id" in route.arguments):
            raise RuntimeError(f"{route.endpoint}: {rule} does not fit {route.rule}")
        if (rule == "platform") != route.rule.startswith("/admin"):
            raise RuntimeError(f"{route.endpoint}: {rule} does not fit {route.rule}: /admin is the platform's staff's")


def may(endpoint: str | None, role: MemberRole) -> bool:
    """Whether a member with this role may use a restaurant's view."""
    rule = rule_of(current_app, endpoint) if endpoint else None
    return isinstance(rule, frozenset) and role in rule
