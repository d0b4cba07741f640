"""What the menu's pages share: their blueprint, how they read the menu and how they change it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from flask import abort, request

from domain.menu import Menu
from eventing import menus as menu_changes
from eventing.menus import Changed
from stores import menu_versions, menus
from stores.errors import NotFoundError
from stores.postgres import Connection
from web.place.tenancy import actor, in_restaurant, restaurant, restaurant_blueprint

SOURCE = "/web"

blueprint = restaurant_blueprint("menu", "web.place.menu")


class Known(NamedTuple):
    """``version`` is the newest one's number."""

    menu: Menu
    version: int


def load() -> Known:
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> Known:
        return Known(
            await menus.load(connection, restaurant_id),
            await menu_versions.newest_number(connection, restaurant_id),
        )

    return in_restaurant(work)


def change(
    edit: Callable[[Menu], Menu],
    reason: str,
    subject: str = "",
    *,
    before: Callable[[Connection], Awaitable[None]] | None = None,
) -> Changed:
    """Change the menu as ``eventing.menus.change`` does; ``before`` is done first, in the same transaction.

    Ends the request with 404 for what is not there (LookupError). Raises InvalidMenuError.
    """
    restaurant_id, who = restaurant().id, actor()

    async def work(connection: Connection) -> Changed:
        if before is not None:
            await before(connection)
        return await menu_changes.change(
            connection, restaurant_id, who, edit, reason=reason, source=SOURCE, subject=subject
        )

    try:
        return in_restaurant(work)
    except (NotFoundError, LookupError):
        abort(404)


def by_script() -> bool:
    """Whether a script asks, which wants the part of the page that changed and not a page."""
    return "HX-Request" in request.headers
