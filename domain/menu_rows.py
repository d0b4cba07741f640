"""A menu as rows of text, for a spreadsheet: written, and read again exactly; every mistake with its row and column.

One row a thing, in the order of the menu: a category, its items, each with its sizes, ingredients and parts behind it;
then the choices, each with its options. ``id`` ties a row to what is there; without one the name does.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from domain.errors import Refused
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
    ServedHours,
    groups_of,
)
from domain.menu_rules import MAX_DESCRIPTION, MAX_NAME
from domain.money import decimal_text
from domain.names import fold, plain_text
from domain.vat import VatRates

COLUMNS = (
    "row",
    "name",
    "price",
    "description",
    "also_called",
    "allergens",
    "vat_take_away",
    "vat_dine_in",
    "choices",
    "minimum",
    "maximum",
    "included",
    "amounts",
    "light_percent",
    "extra_percent",
    "hours",
    "halves",
    "removable",
    "available",
    "id",
)
KINDS = ("category", "item", "size", "ingredient", "part", "choice", "option")
MAX_ROWS = 20_000

Reason = Literal[
    "unknown_row",
    "no_header",
    "column_twice",
    "no_place",
    "no_name",
    "text",
    "price",
    "percent",
    "number",
    "yes_no",
    "hours",
    "halves",
    "amounts",
    "unknown_choice",
    "unknown_item",
    "too_many_rows",
    "rule",
]

_PRICE = re.compile(r"^([0-9]{1,7})(?:[.,]([0-9]{1,2}))?$")
_SPAN = re.compile(r"^([1-7]+) ([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])$")


class RowError(NamedTuple):
    """``row`` as the spreadsheet counts it, the header being 1; ``value`` is what stands there."""

    row: int
    column: str
    reason: Reason
    value: str = ""


class ReadMenu(NamedTuple):
    """``menu`` is None while there are ``errors``; ``rows`` are the row numbers of what was read, by id."""

    menu: Menu | None
    errors: tuple[RowError, ...]
    rows: dict[str, int]


def written(menu: Menu) -> list[list[str]]:
    """The header and the rows."""
    groups = groups_of(menu)
    names = _unique_names(groups.values())
    items = {item.id: item.name for item in menu.items}
    rows: list[dict[str, str]] = []
    for category in menu.categories:
        halves = category.halves or ""
        hours = _hours_text(category.served)
        rows.append({"row": "category", "name": category.name, "hours": hours, "halves": halves, "id": category.id})
        for item in menu.items:
            if item.category_id == category.id:
                rows += _item_rows(item, names, items)
    for group in groups.values():
        rows.append(
            {
                "row": "choice",
                "name": group.name,
                "minimum": str(group.minimum),
                "maximum": str(group.maximum),
                "included": str(group.included),
                "amounts": _listed(group.amounts),
                "light_percent": str(group.light_percent),
                "extra_percent": str(group.extra_percent),
                "id": group.id,
            }
        )
        for option in group.options:
            rows.append(
                {
                    "row": "option",
                    "name": option.name,
                    "price": decimal_text(option.price_cents),
                    "also_called": _listed(option.aliases),
                    "choices": _listed(names[inner.id] for inner in option.groups),
                    "available": _yes(option.available),
                    "id": option.id,
                }
            )
    return [list(COLUMNS), *([row.get(column, "") for column in COLUMNS] for row in rows)]


def _item_rows(item: MenuItem, names: dict[str, str], items: dict[str, str]) -> list[dict[str, str]]:
    single = len(item.sizes) == 1 and not item.sizes[0].name
    first = {
        "row": "item",
        "name": item.name,
        "price": decimal_text(item.sizes[0].price_cents) if single else "",
        "description": item.description,
        "also_called": _listed(item.aliases),
        "allergens": _listed(item.allergens),
        "vat_take_away": decimal_text(item.vat.take_away_bp),
        "vat_dine_in": decimal_text(item.vat.dine_in_bp),
        "choices": _listed(names[group.id] for group in item.modifier_groups),
        "hours": _hours_text(item.served),
        "available": _yes(item.available),
        "id": item.id,
    }
    rows = [first]
    if not single or not item.sizes[0].available:
        rows += [
            {
                "row": "size",
                "name": size.name,
                "price": decimal_text(size.price_cents),
                "available": _yes(size.available),
                "id": size.id,
            }
            for size in item.sizes
        ]
        first["price"] = ""
    rows += [
        {
            "row": "ingredient",
            "name": one.name,
            "price": decimal_text(one.extra_cents),
            "also_called": _listed(one.aliases),
            "removable": _yes(one.removable),
            "id": one.id,
        }
        for one in item.ingredients
    ]
    for part in item.combo:
        choices = (
            f"{items.get(choice.item_id, '')} + {decimal_text(choice.extra_cents)}"
            if choice.extra_cents
            else items.get(choice.item_id, "")
            for choice in part.choices
        )
        rows.append({"row": "part", "name": part.name, "choices": _listed(choices), "id": part.id})
    return rows


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
        self._number = 0
        self._cells: dict[str, str] = {}

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        header = [fold(cell).replace(" ", "_") for cell in (rows[0] if rows else ())]
        self._number = 1
        if "row" not in header or "name" not in header:
            self._wrong("row", "no_header")
            return
        for column in set(header) & set(COLUMNS):
            if header.count(column) > 1:
                self._wrong(column, "column_twice")
        if len(rows) > MAX_ROWS:
            self._wrong("row", "too_many_rows", str(MAX_ROWS))
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
            self._number = number
            self._cells = dict(zip(header, row, strict=False))
            kind = self._cell("row").lower()
            if kind in steps:
                steps[kind]()
            else:
                self._wrong("row", "unknown_row", self._cell("row"))

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
        names = {fold(name): group_id for group_id, name in _unique_names(plain.values()).items()}
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
        price = _PRICE.match(extra.strip())
        if fold(line) in by_name or not plus or not price:
            name, cents = line, 0
        else:
            cents = _cents(price)
        if fold(name) not in by_name:
            self.errors.append(RowError(row, "choices", "unknown_item", name.strip()))
            return None
        return ComboChoice(by_name[fold(name)], cents)

    def _read_category(self) -> None:
        known = {category.id: category for category in self._menu.categories}
        by_name = {fold(category.name): category.id for category in self._menu.categories}
        category_id = self._id(by_name)
        before = known.get(category_id, MenuCategory(category_id, ""))
        halves = self._cell("halves")
        if halves and halves not in HALVES_RULES:
            self._wrong("halves", "halves", halves)
        rule = next((one for one in HALVES_RULES if one == halves), None)
        self._categories.append(replace(before, name=self._name(), halves=rule, served=self._served()))
        self._item = None

    def _read_item(self) -> None:
        if not self._categories:
            self._wrong("row", "no_place", "item")
            return
        known = {item.id: item for item in self._menu.items}
        item_id = self._id({fold(item.name): item.id for item in self._menu.items})
        before = known.get(item_id)
        available = self._yes_no("available", True)
        item = MenuItem(
            id=item_id,
            category_id=self._categories[-1].id,
            name=self._name(),
            sizes=(),
            vat=VatRates(self._percent("vat_take_away"), self._percent("vat_dine_in")),
            description=self._text("description", MAX_DESCRIPTION),
            allergens=self._words("allergens"),
            aliases=self._words("also_called"),
            available=available,
            off_until=before.off_until if before and not available else None,
            served=self._served(),
        )
        self._item = _DraftItem(item, self._number, list(self._words("choices")))
        self._items.append(self._item)
        if self._cell("price"):
            single = [size for size in before.sizes if not size.name] if before else []
            size_id = single[0].id if single else str(uuid.uuid4())
            self._item.sizes.append(ItemSize(size_id, "", self._price()))

    def _read_size(self) -> None:
        if self._item is None:
            self._wrong("row", "no_place", "size")
            return
        before = {size.id: size for size in self._before_item().sizes}
        size_id = self._id({fold(size.name): size.id for size in before.values()}, allow_blank=True)
        available = self._yes_no("available", True)
        until = before[size_id].off_until if size_id in before and not available else None
        self._item.sizes.append(ItemSize(size_id, self._text("name"), self._price(), available, until))

    def _read_ingredient(self) -> None:
        if self._item is None:
            self._wrong("row", "no_place", "ingredient")
            return
        known = {fold(one.name): one.id for one in self._before_item().ingredients}
        cents = self._price() if self._cell("price") else 0
        removable = self._yes_no("removable", True)
        one = Ingredient(self._id(known), self._name(), cents, removable, self._words("also_called"))
        self._item.ingredients.append(one)

    def _read_part(self) -> None:
        if self._item is None:
            self._wrong("row", "no_place", "part")
            return
        known = {fold(part.name): part.id for part in self._before_item().combo}
        self._item.parts.append((self._id(known), self._name(), self._number, list(self._words("choices"))))

    def _read_group(self) -> None:
        groups = groups_of(self._menu)
        known: dict[str, str] = {}
        for group in groups.values():
            known.setdefault(fold(group.name), group.id)
        amounts = self._words("amounts")
        if any(amount not in AMOUNTS[1:] for amount in amounts):
            self._wrong("amounts", "amounts", self._cell("amounts"))
        group = ModifierGroup(
            self._id(known),
            self._name(),
            self._whole("minimum", 0),
            self._whole("maximum", 1),
            (),
            self._whole("included", 0),
            tuple(one for one in AMOUNTS if one in amounts and one != "regular"),
            self._whole("light_percent", 100),
            self._whole("extra_percent", 200),
        )
        self._group = _DraftGroup(group)
        self._groups.append(self._group)

    def _read_option(self) -> None:
        if self._group is None:
            self._wrong("row", "no_place", "option")
            return
        before = groups_of(self._menu).get(self._group.group.id)
        known = {option.id: option for option in before.options} if before else {}
        option_id = self._id({fold(option.name): option.id for option in known.values()})
        available = self._yes_no("available", True)
        until = known[option_id].off_until if option_id in known and not available else None
        cents = self._price() if self._cell("price") else 0
        option = ModifierOption(option_id, self._name(), cents, available, until, self._words("also_called"))
        self._group.options.append((option, self._number, list(self._words("choices"))))

    def _before_item(self) -> MenuItem:
        assert self._item is not None
        item_id = self._item.item.id
        return next((item for item in self._menu.items if item.id == item_id), self._item.item)

    # One cell of the row.

    def _cell(self, column: str) -> str:
        return self._cells.get(column, "").strip()

    def _wrong(self, column: str, reason: Reason, value: str = "") -> None:
        self.errors.append(RowError(self._number, column, reason, value[:80]))

    def _id(self, known: dict[str, str], *, allow_blank: bool = False) -> str:
        """The row's own id when this menu has it and no row before did; else that of the thing of its name."""
        own = self._cell("id").lower()
        named = known.get(fold(self._cell("name"))) if self._cell("name") or allow_blank else None
        found = next((one for one in (own, named) if one in self._known_ids and one not in self.rows), None)
        one_id = found or str(uuid.uuid4())
        self.rows[one_id] = self._number
        return one_id

    def _text(self, column: str, limit: int = MAX_NAME) -> str:
        try:
            return plain_text(self._cell(column), limit, column)
        except Refused:
            self._wrong(column, "text", self._cell(column))
            return ""

    def _name(self) -> str:
        name = self._text("name")
        if not self._cell("name"):
            self._wrong("name", "no_name")
        return name

    def _words(self, column: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(_apart(self._cell(column))))
        for word in found:
            if len(word) > 2 * MAX_NAME:
                self._wrong(column, "text", word)
        return found

    def _price(self) -> int:
        found = _PRICE.match(self._cell("price"))
        if found is None:
            self._wrong("price", "price", self._cell("price"))
            return 0
        return _cents(found)

    def _percent(self, column: str) -> int:
        found = _PRICE.match(self._cell(column).removesuffix("%").strip())
        if found is None or _cents(found) > 10_000:
            self._wrong(column, "percent", self._cell(column))
            return 0
        return _cents(found)

    def _whole(self, column: str, blank: int) -> int:
        text = self._cell(column).removesuffix(".0")
        if text and (not text.isascii() or not text.isdigit() or len(text) > 6):
            self._wrong(column, "number", text)
            return blank
        return int(text) if text else blank

    def _yes_no(self, column: str, blank: bool) -> bool:
        said = fold(self._cell(column))
        if said in ("yes", "oui", "true", "vrai", "1"):
            return True
        if said in ("no", "non", "false", "faux", "0"):
            return False
        if said:
            self._wrong(column, "yes_no", self._cell(column))
        return blank

    def _served(self) -> tuple[ServedHours, ...]:
        spans = []
        for text in _apart(self._cell("hours")):
            found = _SPAN.match(text)
            if found is None:
                self._wrong("hours", "hours", text)
                continue
            days, *clock = found.groups()
            opens, closes = int(clock[0]) * 60 + int(clock[1]), int(clock[2]) * 60 + int(clock[3])
            spans.append(ServedHours(tuple(sorted({int(day) - 1 for day in days})), opens, closes))
        return tuple(spans)


def _ids(menu: Menu) -> set[str]:
    found = {category.id for category in menu.categories} | {item.id for item in menu.items}
    for item in menu.items:
        found |= {size.id for size in item.sizes} | {one.id for one in item.ingredients} | {p.id for p in item.combo}
    for group in groups_of(menu).values():
        found |= {group.id, *(option.id for option in group.options)}
    return found


def _unique_names(groups: Iterable[ModifierGroup]) -> dict[str, str]:
    """What each group is called in ``choices``: its name, with a number from the second of that name on."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for group in groups:
        count = counts[fold(group.name)] = counts.get(fold(group.name), 0) + 1
        names[group.id] = group.name if count == 1 else f"{group.name} #{count}"
    return names


def _listed(words: Iterable[str]) -> str:
    """Between semicolons; one inside of a word stands behind a backslash."""
    return "; ".join(word.replace("\\", "\\\\").replace(";", "\\;") for word in words)


def _apart(text: str) -> list[str]:
    words = [""]
    signs = iter(text)
    for sign in signs:
        if sign == ";":
            words.append("")
        else:
            words[-1] += next(signs, "\\") if sign == "\\" else sign
    return [word.strip() for word in words if word.strip()]


def _cents(found: re.Match[str]) -> int:
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _hours_text(served: Iterable[ServedHours]) -> str:
    """``12345 11:30-14:30``: the days from 1 for Monday; an end past midnight counts on (``22:00-26:00``)."""
    return _listed(
        f"{''.join(str(day + 1) for day in span.weekdays)} {span.opens // 60:02d}:{span.opens % 60:02d}"
        f"-{span.closes // 60:02d}:{span.closes % 60:02d}"
        for span in served
    )
