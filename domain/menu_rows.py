"""A menu as rows of text, for a spreadsheet: the form, and the writing. ``menu_reading`` reads it again exactly.

One row a thing, in the order of the menu: a category, its items, each with its sizes, ingredients and parts behind it;
then the choices, each with its options. ``id`` ties a row to what is there; without one the name does.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.menu import Menu, MenuItem, ModifierGroup, ServedHours, groups_of
from domain.money import decimal_text
from domain.names import fold

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


def written(menu: Menu) -> list[list[str]]:
    """The header and the rows."""
    groups = groups_of(menu)
    names = unique_names(groups.values())
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
                "amounts": listed(group.amounts),
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
                    "also_called": listed(option.aliases),
                    "choices": listed(names[inner.id] for inner in option.groups),
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
        "also_called": listed(item.aliases),
        "allergens": listed(item.allergens),
        "vat_take_away": decimal_text(item.vat.take_away_bp),
        "vat_dine_in": decimal_text(item.vat.dine_in_bp),
        "choices": listed(names[group.id] for group in item.modifier_groups),
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
            "also_called": listed(one.aliases),
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
        rows.append({"row": "part", "name": part.name, "choices": listed(choices), "id": part.id})
    return rows


def unique_names(groups: Iterable[ModifierGroup]) -> dict[str, str]:
    """What each group is called in ``choices``: its name, with a number from the second of that name on."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for group in groups:
        count = counts[fold(group.name)] = counts.get(fold(group.name), 0) + 1
        names[group.id] = group.name if count == 1 else f"{group.name} #{count}"
    return names


def listed(words: Iterable[str]) -> str:
    """Between semicolons; one inside of a word stands behind a backslash."""
    return "; ".join(word.replace("\\", "\\\\").replace(";", "\\;") for word in words)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _hours_text(served: Iterable[ServedHours]) -> str:
    """``12345 11:30-14:30``: the days from 1 for Monday; an end past midnight counts on (``22:00-26:00``)."""
    return listed(
        f"{''.join(str(day + 1) for day in span.weekdays)} {span.opens // 60:02d}:{span.opens % 60:02d}"
        f"-{span.closes // 60:02d}:{span.closes % 60:02d}"
        for span in served
    )
