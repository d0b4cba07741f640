"""A restaurant's menu, read whole and changed a price or an availability at a time."""

from collections import defaultdict

from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.vat import VatRates
from stores.errors import NotFoundError, require
from stores.postgres import Connection


async def load(conn: Connection, restaurant_id: str) -> Menu:
    """The whole menu, in the order it is shown. Raises NotFoundError for an unknown restaurant."""
    owner = await conn.fetchrow("select currency, language from restaurant where id = $1", restaurant_id)
    if owner is None:
        raise NotFoundError("restaurant", restaurant_id)
    categories = await conn.fetch(
        "select id, name, position from menu_category where restaurant_id = $1 order by position, name", restaurant_id
    )
    items = await conn.fetch(
        "select i.id, i.category_id, i.name, i.description, i.vat_rate_bp, i.vat_dine_in_bp, i.allergens, i.aliases,"
        " i.available"
        " from menu_item i join menu_category c on c.id = i.category_id"
        " where i.restaurant_id = $1 order by c.position, c.name, i.position, i.name",
        restaurant_id,
    )
    sizes = await _sizes(conn, restaurant_id)
    groups = await _groups_of_items(conn, restaurant_id)
    return Menu(
        restaurant_id=restaurant_id,
        currency=owner["currency"],
        language=owner["language"],
        categories=tuple(MenuCategory(row["id"], row["name"], row["position"]) for row in categories),
        items=tuple(
            MenuItem(
                id=row["id"],
                category_id=row["category_id"],
                name=row["name"],
                sizes=tuple(sizes[row["id"]]),
                vat=VatRates(take_away_bp=row["vat_rate_bp"], dine_in_bp=row["vat_dine_in_bp"]),
                description=row["description"],
                modifier_groups=tuple(groups[row["id"]]),
                allergens=tuple(row["allergens"]),
                aliases=tuple(row["aliases"]),
                available=row["available"],
            )
            for row in items
        ),
    )


async def _sizes(conn: Connection, restaurant_id: str) -> defaultdict[str, list[ItemSize]]:
    rows = await conn.fetch(
        "select id, item_id, name, price_cents, available from item_size"
        " where restaurant_id = $1 order by position, price_cents",
        restaurant_id,
    )
    sizes: defaultdict[str, list[ItemSize]] = defaultdict(list)
    for row in rows:
        sizes[row["item_id"]].append(ItemSize(row["id"], row["name"], row["price_cents"], row["available"]))
    return sizes


async def _groups_of_items(conn: Connection, restaurant_id: str) -> defaultdict[str, list[ModifierGroup]]:
    """By item id. A group that several items share is one object."""
    options: defaultdict[str, list[ModifierOption]] = defaultdict(list)
    for row in await conn.fetch(
        "select id, group_id, name, price_cents, available from modifier_option"
        " where restaurant_id = $1 order by position, name",
        restaurant_id,
    ):
        options[row["group_id"]].append(ModifierOption(row["id"], row["name"], row["price_cents"], row["available"]))
    groups = {
        row["id"]: ModifierGroup(row["id"], row["name"], row["minimum"], row["maximum"], tuple(options[row["id"]]))
        for row in await conn.fetch(
            "select id, name, minimum, maximum from modifier_group where restaurant_id = $1", restaurant_id
        )
    }
    of_items: defaultdict[str, list[ModifierGroup]] = defaultdict(list)
    for row in await conn.fetch(
        "select item_id, group_id from menu_item_modifier_group where restaurant_id = $1 order by item_id, position",
        restaurant_id,
    ):
        of_items[row["item_id"]].append(groups[row["group_id"]])
    return of_items


async def insert(conn: Connection, menu: Menu) -> None:
    """Write a whole menu under the ids it has. Raises asyncpg.UniqueViolationError where one exists."""
    owner = menu.restaurant_id
    await conn.executemany(
        "insert into menu_category (id, restaurant_id, name, position) values ($1, $2, $3, $4)",
        [(category.id, owner, category.name, category.position) for category in menu.categories],
    )
    await _insert_groups(conn, owner, {group.id: group for item in menu.items for group in item.modifier_groups})
    await conn.executemany(
        "insert into menu_item (id, restaurant_id, category_id, name, description, vat_rate_bp, vat_dine_in_bp,"
        " allergens, aliases, available, position) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        [
            (
                item.id,
                owner,
                item.category_id,
                item.name,
                item.description,
                item.vat.take_away_bp,
                item.vat.dine_in_bp,
                item.allergens,
                item.aliases,
                item.available,
                position,
            )
            for position, item in enumerate(menu.items)
        ],
    )
    await conn.executemany(
        "insert into item_size (id, restaurant_id, item_id, name, price_cents, available, position)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (size.id, owner, item.id, size.name, size.price_cents, size.available, position)
            for item in menu.items
            for position, size in enumerate(item.sizes)
        ],
    )
    await conn.executemany(
        "insert into menu_item_modifier_group (restaurant_id, item_id, group_id, position) values ($1, $2, $3, $4)",
        [
            (owner, item.id, group.id, position)
            for item in menu.items
            for position, group in enumerate(item.modifier_groups)
        ],
    )


async def _insert_groups(conn: Connection, owner: str, groups: dict[str, ModifierGroup]) -> None:
    await conn.executemany(
        "insert into modifier_group (id, restaurant_id, name, minimum, maximum) values ($1, $2, $3, $4, $5)",
        [(group.id, owner, group.name, group.minimum, group.maximum) for group in groups.values()],
    )
    await conn.executemany(
        "insert into modifier_option (id, restaurant_id, group_id, name, price_cents, available, position)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (option.id, owner, group.id, option.name, option.price_cents, option.available, position)
            for group in groups.values()
            for position, option in enumerate(group.options)
        ],
    )


async def set_price(conn: Connection, size_id: str, price_cents: int) -> str:
    """Returns the id of the item that the size belongs to. Raises NotFoundError, asyncpg.CheckViolationError."""
    item_id: str | None = await conn.fetchval(
        "update item_size set price_cents = $2 where id = $1 returning item_id", size_id, price_cents
    )
    if item_id is None:
        raise NotFoundError("item size", size_id)
    return item_id


async def set_item_available(conn: Connection, item_id: str, available: bool) -> None:
    """86 an item, or bring it back. Raises NotFoundError."""
    done = await conn.fetchval("update menu_item set available = $2 where id = $1 returning id", item_id, available)
    require(done, "menu item", item_id)
