"""A restaurant's menu, read whole and written by what differs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from domain.menu import (
    Amount,
    ComboChoice,
    ComboPart,
    HalvesRule,
    Ingredient,
    ItemSize,
    Menu,
    MenuCategory,
    MenuItem,
    ModifierGroup,
    ModifierOption,
    ServedHours,
    groups_of,
)
from domain.vat import VatRates
from stores.errors import NotFoundError
from stores.postgres import Connection

# One statement and one snapshot for all of it: a caller waits for this, and it is the longest part of several pages.
# Rows come as JSON arrays in the order of the tuples below.
_LOAD = """
select currency, language, json_build_object(
    'categories', (select coalesce(json_agg(json_build_array(
            id, name, position, halves, served) order by position, name), '[]')
        from menu_category where restaurant_id = $1),
    'items', (select coalesce(json_agg(json_build_array(
            i.id, i.category_id, i.name, i.vat_rate_bp, i.vat_dine_in_bp, i.description, i.allergens, i.aliases,
            i.available, i.off_until, i.served, i.photo) order by c.position, c.name, i.position, i.name), '[]')
        from menu_item i join menu_category c on c.id = i.category_id where i.restaurant_id = $1),
    'sizes', (select coalesce(json_agg(json_build_array(
            item_id, id, name, price_cents, available, off_until) order by position, price_cents), '[]')
        from item_size where restaurant_id = $1),
    'ingredients', (select coalesce(json_agg(json_build_array(
            item_id, json_build_array(id, name, extra_cents, removable, aliases)) order by position, name), '[]')
        from menu_ingredient where restaurant_id = $1),
    'groups', (select coalesce(json_agg(json_build_array(
            id, name, minimum, maximum, included, amounts, light_percent, extra_percent) order by name, id), '[]')
        from modifier_group where restaurant_id = $1),
    'options', (select coalesce(json_agg(json_build_array(
            group_id, id, name, price_cents, available, off_until, aliases) order by position, name), '[]')
        from modifier_option where restaurant_id = $1),
    'item_groups', (select coalesce(json_agg(json_build_array(item_id, group_id) order by position), '[]')
        from menu_item_modifier_group where restaurant_id = $1),
    'option_groups', (select coalesce(json_agg(json_build_array(option_id, group_id) order by position), '[]')
        from modifier_option_group where restaurant_id = $1),
    'parts', (select coalesce(json_agg(json_build_array(item_id, id, name) order by position, name), '[]')
        from combo_part where restaurant_id = $1),
    'choices', (select coalesce(json_agg(json_build_array(
            part_id, json_build_array(item_id, extra_cents)) order by position), '[]')
        from combo_choice where restaurant_id = $1)
)::text as rows
from restaurant where id = $1
"""


class _Category(NamedTuple):
    id: str
    name: str
    position: int
    halves: HalvesRule | None
    served: tuple[ServedHours, ...]


class _Item(NamedTuple):
    id: str
    category_id: str
    name: str
    take_away_bp: int
    dine_in_bp: int
    description: str
    allergens: tuple[str, ...]
    aliases: tuple[str, ...]
    available: bool
    off_until: datetime | None
    served: tuple[ServedHours, ...]
    photo: str


class _Size(NamedTuple):
    item_id: str
    id: str
    name: str
    price_cents: int
    available: bool
    off_until: datetime | None


class _Group(NamedTuple):
    id: str
    name: str
    minimum: int
    maximum: int
    included: int
    amounts: tuple[Amount, ...]
    light_percent: int
    extra_percent: int


class _Option(NamedTuple):
    group_id: str
    id: str
    name: str
    price_cents: int
    available: bool
    off_until: datetime | None
    aliases: tuple[str, ...]


class _Rows(msgspec.Struct):
    categories: list[_Category]
    items: list[_Item]
    sizes: list[_Size]
    ingredients: list[tuple[str, Ingredient]]
    groups: list[_Group]
    options: list[_Option]
    item_groups: list[tuple[str, str]]
    option_groups: list[tuple[str, str]]
    parts: list[tuple[str, str, str]]
    choices: list[tuple[str, ComboChoice]]


_ROWS = msgspec.json.Decoder(_Rows)


async def load(conn: Connection, restaurant_id: str) -> Menu:
    """The whole menu, in the order it is shown. Raises NotFoundError for an unknown restaurant."""
    row = await conn.fetchrow(_LOAD, restaurant_id)
    if row is None:
        raise NotFoundError("restaurant", restaurant_id)
    rows = _ROWS.decode(row["rows"])
    groups = _groups(rows)
    sizes: defaultdict[str, list[ItemSize]] = defaultdict(list)
    for size in rows.sizes:
        sizes[size.item_id].append(ItemSize(*size[1:]))
    choices = _gathered(rows.choices)
    combos: defaultdict[str, list[ComboPart]] = defaultdict(list)
    for item_id, part_id, name in rows.parts:
        combos[item_id].append(ComboPart(part_id, name, choices.get(part_id, ())))
    ingredients, groups_by_item = _gathered(rows.ingredients), _gathered(rows.item_groups)
    used = {group_id for _, group_id in (*rows.item_groups, *rows.option_groups)}
    return Menu(
        restaurant_id=restaurant_id,
        currency=row["currency"],
        language=row["language"],
        categories=tuple(MenuCategory(*category) for category in rows.categories),
        items=tuple(
            MenuItem(
                id=item.id,
                category_id=item.category_id,
                name=item.name,
                sizes=tuple(sizes[item.id]),
                vat=VatRates(take_away_bp=item.take_away_bp, dine_in_bp=item.dine_in_bp),
                description=item.description,
                modifier_groups=tuple(groups[group_id] for group_id in groups_by_item.get(item.id, ())),
                allergens=item.allergens,
                aliases=item.aliases,
                available=item.available,
                off_until=item.off_until,
                ingredients=ingredients.get(item.id, ()),
                combo=tuple(combos[item.id]),
                served=item.served,
                photo=item.photo,
            )
            for item in rows.items
        ),
        spare_groups=tuple(group for group in groups.values() if group.id not in used),
    )


def _groups(rows: _Rows) -> dict[str, ModifierGroup]:
    """By id, with what is to be chosen inside of their options. A group that several items share is one object."""
    options: defaultdict[str, list[ModifierOption]] = defaultdict(list)
    for option in rows.options:
        options[option.group_id].append(ModifierOption(*option[1:]))
    plain = {
        one.id: ModifierGroup(
            one.id,
            one.name,
            one.minimum,
            one.maximum,
            tuple(options[one.id]),
            one.included,
            one.amounts,
            one.light_percent,
            one.extra_percent,
        )
        for one in rows.groups
    }
    inner = _gathered(rows.option_groups)
    if not inner:
        return plain
    return {
        group.id: replace(
            group,
            options=tuple(
                replace(option, groups=tuple(plain[one] for one in inner[option.id])) if option.id in inner else option
                for option in group.options
            ),
        )
        for group in plain.values()
    }


def _gathered(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    gathered: defaultdict[str, list[object]] = defaultdict(list)
    for key, value in pairs:
        gathered[key].append(value)
    return {key: tuple(values) for key, values in gathered.items()}


class _Table(NamedTuple):
    """``rows`` gives a menu's rows in the order of ``columns``, of which the first ``keys`` are the primary key."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Menu], Iterator[tuple[object, ...]]]
    keys: int = 1


def _category_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for one in menu.categories:
        yield one.id, one.name, one.position, one.halves, one.served


def _item_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    places: dict[str, int] = {}
    for one in menu.items:
        place = places[one.category_id] = places.get(one.category_id, -1) + 1
        vat = (one.vat.take_away_bp, one.vat.dine_in_bp)
        words = (one.description, one.allergens, one.aliases)
        state = (one.available, one.off_until, one.served, one.photo)
        yield one.id, one.category_id, one.name, *vat, *words, *state, place


def _size_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for item in menu.items:
        for position, one in enumerate(item.sizes):
            yield one.id, item.id, one.name, one.price_cents, one.available, one.off_until, position


def _ingredient_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for item in menu.items:
        for position, one in enumerate(item.ingredients):
            yield one.id, item.id, one.name, one.extra_cents, one.removable, one.aliases, position


def _group_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for one in groups_of(menu).values():
        prices = (one.light_percent, one.extra_percent)
        yield one.id, one.name, one.minimum, one.maximum, one.included, one.amounts, *prices


def _option_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for group in groups_of(menu).values():
        for position, one in enumerate(group.options):
            state = (one.available, one.off_until)
            yield one.id, group.id, one.name, one.price_cents, *state, one.aliases, position


def _item_group_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for item in menu.items:
        for position, group in enumerate(item.modifier_groups):
            yield item.id, group.id, position


def _option_group_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for group in groups_of(menu).values():
        for option in group.options:
            for position, inner in enumerate(option.groups):
                yield option.id, inner.id, position


def _part_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for item in menu.items:
        for position, part in enumerate(item.combo):
            yield part.id, item.id, part.name, position


def _choice_rows(menu: Menu) -> Iterator[tuple[object, ...]]:
    for item in menu.items:
        for part in item.combo:
            for position, choice in enumerate(part.choices):
                yield part.id, choice.item_id, choice.extra_cents, position


# In the order of their foreign keys.
_TABLES = (
    _Table("menu_category", ("id", "name", "position", "halves", "served"), _category_rows),
    _Table(
        "modifier_group",
        ("id", "name", "minimum", "maximum", "included", "amounts", "light_percent", "extra_percent"),
        _group_rows,
    ),
    _Table(
        "modifier_option",
        ("id", "group_id", "name", "price_cents", "available", "off_until", "aliases", "position"),
        _option_rows,
    ),
    _Table("modifier_option_group", ("option_id", "group_id", "position"), _option_group_rows, keys=2),
    _Table(
        "menu_item",
        (
            "id",
            "category_id",
            "name",
            "vat_rate_bp",
            "vat_dine_in_bp",
            "description",
            "allergens",
            "aliases",
            "available",
            "off_until",
            "served",
            "photo",
            "position",
        ),
        _item_rows,
    ),
    _Table("item_size", ("id", "item_id", "name", "price_cents", "available", "off_until", "position"), _size_rows),
    _Table(
        "menu_ingredient",
        ("id", "item_id", "name", "extra_cents", "removable", "aliases", "position"),
        _ingredient_rows,
    ),
    _Table("menu_item_modifier_group", ("item_id", "group_id", "position"), _item_group_rows, keys=2),
    _Table("combo_part", ("id", "item_id", "name", "position"), _part_rows),
    _Table("combo_choice", ("part_id", "item_id", "extra_cents", "position"), _choice_rows, keys=2),
)


async def insert(conn: Connection, menu: Menu) -> None:
    """Write a whole menu under the ids it has. Raises asyncpg.UniqueViolationError where one exists."""
    for table in _TABLES:
        places = ", ".join(f"${number}" for number in range(1, len(table.columns) + 2))
        await conn.executemany(
            f"insert into {table.name} (restaurant_id, {', '.join(table.columns)}) values ({places})",
            [(menu.restaurant_id, *row) for row in table.rows(menu)],
        )


async def save(conn: Connection, before: Menu, after: Menu) -> None:
    """Make ``before``, which is what is stored, into ``after``: rows that differ are written, no others.

    Take ``lock`` first, then read ``before``. Raises asyncpg.UniqueViolationError for names that are there twice.
    """
    await conn.execute("set constraints all deferred")
    old = {table: {row[: table.keys]: row for row in table.rows(before)} for table in _TABLES}
    new = {table: {row[: table.keys]: row for row in table.rows(after)} for table in _TABLES}
    for table in reversed(_TABLES):
        gone = [key for key in old[table] if key not in new[table]]
        where = " and ".join(f"{column} = ${at + 2}" for at, column in enumerate(table.columns[: table.keys]))
        await _each(
            conn,
            f"delete from {table.name} where restaurant_id = $1 and {where}",
            [(after.restaurant_id, *k) for k in gone],
        )
    for table in _TABLES:
        changed = [row for key, row in new[table].items() if old[table].get(key) != row]
        keys, values = table.columns[: table.keys], table.columns[table.keys :]
        places = ", ".join(f"${number}" for number in range(1, len(table.columns) + 2))
        await _each(
            conn,
            f"insert into {table.name} (restaurant_id, {', '.join(table.columns)}) values ({places})"
            f" on conflict ({', '.join(keys)}) do update set {', '.join(f'{c} = excluded.{c}' for c in values)}",
            [(after.restaurant_id, *row) for row in changed],
        )
    await conn.execute("set constraints all immediate")


async def lock(conn: Connection, restaurant_id: str) -> None:
    """Until this transaction ends nobody else changes this menu: what was read can be written back."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('menu ' || $1, 0))", restaurant_id)


async def _each(conn: Connection, statement: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        await conn.executemany(statement, rows)


async def allergens_of(conn: Connection, restaurant_id: str, item_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What the restaurant lists for each of these, by id; one that has left the menu, or lists nothing, is missing."""
    rows = await conn.fetch(
        "select id::text, allergens from menu_item"
        " where restaurant_id = $1 and id::text = any($2::text[]) and allergens <> '{}'",
        restaurant_id,
        list(item_ids),
    )
    return {row["id"]: tuple(row["allergens"]) for row in rows}
