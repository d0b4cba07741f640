"""The menu that Deliverect pushes to a channel.

Written from its public pages of 2026 (developers.deliverect.com: How to Receive Menus, Channel Menus - Glossary,
Modifiers and Quantities, Variants, Custom Tags and Allergens - List, Taxes).

Products, groups, options and bundles are objects by an id of theirs that changes with each push; what names a thing
for good is its PLU. Prices are cents, taxes thousandths of a percent. A size (variant) comes as a group of one to be
chosen, and is ordered so; so does a part of a bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from domain.till_menus import Loss, TillCategory, TillGroup, TillItem, TillMenu, TillOption, TillSize
from domain.vat import VatRates

# 114 to 127 are the kinds of nuts and cereals; 128 and 130 are none of the fourteen.
ALLERGENS: dict[int, str] = {
    100: "celery",
    101: "gluten",
    102: "crustaceans",
    103: "fish",
    104: "eggs",
    105: "lupin",
    106: "milk",
    107: "molluscs",
    108: "mustard",
    109: "nuts",
    110: "peanuts",
    111: "sesame",
    112: "soya",
    113: "sulphites",
    114: "nuts",
    115: "gluten",
    116: "nuts",
    117: "nuts",
    118: "nuts",
    119: "gluten",
    120: "nuts",
    121: "gluten",
    122: "nuts",
    123: "nuts",
    124: "gluten",
    125: "gluten",
    126: "nuts",
    127: "gluten",
    129: "milk",
    131: "nuts",
    132: "crustaceans",
    133: "nuts",
    134: "gluten",
}
DIETS: dict[int, str] = {1: "alcohol", 2: "halal", 3: "kosher", 4: "vegan", 5: "vegetarian", 8: "organic"}
FIRST_ALLERGEN = 100  # below are sorts of goods, of which a caller needs none but DIETS
DEEPEST = 8  # groups in one another: callers choose from two, and no more of them are walked through
SHELLFISH = 132  # in English both of crustaceans and molluscs


class _Product(msgspec.Struct, rename="camel"):
    """A dish, a group, an option or a bundle: they have one shape."""

    plu: str = ""
    name: str = ""
    description: str | None = None
    price: int | None = None
    min: int | None = None
    max: int | None = None
    multi_max: int | None = None
    snoozed: bool | None = None
    takeaway_tax: int | None = None
    eat_in_tax: int | None = None
    product_tags: list[int] | None = None
    sub_products: list[str] | None = None


class _Category(msgspec.Struct, rename="camel"):
    name: str = ""
    sub_products: list[str] | None = None
    availabilities: list[Any] | None = None


class _Snooze(msgspec.Struct, rename="camel"):
    snooze_end: datetime | None = None


class PushedMenu(msgspec.Struct, rename="camel"):
    menu: str = ""
    categories: list[_Category] = []
    products: dict[str, _Product] = {}
    modifier_groups: dict[str, _Product] = {}
    modifiers: dict[str, _Product] = {}
    bundles: dict[str, _Product] = {}
    snoozed_products: dict[str, Any] | None = None


def read(menus: list[PushedMenu]) -> TillMenu:
    """Several menus are one: a dish that stands in two is told to be, and taken from the first."""
    categories: dict[str, TillCategory] = {}
    items: list[TillItem] = []
    groups: dict[str, TillGroup] = {}
    losses: dict[Loss, None] = {}
    for menu in menus:
        reading = _Reading(menu, groups, losses)
        for category in menu.categories:
            name = " ".join(category.name.split())
            categories.setdefault(name, TillCategory(name, name))
            if category.availabilities:
                losses[Loss("category", name, "hours")] = None
            items += [reading.item(product, name) for product in reading.products(category)]
    return TillMenu(
        categories=tuple(categories.values()),
        items=tuple(items),
        groups=tuple(groups.values()),
        losses=tuple(losses),
    )


@dataclass
class _Reading:
    menu: PushedMenu
    groups: dict[str, TillGroup]
    losses: dict[Loss, None]
    _things: dict[str, _Product] = field(init=False)

    def __post_init__(self) -> None:
        self._things = {**self.menu.products, **self.menu.modifiers}

    def products(self, category: _Category) -> Iterator[_Product]:
        for one in category.sub_products or []:
            product = self.menu.products.get(one) or self.menu.bundles.get(one)
            if product is None or not product.plu:
                continue
            if self._is_priced("item", product):
                yield product

    def item(self, product: _Product, category: str) -> TillItem:
        off, until = self._off(product)
        allergens, diets = self._tags(product)
        return TillItem(
            code=product.plu,
            name=product.name,
            category=category,
            sizes=(TillSize(code=product.plu, price_cents=product.price or 0, off=off, off_until=until),),
            description=product.description or "",
            allergens=allergens,
            diets=diets,
            groups=self._choices(product, frozenset()),
            vat=_vat(product),
        )

    def _choices(self, product: _Product, above: frozenset[str]) -> tuple[str, ...]:
        """The codes of its groups, which are read when they are first met. ``above`` are those that it stands in."""
        found = []
        for one in product.sub_products or []:
            group = self.menu.modifier_groups.get(one) or self.menu.bundles.get(one)
            if group is None or not group.plu or group.plu in above:
                continue
            if len(above) >= DEEPEST:
                self.losses[Loss("group", group.name, "deeper")] = None
                continue
            if group.plu not in self.groups:
                self.groups[group.plu] = self._group(group, above | {group.plu})
            found.append(group.plu)
        return tuple(found)

    def _group(self, group: _Product, above: frozenset[str]) -> TillGroup:
        if (group.multi_max or 1) > 1:
            self.losses[Loss("group", group.name, "again", str(group.multi_max))] = None
        options = []
        for one in group.sub_products or []:
            option = self._things.get(one)
            if option is None or not option.plu:
                continue
            if not self._is_priced("option", option):
                continue
            off, until = self._off(option)
            allergens, _ = self._tags(option)
            if allergens:
                self.losses[Loss("option", option.name, "allergens", " ".join(allergens))] = None
            options.append(
                TillOption(
                    code=option.plu,
                    name=option.name,
                    price_cents=option.price or 0,
                    off=off,
                    off_until=until,
                    groups=self._choices(option, above),
                )
            )
        return TillGroup(
            code=group.plu,
            name=group.name,
            options=tuple(options),
            minimum=group.min or 0,
            maximum=group.max or None,  # 0 is any number
        )

    def _is_priced(self, kind: Literal["item", "option"], product: _Product) -> bool:
        """What has no price is not free of charge."""
        if product.price is None or product.price < 0:
            self.losses[Loss(kind, product.name, "no_price" if product.price is None else "below_zero")] = None
            return False
        return True

    def _off(self, product: _Product) -> tuple[bool, datetime | None]:
        snoozed: Mapping[str, Any] = self.menu.snoozed_products or {}
        said = snoozed.get(product.plu)
        if said is None:
            return bool(product.snoozed), None
        try:
            return True, msgspec.convert(said, type=_Snooze).snooze_end
        except msgspec.ValidationError:
            return True, None

    def _tags(self, product: _Product) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Allergens and diets. What may be an allergen and is not known is told by its number, never left out."""
        allergens: dict[str, None] = {}
        for tag in product.product_tags or []:
            if tag in ALLERGENS:
                allergens[ALLERGENS[tag]] = None
                if tag == SHELLFISH:
                    allergens["molluscs"] = None
            elif tag >= FIRST_ALLERGEN:
                self.losses[Loss("item", product.name, "tag", str(tag))] = None
        diets = tuple(DIETS[tag] for tag in product.product_tags or [] if tag in DIETS)
        return tuple(allergens), diets


def _vat(product: _Product) -> VatRates | None:
    """None where both are nothing: no tax rate was entered."""
    take_away, eat_in = product.takeaway_tax or 0, product.eat_in_tax or 0
    if not take_away and not eat_in:
        return None
    return VatRates(take_away // 10, eat_in // 10)
