"""The menu as the callers hear it, and everything that changes it."""

from web.place.menu import categories, groups, items, ordering, shelf, versions
from web.place.menu.area import blueprint

__all__ = ["blueprint", "categories", "groups", "items", "ordering", "shelf", "versions"]
