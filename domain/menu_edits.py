"""Edits that go through a whole menu: every option, every group, what is off by the ids of what is sold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from domain.menu import Menu, MenuItem, ModifierGroup, ModifierOption, groups_of

T = TypeVar("T", MenuItem, ModifierOption)

State = tuple[bool, datetime | None]
"""Whether it is there, and when it comes back by itself."""


def with_options(menu: Menu, edit: Callable[[ModifierOption], ModifierOption]) -> Menu:
    """Every option of every group as ``edit`` makes it."""

    def of_group(group: ModifierGroup) -> ModifierGroup:
        return replace(group, options=tuple(of_option(option) for option in group.options))

    def of_option(option: ModifierOption) -> ModifierOption:
        edited = edit(option)
        return replace(edited, groups=tuple(of_group(one) for one in edited.groups)) if edited.groups else edited

    return with_groups(menu, of_group)


def with_groups(menu: Menu, edit: Callable[[ModifierGroup], ModifierGroup]) -> Menu:
    """Every group that items have, or nobody, as ``edit`` makes it."""
    items = tuple(
        replace(item, modifier_groups=tuple(edit(group) for group in item.modifier_groups))
        if item.modifier_groups
        else item
        for item in menu.items
    )
    return replace(menu, items=items, spare_groups=tuple(edit(group) for group in menu.spare_groups))


def still_called(menu: Menu, before: Menu) -> Menu:
    """``menu``, of which everything also answers to its name in ``before``."""
    names = {item.id: item.name for item in before.items}
    for group in groups_of(before).values():
        names |= {option.id: option.name for option in group.options}

    def also(one: T) -> T:
        name = names.get(one.id, one.name)
        return one if name in (one.name, *one.aliases) else replace(one, aliases=(*one.aliases, name))

    return with_options(replace(menu, items=tuple(map(also, menu.items))), also)


def with_states(states: Mapping[str, State]) -> Callable[[Menu], Menu]:
    """By the ids of sizes and options. An item of which every size is said is off, or back, as a whole."""

    def of_item(item: MenuItem) -> MenuItem:
        said = [states[size.id] for size in item.sizes if size.id in states]
        if len(said) == len(item.sizes) and len(set(said)) == 1:
            available, until = said[0]
            sizes = tuple(replace(size, available=True, off_until=None) for size in item.sizes)
            return replace(item, available=available, off_until=until, sizes=sizes if available else item.sizes)
        sizes = tuple(
            replace(size, available=states[size.id][0], off_until=states[size.id][1]) if size.id in states else size
            for size in item.sizes
        )
        return replace(item, sizes=sizes)

    def of_option(option: ModifierOption) -> ModifierOption:
        if option.id not in states:
            return option
        available, until = states[option.id]
        return replace(option, available=available, off_until=until)

    return lambda menu: with_options(replace(menu, items=tuple(map(of_item, menu.items))), of_option)
