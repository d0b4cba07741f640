"""What a token may do, by name; and what a member may do in their restaurant by role."""

from __future__ import annotations

from typing import Literal, get_args

from stores.users import MemberRole

Scope = Literal[
    "restaurants:create",
    "restaurant:read",
    "restaurant:write",
    "menu:read",
    "menu:availability",
    "menu:write",
    "orders:read",
    "orders:write",
    "reservations:read",
    "reservations:write",
    "calls:read",
    "calls:transcript",
    "lines:read",
    "lines:write",
    "events:read",
    "personal",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

DESCRIPTIONS: dict[Scope, str] = {
    "restaurants:create": "Create restaurants with their phone lines. Tokens of the platform only.",
    "restaurant:read": "Read the restaurant's address, hours and rules.",
    "restaurant:write": "Change the restaurant's address, hours and rules.",
    "menu:read": "Read the menu.",
    "menu:availability": "Take items off the menu for today and put them back.",
    "menu:write": "Change the menu and its prices.",
    "orders:read": "Read orders.",
    "orders:write": "Move orders on: in preparation, ready, done, cancelled.",
    "reservations:read": "Read reservations.",
    "reservations:write": "Make and cancel reservations.",
    "calls:read": "Read calls: when, how long, how they ended.",
    "calls:transcript": "Read what was said in a call.",
    "lines:read": "Read phone lines and whether they are registered.",
    "lines:write": "Add phone lines and switch them on and off.",
    "events:read": "Read what has happened in the restaurant.",
    "personal": "See callers' names, numbers and addresses in what the other scopes allow.",
}
OF_THE_PLATFORM: frozenset[Scope] = frozenset({"restaurants:create"})
OF_RESTAURANTS: tuple[Scope, ...] = tuple(scope for scope in SCOPES if scope not in OF_THE_PLATFORM)

_STAFF: frozenset[Scope] = frozenset(
    {
        "restaurant:read",
        "menu:read",
        "menu:availability",
        "orders:read",
        "orders:write",
        "reservations:read",
        "reservations:write",
        "calls:read",
        "calls:transcript",
        "lines:read",
        "events:read",
        "personal",
    }
)
_MANAGERS: frozenset[Scope] = _STAFF | {"restaurant:write", "menu:write"}

OF_ROLE: dict[MemberRole, frozenset[Scope]] = {
    "staff": _STAFF,
    "manager": _MANAGERS,
    "owner": _MANAGERS | {"lines:write"},
}
"""The same as on the pages: what a role may not change there, it may not change here."""
