"""What the API has, a module a resource; importing one puts its operations on the list."""

from web.api.resources import access, calls, events, lines, menus, orders, reservations, restaurants

__all__ = ["access", "calls", "events", "lines", "menus", "orders", "reservations", "restaurants"]
