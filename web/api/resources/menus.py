"""The menu as callers hear it: read and put whole, items taken off for today and priced one at a time.

Each change goes the one way that the pages' changes go (``eventing.menus``): checked by the menu's rules, with a
version that can be undone, a line in the log and the event that makes the next caller hear it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import asyncpg

from domain.menu import Menu, MenuItem
from eventing import menus as menu_changes
from eventing.menus import InvalidMenuError
from stores import menu_versions, menus
from stores.errors import NotFoundError
from stores.postgres import Connection
from web.api import problems
from web.api.fields import Cents, Currency, Given
from web.api.operations import Asked, Nothing, operation
from web.api.problems import FieldError, Problem
from web.api.resources.menu_document import ItemDocument, MenuGiven, item_shown, menu_read, menu_shown

SOURCE = "/api"
TAG = "Menu"
LONGEST_MENU = 2 * 1024 * 1024


class MenuShape(MenuGiven, frozen=True, kw_only=True):
    """``version`` is its ETag, and grows with each change."""

    version: int
    currency: Currency
    language: str


class ItemChange(Given, frozen=True, kw_only=True):
    available: bool


class SizeChange(Given, frozen=True, kw_only=True):
    price_cents: Cents


def _shape(menu: Menu, version: int) -> MenuShape:
    shown = menu_shown(menu)
    return MenuShape(
        version=version,
        currency=menu.currency,
        language=menu.language,
        categories=shown.categories,
        items=shown.items,
        spare_groups=shown.spare_groups,
    )


@operation("GET", "/restaurants/{restaurantId}/menu", tag=TAG, answer=MenuShape, scope="menu:read", etag="version")
async def get_menu(connection: Connection, asked: Asked[Nothing, None]) -> MenuShape:
    """Show the whole menu.

    Its ETag is its version: send it as If-Match to put another.
    """
    menu = await menus.load(connection, asked.restaurant_id)
    return _shape(menu, await menu_versions.newest_number(connection, asked.restaurant_id))


@operation(
    "PUT",
    "/restaurants/{restaurantId}/menu",
    tag=TAG,
    body=MenuGiven,
    answer=MenuShape,
    scope="menu:write",
    etag="version",
    if_match=True,
    max_body=LONGEST_MENU,
)
async def replace_menu(connection: Connection, asked: Asked[Nothing, MenuGiven]) -> MenuShape:
    """Put the whole menu in the place of the one that was seen.

    What is not in it is gone. Ids that are known stay what they are; new things have new ids of yours.
    """
    await menus.lock(connection, asked.restaurant_id)
    version = await menu_versions.newest_number(connection, asked.restaurant_id)
    if asked.seen not in (str(version), "*"):
        raise Problem("changed-meanwhile", f"The menu is in version {version} now: read it again.")
    try:
        changed = await _change(connection, asked, lambda now: menu_read(asked.body, now), "menu_replaced", "")
    except asyncpg.IntegrityConstraintViolationError:
        raise problems.invalid("", "An id is used twice, is another restaurant's, or names nothing.") from None
    return _shape(await menus.load(connection, asked.restaurant_id), changed)


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/menu/items/{itemId}",
    tag=TAG,
    body=ItemChange,
    answer=ItemDocument,
    scope="menu:availability",
)
async def update_item(connection: Connection, asked: Asked[Nothing, ItemChange]) -> ItemDocument:
    """Take an item off the menu, or put it back.

    The next caller is told within seconds.
    """
    item_id, available = asked.path["itemId"], asked.body.available
    await _change(
        connection,
        asked,
        lambda menu: _with_item(menu, item_id, lambda item: replace(item, available=available, off_until=None)),
        "availability_changed",
        item_id,
    )
    return await _find(connection, asked.restaurant_id, item_id)


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/menu/items/{itemId}/sizes/{sizeId}",
    tag=TAG,
    body=SizeChange,
    answer=ItemDocument,
    scope="menu:write",
)
async def update_size(connection: Connection, asked: Asked[Nothing, SizeChange]) -> ItemDocument:
    """Change the price of one size of an item."""
    item_id, size_id, cents = asked.path["itemId"], asked.path["sizeId"], asked.body.price_cents

    def priced(item: MenuItem) -> MenuItem:
        if size_id not in (size.id for size in item.sizes):
            raise NotFoundError("size", size_id)
        sizes = tuple(replace(one, price_cents=cents) if one.id == size_id else one for one in item.sizes)
        return replace(item, sizes=sizes)

    await _change(connection, asked, lambda menu: _with_item(menu, item_id, priced), "price_changed", item_id)
    return await _find(connection, asked.restaurant_id, item_id)


async def _change(
    connection: Connection,
    asked: Asked[Nothing, ItemChange] | Asked[Nothing, SizeChange] | Asked[Nothing, MenuGiven],
    edit: Callable[[Menu], Menu],
    reason: str,
    subject: str,
) -> int:
    """The newest version's number. Raises Problem, NotFoundError."""
    try:
        changed = await menu_changes.change(
            connection, asked.restaurant_id, asked.client.actor, edit, reason=reason, source=SOURCE, subject=subject
        )
    except InvalidMenuError as error:
        found = (
            FieldError(pointer="", detail=f"{one.kind} {one.name or one.id}: {one.reason}") for one in error.problems
        )
        raise Problem("invalid", "The menu would break its rules.", *found) from None
    return changed.number


def _with_item(menu: Menu, item_id: str, edit: Callable[[MenuItem], MenuItem]) -> Menu:
    if item_id not in (item.id for item in menu.items):
        raise NotFoundError("menu item", item_id)
    return replace(menu, items=tuple(edit(item) if item.id == item_id else item for item in menu.items))


async def _find(connection: Connection, restaurant_id: str, item_id: str) -> ItemDocument:
    menu = await menus.load(connection, restaurant_id)
    return item_shown(next(item for item in menu.items if item.id == item_id))
