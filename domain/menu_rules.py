"""What a menu must be before callers may order from it: names that tell things apart, choices that can be made.

Whoever changes a menu (a form, an import, an example, a version put back) asks here; the database holds the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from domain.menu import Menu, MenuItem, ModifierGroup, ServedHours, groups_of
from domain.names import fold

MAX_PRICE_CENTS = 1_000_000
MAX_NAME = 80
MAX_DESCRIPTION = 500
MAX_CATEGORIES = 60
MAX_ITEMS = 1500
MAX_SIZES = 12
MAX_GROUPS = 200
MAX_OPTIONS = 60
MAX_ITEM_GROUPS = 12
MAX_INGREDIENTS = 40
MAX_PARTS = 8
MAX_WORDS = 20  # aliases of one thing, allergens of one item
MAX_DAY_MINUTES = 2 * 24 * 60

Reason = Literal[
    "no_name",
    "long_name",
    "same_name",
    "price",
    "no_size",
    "unnamed_size",
    "too_many",
    "minimum",
    "maximum",
    "included",
    "nested",
    "combo_choices",
    "combo_of_combos",
    "combo_unknown",
    "served",
    "vat",
    "no_category",
]
Kind = Literal["category", "item", "size", "ingredient", "part", "group", "option"]


class Problem(NamedTuple):
    """``kind`` and ``id`` say what is wrong, ``name`` what it is called, ``detail`` the other thing or the limit."""

    kind: Kind
    id: str
    name: str
    reason: Reason
    detail: str = ""


def problems(menu: Menu) -> tuple[Problem, ...]:
    """Everything that is wrong; nothing for a menu that can be sold from."""
    return tuple(_problems(menu))


def _problems(menu: Menu) -> Iterator[Problem]:
    groups = groups_of(menu)
    limits = ((len(menu.categories), MAX_CATEGORIES), (len(menu.items), MAX_ITEMS), (len(groups), MAX_GROUPS))
    for kind, (count, limit) in zip(("category", "item", "group"), limits, strict=True):
        if count > limit:
            yield Problem(kind, "", "", "too_many", str(limit))  # type: ignore[arg-type]
    yield from _names("category", ((one.id, one.name) for one in menu.categories))
    yield from _names("item", ((one.id, one.name) for one in menu.items))
    known = {category.id for category in menu.categories}
    by_id = {item.id: item for item in menu.items}
    for category in menu.categories:
        yield from _hours("category", category.id, category.name, category.served)
    for item in menu.items:
        if item.category_id not in known:
            yield Problem("item", item.id, item.name, "no_category")
        yield from _item(item, by_id)
    inner = {one.id for group in groups.values() for option in group.options for one in option.groups}
    for group in groups.values():
        yield from _group(group, is_inner=group.id in inner)


def _item(item: MenuItem, by_id: dict[str, MenuItem]) -> Iterator[Problem]:
    if not item.sizes:
        yield Problem("item", item.id, item.name, "no_size")
    if len(item.sizes) > 1 and any(not size.name for size in item.sizes):
        yield Problem("item", item.id, item.name, "unnamed_size")
    yield from _names("size", ((one.id, one.name) for one in item.sizes if one.name))
    yield from _names("ingredient", ((one.id, one.name) for one in item.ingredients))
    yield from _names("part", ((one.id, one.name) for one in item.combo))
    for size in item.sizes:
        yield from _price("size", size.id, f"{item.name} {size.name}".strip(), size.price_cents)
    for one in item.ingredients:
        yield from _price("ingredient", one.id, one.name, one.extra_cents)
    if not all(0 <= rate <= 10_000 for rate in (item.vat.take_away_bp, item.vat.dine_in_bp)):
        yield Problem("item", item.id, item.name, "vat")
    counts = (
        (item.sizes, MAX_SIZES),
        (item.ingredients, MAX_INGREDIENTS),
        (item.combo, MAX_PARTS),
        (item.modifier_groups, MAX_ITEM_GROUPS),
        (item.aliases, MAX_WORDS),
        (item.allergens, MAX_WORDS),
    )
    for things, limit in counts:
        if len(things) > limit:
            yield Problem("item", item.id, item.name, "too_many", str(limit))
    yield from _hours("item", item.id, item.name, item.served)
    for part in item.combo:
        if not 1 <= len(part.choices) <= MAX_OPTIONS:
            yield Problem("part", part.id, part.name, "combo_choices")
        for choice in part.choices:
            chosen = by_id.get(choice.item_id)
            if chosen is None:
                yield Problem("part", part.id, part.name, "combo_unknown")
            elif chosen.combo:
                yield Problem("part", part.id, part.name, "combo_of_combos", chosen.name)
            yield from _price("part", part.id, part.name, choice.extra_cents)


def _group(group: ModifierGroup, *, is_inner: bool) -> Iterator[Problem]:
    yield from _names("group", [(group.id, group.name)])
    yield from _names("option", ((one.id, one.name) for one in group.options))
    if len(group.options) > MAX_OPTIONS:
        yield Problem("group", group.id, group.name, "too_many", str(MAX_OPTIONS))
    if not 0 <= group.minimum <= group.maximum:
        yield Problem("group", group.id, group.name, "minimum")
    if not 1 <= group.maximum <= max(1, len(group.options)):
        yield Problem("group", group.id, group.name, "maximum", str(max(1, len(group.options))))
    if not 0 <= group.included <= group.maximum:
        yield Problem("group", group.id, group.name, "included")
    for option in group.options:
        yield from _price("option", option.id, option.name, option.price_cents)
        if is_inner and option.groups:
            yield Problem("option", option.id, option.name, "nested")
        if len(option.aliases) > MAX_WORDS:
            yield Problem("option", option.id, option.name, "too_many", str(MAX_WORDS))


def _names(kind: Kind, named: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """Names that a caller can't tell apart are one name."""
    pairs = list(named)
    counts = Counter(fold(name) or name for _, name in pairs)
    for one_id, name in pairs:
        if not fold(name) and not name.strip():
            yield Problem(kind, one_id, name, "no_name")
        elif len(name) > MAX_NAME:
            yield Problem(kind, one_id, name, "long_name", str(MAX_NAME))
        elif counts[fold(name) or name] > 1:
            yield Problem(kind, one_id, name, "same_name")


def _price(kind: Kind, one_id: str, name: str, cents: int) -> Iterator[Problem]:
    if not 0 <= cents <= MAX_PRICE_CENTS:
        yield Problem(kind, one_id, name, "price")


def _hours(kind: Kind, one_id: str, name: str, served: tuple[ServedHours, ...]) -> Iterator[Problem]:
    for span in served:
        days = span.weekdays and all(0 <= day <= 6 for day in span.weekdays)
        if not days or not 0 <= span.opens < span.closes <= MAX_DAY_MINUTES or span.opens >= 24 * 60:
            yield Problem(kind, one_id, name, "served")
