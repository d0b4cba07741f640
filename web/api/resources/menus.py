"""The menu as callers hear it: read whole; items taken off for today and priced one at a time."""

from __future__ import annotations

from domain.menu import Menu, MenuItem
from eventing import outbox
from eventing.catalogue import MenuChanged
from stores import audit, menus
from stores.errors import NotFoundError
from stores.postgres import Connection
from web.api.fields import Cents, Currency, Given, Id, Shape
from web.api.operations import Asked, Nothing, operation

SOURCE = "/api"
TAG = "Menu"


class SizeShape(Shape, frozen=True, kw_only=True):
    """``name`` is empty where the item is sold in one size."""

    id: Id
    name: str
    price_cents: Cents
    available: bool


class OptionShape(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    price_cents: int
    available: bool


class GroupShape(Shape, frozen=True, kw_only=True):
    """At least ``minimum`` and at most ``maximum`` of the options are chosen."""

    id: Id
    name: str
    minimum: int
    maximum: int
    options: tuple[OptionShape, ...]


class ItemShape(Shape, frozen=True, kw_only=True):
    """VAT rates are in basis points. ``available`` is false while the item is off."""

    id: Id
    category_id: Id
    name: str
    description: str
    available: bool
    allergens: tuple[str, ...]
    aliases: tuple[str, ...]
    vat_take_away_bp: int
    vat_dine_in_bp: int
    sizes: tuple[SizeShape, ...]
    modifier_groups: tuple[GroupShape, ...]


class CategoryShape(Shape, frozen=True, kw_only=True):
    id: Id
    name: str


class MenuShape(Shape, frozen=True, kw_only=True):
    currency: Currency
    language: str
    categories: tuple[CategoryShape, ...]
    items: tuple[ItemShape, ...]


class ItemChange(Given, frozen=True, kw_only=True):
    available: bool


class SizeChange(Given, frozen=True, kw_only=True):
    price_cents: Cents


def _item(item: MenuItem) -> ItemShape:
    return ItemShape(
        id=item.id,
        category_id=item.category_id,
        name=item.name,
        description=item.description,
        available=item.available,
        allergens=item.allergens,
        aliases=item.aliases,
        vat_take_away_bp=item.vat.take_away_bp,
        vat_dine_in_bp=item.vat.dine_in_bp,
        sizes=tuple(
            SizeShape(id=one.id, name=one.name, price_cents=one.price_cents, available=one.available)
            for one in item.sizes
        ),
        modifier_groups=tuple(
            GroupShape(
                id=group.id,
                name=group.name,
                minimum=group.minimum,
                maximum=group.maximum,
                options=tuple(
                    OptionShape(id=one.id, name=one.name, price_cents=one.price_cents, available=one.available)
                    for one in group.options
                ),
            )
            for group in item.modifier_groups
        ),
    )


def _menu(menu: Menu) -> MenuShape:
    return MenuShape(
        currency=menu.currency,
        language=menu.language,
        categories=tuple(CategoryShape(id=one.id, name=one.name) for one in menu.categories),
        items=tuple(map(_item, menu.items)),
    )


@operation("GET", "/restaurants/{restaurantId}/menu", tag=TAG, answer=MenuShape, scope="menu:read")
async def get_menu(connection: Connection, asked: Asked[Nothing, None]) -> MenuShape:
    """Show the whole menu."""
    return _menu(await menus.load(connection, asked.restaurant_id))


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/menu/items/{itemId}",
    tag=TAG,
    body=ItemChange,
    answer=ItemShape,
    scope="menu:availability",
)
async def update_item(connection: Connection, asked: Asked[Nothing, ItemChange]) -> ItemShape:
    """Take an item off the menu for now, or put it back.

    The next caller is told within seconds.
    """
    item_id = asked.path["itemId"]
    before = await _find(connection, asked.restaurant_id, item_id)
    if before.available != asked.body.available:
        await menus.set_item_available(connection, item_id, asked.body.available)
        await _tell(connection, asked, item_id, "menu.availability_changed", before.available, asked.body.available)
    return await _find(connection, asked.restaurant_id, item_id)


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/menu/items/{itemId}/sizes/{sizeId}",
    tag=TAG,
    body=SizeChange,
    answer=ItemShape,
    scope="menu:write",
)
async def update_size(connection: Connection, asked: Asked[Nothing, SizeChange]) -> ItemShape:
    """Change the price of one size of an item."""
    item_id, size_id = asked.path["itemId"], asked.path["sizeId"]
    before = await _find(connection, asked.restaurant_id, item_id)
    size = next((one for one in before.sizes if one.id == size_id), None)
    if size is None:
        raise NotFoundError("size", size_id)
    if size.price_cents != asked.body.price_cents:
        await menus.set_price(connection, size_id, asked.body.price_cents)
        await _tell(connection, asked, item_id, "menu.price_changed", size.price_cents, asked.body.price_cents)
    return await _find(connection, asked.restaurant_id, item_id)


async def _find(connection: Connection, restaurant_id: str, item_id: str) -> ItemShape:
    menu = await menus.load(connection, restaurant_id)
    item = next((one for one in menu.items if one.id == item_id), None)
    if item is None:
        raise NotFoundError("menu item", item_id)
    return _item(item)


async def _tell(
    connection: Connection,
    asked: Asked[Nothing, ItemChange] | Asked[Nothing, SizeChange],
    item_id: str,
    action: str,
    before: object,
    after: object,
) -> None:
    """The log entry and the event of a change, in its transaction."""
    await audit.record(
        connection,
        asked.restaurant_id,
        asked.client.actor,
        action,
        subject=item_id,
        before=before,
        after=after,
    )
    event = MenuChanged(restaurant_id=asked.restaurant_id, item_ids=(item_id,), reason=action.partition(".")[2])
    await outbox.emit(connection, event, source=SOURCE, subject=item_id)
