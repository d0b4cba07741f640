"""What differs between two menus, thing by thing: for the preview of an import, for versions, for the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, NamedTuple

from domain.menu import Menu, MenuItem, ModifierGroup, groups_of
from domain.menu_rules import Kind


class FieldChange(NamedTuple):
    """``before`` and ``after`` as the domain holds them, made of JSON's types."""

    field: str
    before: Any
    after: Any


class Change(NamedTuple):
    """``within`` is the name of the item or group that a size, an ingredient, a part or an option belongs to."""

    kind: Kind
    id: str
    name: str
    what: Literal["added", "changed", "removed"]
    within: str = ""
    fields: tuple[FieldChange, ...] = ()


class _Thing(NamedTuple):
    kind: Kind
    name: str
    within: str
    values: dict[str, Any]


def changes(before: Menu, after: Menu) -> tuple[Change, ...]:
    """In the order of the menu: what was taken away last."""
    old, new = _things(before), _things(after)
    found = [
        Change(thing.kind, key, thing.name, "added", thing.within)
        if key not in old
        else Change(thing.kind, key, thing.name, "changed", thing.within, _differing(old[key], thing))
        for key, thing in new.items()
        if key not in old or old[key].values != thing.values
    ]
    gone = [
        Change(thing.kind, key, thing.name, "removed", thing.within) for key, thing in old.items() if key not in new
    ]
    return (*found, *gone)


def changed_items(before: Menu, after: Menu) -> tuple[str, ...]:
    """The ids of the items that a caller is told something else about."""
    old = {item.id: item for item in before.items}
    new = {item.id: item for item in after.items}
    return tuple(key for key in {**old, **new} if old.get(key) != new.get(key))


def _differing(old: _Thing, new: _Thing) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field, old.values[field], value)
        for field, value in new.values.items()
        if old.values[field] != value
    )


def _things(menu: Menu) -> dict[str, _Thing]:
    return dict((*_shelf(menu), *_choices(menu)))


def _shelf(menu: Menu) -> Iterator[tuple[str, _Thing]]:
    names = {category.id: category.name for category in menu.categories}
    items = {item.id: item.name for item in menu.items}
    for category in menu.categories:
        yield category.id, _Thing("category", category.name, "", _values(category))
    places: dict[str, int] = {}
    for item in menu.items:
        place = places[item.category_id] = places.get(item.category_id, -1) + 1
        yield item.id, _Thing("item", item.name, "", _item_values(item, names, place))
        for position, size in enumerate(item.sizes):
            yield size.id, _Thing("size", size.name, item.name, _values(size) | {"position": position})
        for position, one in enumerate(item.ingredients):
            values = {"name": one.name, "extra_cents": one.extra_cents, "removable": one.removable}
            yield (
                one.id,
                _Thing(
                    "ingredient", one.name, item.name, values | {"aliases": list(one.aliases), "position": position}
                ),
            )
        for position, part in enumerate(item.combo):
            choices = [[items.get(choice.item_id, ""), choice.extra_cents] for choice in part.choices]
            values = {"name": part.name, "choices": choices, "position": position}
            yield part.id, _Thing("part", part.name, item.name, values)


def _choices(menu: Menu) -> Iterator[tuple[str, _Thing]]:
    for group in groups_of(menu).values():
        yield group.id, _Thing("group", group.name, "", _group_values(group))
        for position, option in enumerate(group.options):
            values = _values(option) | {"groups": [inner.name for inner in option.groups], "position": position}
            yield option.id, _Thing("option", option.name, group.name, values)


def _item_values(item: MenuItem, categories: dict[str, str], place: int) -> dict[str, Any]:
    values = _values(item)
    for part in ("sizes", "ingredients", "combo", "category_id"):
        del values[part]
    values["category"] = categories.get(item.category_id, "")
    values["vat"] = [item.vat.take_away_bp, item.vat.dine_in_bp]
    values["modifier_groups"] = [group.name for group in item.modifier_groups]
    values["position"] = place
    return values


def _group_values(group: ModifierGroup) -> dict[str, Any]:
    values = _values(group)
    del values["options"]
    return values


def _values(one: Any) -> dict[str, Any]:
    """Its fields as JSON's types, without the id and without other dataclasses."""
    assert is_dataclass(one)
    found = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "id"}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
