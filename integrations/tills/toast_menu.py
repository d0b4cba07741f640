"""Toast's published menus (v2) as one menu, with what its stock says has run out.

Written from Toast's OpenAPI description of the menus API 2.4 and the stock API 1.0 (doc.toasttab.com). Menu groups are
our categories. Prices that depend on a size, a sequence or the time of day are not the menu's to say: what has such a
one is left out, and named. Allergens are reserved there for later, and said by none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from domain.till_menus import Loss, TillCategory, TillGroup, TillItem, TillMenu, TillOption, TillSize

FIXED = (None, "NONE", "BASE_PRICE", "MENU_SPECIFIC_PRICE", "FIXED_PRICE", "GROUP_PRICE")


class Stock(msgspec.Struct):
    guid: str | None = None


class _Option(msgspec.Struct, rename="camel"):
    guid: str = ""
    name: str = ""
    price: float | None = None
    pricing_strategy: str | None = None
    modifier_group_references: list[int] = []


class _Group(msgspec.Struct, rename="camel"):
    guid: str = ""
    name: str = ""
    pricing_strategy: str | None = None
    min_selections: int | None = None
    max_selections: int | None = None
    modifier_option_references: list[int] = []


class _Alcohol(msgspec.Struct, rename="camel"):
    contains_alcohol: str | None = None


class _Advisories(msgspec.Struct):
    alcohol: _Alcohol | None = None


class _Item(msgspec.Struct, rename="camel"):
    guid: str = ""
    name: str = ""
    description: str | None = None
    price: float | None = None
    pricing_strategy: str | None = None
    tax_inclusion: str | None = None
    content_advisories: _Advisories | None = None
    modifier_group_references: list[int] = []


class _MenuGroup(msgspec.Struct, rename="camel"):
    guid: str = ""
    name: str = ""
    menu_groups: list[_MenuGroup] = []
    menu_items: list[_Item] = []


class _Menu(msgspec.Struct, rename="camel"):
    name: str = ""
    menu_groups: list[_MenuGroup] = []


class Menus(msgspec.Struct, rename="camel"):
    menus: list[_Menu] = []
    modifier_group_references: dict[int, _Group] = {}
    modifier_option_references: dict[int, _Option] = {}


def read(menus: Menus, out_of_stock: set[str]) -> TillMenu:
    reading = _Reading(menus, out_of_stock)
    shelves = [group for menu in menus.menus for one in menu.menu_groups for group in _all(one)]
    items = [item for shelf in shelves for one in shelf.menu_items if (item := reading.item(one, shelf)) is not None]
    used = {item.category for item in items}
    return TillMenu(
        categories=tuple(TillCategory(shelf.guid, shelf.name) for shelf in shelves if shelf.guid in used),
        items=tuple(items),
        groups=tuple(reading.groups.values()),
        losses=tuple(reading.losses),
    )


def _all(group: _MenuGroup) -> Iterator[_MenuGroup]:
    yield group
    for inner in group.menu_groups:
        yield from _all(inner)


@dataclass
class _Reading:
    menus: Menus
    out: set[str]
    groups: dict[str, TillGroup] = field(default_factory=dict)
    losses: dict[Loss, None] = field(default_factory=dict)

    def item(self, one: _Item, shelf: _MenuGroup) -> TillItem | None:
        if one.price is None or one.pricing_strategy not in FIXED:
            self.losses[Loss("item", one.name, "no_price")] = None
            return None
        if one.tax_inclusion == "TAX_NOT_INCLUDED":
            self.losses[Loss("item", one.name, "tax_on_top")] = None
        cents = round(one.price * 100)
        size = TillSize(code=one.guid, price_cents=cents, within=shelf.guid, off=one.guid in self.out)
        alcohol = one.content_advisories and one.content_advisories.alcohol
        return TillItem(
            code=one.guid,
            name=one.name,
            category=shelf.guid,
            sizes=(size,),
            description=one.description or "",
            diets=("alcohol",) if alcohol and alcohol.contains_alcohol == "YES" else (),
            groups=self._choices(one.modifier_group_references, frozenset()),
        )

    def _choices(self, references: list[int], above: frozenset[str]) -> tuple[str, ...]:
        """The codes of these groups, which are read when they are first met. ``above`` are those that they stand in."""
        found = []
        for reference in references:
            group = self.menus.modifier_group_references.get(reference)
            if group is None or not group.guid or group.guid in above:
                continue
            if group.guid not in self.groups:
                self.groups[group.guid] = self._group(group, above | {group.guid})
            found.append(group.guid)
        return tuple(found)

    def _group(self, group: _Group, above: frozenset[str]) -> TillGroup:
        options = []
        for reference in group.modifier_option_references:
            option = self.menus.modifier_option_references.get(reference)
            if option is None:
                continue
            is_fixed = option.pricing_strategy in FIXED and group.pricing_strategy in FIXED
            if option.price is None and not is_fixed:
                self.losses[Loss("option", option.name, "no_price")] = None
                continue
            cents = round((option.price or 0) * 100)
            if cents < 0:
                self.losses[Loss("option", option.name, "below_zero")] = None
                continue
            options.append(
                TillOption(
                    code=option.guid,
                    name=option.name,
                    price_cents=cents,
                    within=group.guid,
                    off=option.guid in self.out,
                    groups=self._choices(option.modifier_group_references, above),
                )
            )
        return TillGroup(
            code=group.guid,
            name=group.name,
            options=tuple(options),
            minimum=group.min_selections or 0,
            maximum=group.max_selections,
        )
