"""Reads a menu from the rows of a spreadsheet (``menu_rows``); every mistake with its row and column."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from domain.menu import (
    AMOUNTS,
    HALVES_RULES,
    ComboChoice,
    ComboPart,
    Ingredient,
    ItemSize,
    Menu,
    MenuCategory,
    MenuItem,
    ModifierGroup,
    ModifierOption,
    groups_of,
)
from domain.menu_cells import PRICE, Row, RowError, in_cents
from domain.menu_rows import COLUMNS, unique_names
from domain.menu_rules import MAX_DESCRIPTION
from domain.names import fold
from domain.vat import VatRates

MAX_ROWS = 20_000


class ReadMenu(NamedTuple):
    """``menu`` is None while there are ``errors``; ``rows`` are the row numbers of what was read, by id."""

    menu: Menu | None
    errors: tuple[RowError, ...]
    rows: dict[str, int]


def read(rows: Sequence[Sequence[str]], menu: Menu) -> ReadMenu:
    """The menu that ``rows`` say, as a change of ``menu``: what they don't name is gone.

    What is there keeps its id, and its ``off_until`` while it stays off.
    """
    reader = _Reader(menu)
    reader.read(rows)
    made = reader.made() if not reader.errors else None
    return ReadMenu(made if not reader.errors else None, tuple(reader.errors), reader.rows)


@dataclass
class _DraftItem:
    item: MenuItem
    row: int
    groups: list[str] = field(default_factory=list)
    sizes: list[ItemSize] = field(default_factory=list)
    ingredients: list[Ingredient] = field(default_factory=list)
    parts: list[tuple[str, str, int, list[str]]] = field(default_factory=list)


@dataclass
class _DraftGroup:
    group: ModifierGroup
    options: list[tuple[ModifierOption, int, list[str]]] = field(default_factory=list)


class _Reader:
    """Reads row after row; where a thing belongs is where it stands."""

    def __init__(self, menu: Menu) -> None:
        self.errors: list[RowError] = []
        self.rows: dict[str, int] = {}
        self._menu = menu
        self._categories: list[MenuCategory] = []
        self._items: list[_DraftItem] = []
        self._groups: list[_DraftGroup] = []
        self._item: _DraftItem | None = None
        self._group: _DraftGroup | None = None
        self._known_ids = _ids(menu)
        self._row = Row(1, {}, self.errors)

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        header = [fold(cell).replace(" ", "_") for cell in (rows[0] if rows else ())]
        if "row" not in header or "name" not in header:
            self._row.wrong("row", "no_header")
            return
        for column in set(header) & set(COLUMNS):
            if header.count(column) > 1:
                self._row.wrong(column, "column_twice")
        if len(rows) > MAX_ROWS:
            self._row.wrong("row", "too_many_rows", str(MAX_ROWS))
            return
        steps: dict[str, Callable[[], None]] = {
            "category": self._read_category,
            "item": self._read_item,
            "size": self._read_size,
            "ingredient": self._read_ingredient,
            "part": self._read_part,
            "choice": self._read_group,
            "option": self._read_option,
        }
        for number, row in enumerate(rows[1:], 2):
            if not any(cell.strip() for cell in row):
                continue
            self._row = Row(number, dict(zip(header, row, strict=False)), self.errors)
            kind = self._row.cell("row").lower()
            if kind in steps:
                steps[kind]()
            else:
                self._row.wrong("row", "unknown_row", self._row.cell("row"))

    def made(self) -> Menu | None:
        groups = self._made_groups()
        by_name = {fold(draft.item.name): draft.item.id for draft in self._items}
        items = tuple(self._made_item(draft, groups, by_name) for draft in self._items)
        used = {group.id for item in items for group in item.modifier_groups}
        used |= {inner.id for group in groups.values() for option in group.options for inner in option.groups}
        made = {group.id: group for group in groups.values()}
        spare = sorted((one for key, one in made.items() if key not in used), key=lambda one: (one.name, one.id))
        return replace(
            self._menu,
            categories=tuple(replace(one, position=at) for at, one in enumerate(self._categories)),
            items=items,
            spare_groups=tuple(spare),
        )

    def _made_groups(self) -> dict[str, ModifierGroup]:
        """By the name that others call them; what is inside of options is made first, and has nothing inside."""
        plain = {
            draft.group.id: replace(draft.group, options=tuple(o for o, _, _ in draft.options))
            for draft in self._groups
        }
        names = {fold(name): group_id for group_id, name in unique_names(plain.values()).items()}
        made: dict[str, ModifierGroup] = {}
        for draft in self._groups:
            options = []
            for option, row, inner in draft.options:
                found = [self._named(name, names, row) for name in inner]
                options.append(replace(option, groups=tuple(plain[one] for one in found if one)))
            made[draft.group.id] = replace(draft.group, options=tuple(options))
        return {name: made[group_id] for name, group_id in names.items()}

    def _named(self, name: str, names: dict[str, str], row: int) -> str | None:
        if fold(name) not in names:
            self.errors.append(RowError(row, "choices", "unknown_choice", name))
            return None
        return names[fold(name)]

    def _made_item(self, draft: _DraftItem, groups: dict[str, ModifierGroup], by_name: dict[str, str]) -> MenuItem:
        chosen = []
        for name in draft.groups:
            if fold(name) in groups:
                chosen.append(groups[fold(name)])
            else:
                self.errors.append(RowError(draft.row, "choices", "unknown_choice", name))
        parts = []
        for part_id, name, row, lines in draft.parts:
            choices = [self._combo_choice(line, by_name, row) for line in lines]
            parts.append(ComboPart(part_id, name, tuple(choice for choice in choices if choice)))
        return replace(
            draft.item,
            sizes=tuple(draft.sizes),
            modifier_groups=tuple(chosen),
            ingredients=tuple(draft.ingredients),
            combo=tuple(parts),
        )

    def _combo_choice(self, line: str, by_name: dict[str, str], row: int) -> ComboChoice | None:
        name, plus, extra = line.rpartition("+")
        price = PRICE.match(extra.strip())
        if fold(line) in by_name or not plus or not price:
            name, cents = line, 0
        else:
            cents = in_cents(price)
        if fold(name) not in by_name:
            self.errors.append(RowError(row, "choices", "unknown_item", name.strip()))
            return None
        return ComboChoice(by_name[fold(name)], cents)

    def _read_category(self) -> None:
        known = {category.id: category for category in self._menu.categories}
        by_name = {fold(category.name): category.id for category in self._menu.categories}
        category_id = self._id(by_name)
        before = known.get(category_id, MenuCategory(category_id, ""))
        halves = self._row.cell("halves")
        if halves and halves not in HALVES_RULES:
            self._row.wrong("halves", "halves", halves)
        rule = next((one for one in HALVES_RULES if one == halves), None)
        self._categories.append(replace(before, name=self._row.name(), halves=rule, served=self._row.served()))
        self._item = None

    def _read_item(self) -> None:
        if not self._categories:
            self._row.wrong("row", "no_place", "item")
            return
        known = {item.id: item for item in self._menu.items}
        item_id = self._id({fold(item.name): item.id for item in self._menu.items})
        before = known.get(item_id)
        available = self._row.yes_no("available", True)
        item = MenuItem(
            id=item_id,
            category_id=self._categories[-1].id,
            name=self._row.name(),
            sizes=(),
            vat=VatRates(self._row.percent("vat_take_away"), self._row.percent("vat_dine_in")),
            description=self._row.text("description", MAX_DESCRIPTION),
            allergens=self._row.words("allergens"),
            aliases=self._row.words("also_called"),
            available=available,
            off_until=before.off_until if before and not available else None,
            served=self._row.served(),
            photo=before.photo if before else "",
        )
        self._item = _DraftItem(item, self._row.number, list(self._row.words("choices")))
        self._items.append(self._item)
        if self._row.cell("price"):
            single = [size for size in before.sizes if not size.name] if before else []
            size_id = single[0].id if single else str(uuid.uuid4())
            self._item.sizes.append(ItemSize(size_id, "", self._row.price()))

    def _read_size(self) -> None:
        if self._item is None:
            self._row.wrong("row", "no_place", "size")
            return
        before = {size.id: size for size in self._before_item().sizes}
        size_id = self._id({fold(size.name): size.id for size in before.values()}, allow_blank=True)
        available = self._row.yes_no("available", True)
        until = before[size_id].off_until if size_id in before and not available else None
        self._item.sizes.append(ItemSize(size_id, self._row.text("name"), self._row.price(), available, until))

    def _read_ingredient(self) -> None:
        if self._item is None:
            self._row.wrong("row", "no_place", "ingredient")
            return
        known = {fold(one.name): one.id for one in self._before_item().ingredients}
        cents = self._row.price() if self._row.cell("price") else 0
        removable = self._row.yes_no("removable", True)
        one = Ingredient(self._id(known), self._row.name(), cents, removable, self._row.words("also_called"))
        self._item.ingredients.append(one)

    def _read_part(self) -> None:
        if self._item is None:
            self._row.wrong("row", "no_place", "part")
            return
        known = {fold(part.name): part.id for part in self._before_item().combo}
        self._item.parts.append((self._id(known), self._row.name(), self._row.number, list(self._row.words("choices"))))

    def _read_group(self) -> None:
        groups = groups_of(self._menu)
        known: dict[str, str] = {}
        for group in groups.values():
            known.setdefault(fold(group.name), group.id)
        amounts = self._row.words("amounts")
        if any(amount not in AMOUNTS[1:] for amount in amounts):
            self._row.wrong("amounts", "amounts", self._row.cell("amounts"))
        group = ModifierGroup(
            self._id(known),
            self._row.name(),
            self._row.whole("minimum", 0),
            self._row.whole("maximum", 1),
            (),
            self._row.whole("included", 0),
            tuple(one for one in AMOUNTS if one in amounts and one != "regular"),
            self._row.whole("light_percent", 100),
            self._row.whole("extra_percent", 200),
        )
        self._group = _DraftGroup(group)
        self._groups.append(self._group)

    def _read_option(self) -> None:
        if self._group is None:
            self._row.wrong("row", "no_place", "option")
            return
        before = groups_of(self._menu).get(self._group.group.id)
        known = {option.id: option for option in before.options} if before else {}
        option_id = self._id({fold(option.name): option.id for option in known.values()})
        available = self._row.yes_no("available", True)
        until = known[option_id].off_until if option_id in known and not available else None
        cents = self._row.price() if self._row.cell("price") else 0
        option = ModifierOption(option_id, self._row.name(), cents, available, until, self._row.words("also_called"))
        self._group.options.append((option, self._row.number, list(self._row.words("choices"))))

    def _before_item(self) -> MenuItem:
        assert self._item is not None
        item_id = self._item.item.id
        return next((item for item in self._menu.items if item.id == item_id), self._item.item)

    def _id(self, known: dict[str, str], *, allow_blank: bool = False) -> str:
        """The row's own id when this menu has it and no row before did; else that of the thing of its name."""
        own = self._row.cell("id").lower()
        named = known.get(fold(self._row.cell("name"))) if self._row.cell("name") or allow_blank else None
        found = next((one for one in (own, named) if one in self._known_ids and one not in self.rows), None)
        one_id = found or str(uuid.uuid4())
        self.rows[one_id] = self._row.number
        return one_id


def _ids(menu: Menu) -> set[str]:
    found = {category.id for category in menu.categories} | {item.id for item in menu.items}
    for item in menu.items:
        found |= {size.id for size in item.sizes} | {one.id for one in item.ingredients} | {p.id for p in item.combo}
    for group in groups_of(menu).values():
        found |= {group.id, *(option.id for option in group.options)}
    return found
