"""The menu as the callers hear it, and everything that changes it."""

from web.place.menu import categories, exchange, from_till, groups, items, ordering, photos, shelf, versions
from web.place.menu.area import blueprint

__all__ = [
    "blueprint",
    "categories",
    "exchange",
    "from_till",
    "groups",
    "items",
    "ordering",
    "photos",
    "shelf",
    "versions",
]
