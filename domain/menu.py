"""A restaurant's menu as the caller hears it: items with sizes, modifier groups, ingredients, allergens; combos.

Prices are integer cents, VAT included. An item always has at least one size; an item sold in one size has
a single unnamed one (``name == ""``), so that a price always belongs to a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from domain.vat import VatRates

# How much of an option or an ingredient: "side" is served apart, "without" takes off what comes with the dish.
Amount = Literal["regular", "light", "extra", "side", "without"]
AMOUNTS: tuple[Amount, ...] = get_args(Amount)

# What an item of two halves costs: as the dearer one, the middle of the two, or half of each rounded up to a cent.
HalvesRule = Literal["dearer", "average", "half_each"]
HALVES_RULES: tuple[HalvesRule, ...] = get_args(HalvesRule)


class ServedHours(NamedTuple):
    """When something is served: minutes after local midnight; ``closes`` may pass 1440 (past midnight).

    ``weekdays`` are those on which it begins, 0 for Monday. Nothing said is always.
    """

    weekdays: tuple[int, ...]
    opens: int
    closes: int


class Ingredient(NamedTuple):
    """Something that comes with a dish. ``extra_cents`` is the price of more of it."""

    id: str
    name: str
    extra_cents: int = 0
    removable: bool = True
    aliases: tuple[str, ...] = ()


class ComboChoice(NamedTuple):
    """An item that may fill a part, with what it adds to the combo's price in cents."""

    item_id: str
    extra_cents: int = 0


class ComboPart(NamedTuple):
    """One of the things a combo is made of: exactly one of ``choices``."""

    id: str
    name: str
    choices: tuple[ComboChoice, ...]


@dataclass(frozen=True, slots=True)
class ItemSize:
    """One size of an item and its price in cents, VAT included."""

    id: str
    name: str
    price_cents: int
    available: bool = True
    off_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModifierOption:
    """One choice of a group, with what it adds to the unit price in cents (0 for free).

    ``groups`` are to be chosen from when the option is; their own options have none.
    """

    id: str
    name: str
    price_cents: int = 0
    available: bool = True
    off_until: datetime | None = None
    aliases: tuple[str, ...] = ()
    groups: tuple[ModifierGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class ModifierGroup:
    """A choice to make: at least ``minimum`` and at most ``maximum`` different options.

    The dearest ``included`` of the chosen ones are in the item's price: so no order of naming them costs more than
    another. ``amounts`` are those that may be asked for beside the regular one; ``light_percent`` and
    ``extra_percent`` say what they cost, of the option's price.
    """

    id: str
    name: str
    minimum: int
    maximum: int
    options: tuple[ModifierOption, ...]
    included: int = 0
    amounts: tuple[Amount, ...] = ()
    light_percent: int = 100
    extra_percent: int = 200


@dataclass(frozen=True, slots=True)
class MenuItem:
    """``available`` is False while the item is 86'd: for good, or until ``off_until`` (``domain.serving``).

    A combo has ``combo`` parts; its sizes are the combo's own, and go over to those parts that have a size of that
    name. ``served`` comes on top of the category's. ``photo`` is the digest of its picture, which callers never see.
    """

    id: str
    category_id: str
    name: str
    sizes: tuple[ItemSize, ...]
    vat: VatRates
    description: str = ""
    modifier_groups: tuple[ModifierGroup, ...] = ()
    allergens: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    available: bool = True
    off_until: datetime | None = None
    ingredients: tuple[Ingredient, ...] = ()
    combo: tuple[ComboPart, ...] = ()
    served: tuple[ServedHours, ...] = ()
    photo: str = ""


@dataclass(frozen=True, slots=True)
class MenuCategory:
    """``halves`` is set where two items of the category may be had as halves of one."""

    id: str
    name: str
    position: int = 0
    halves: HalvesRule | None = None
    served: tuple[ServedHours, ...] = ()


@dataclass(frozen=True, slots=True)
class Menu:
    """``currency`` is an ISO 4217 code, ``language`` an ISO 639-1 code (``fr`` or ``en``).

    ``spare_groups`` are the modifier groups that nothing on the menu uses at present.
    """

    restaurant_id: str
    currency: str
    language: str
    categories: tuple[MenuCategory, ...]
    items: tuple[MenuItem, ...]
    spare_groups: tuple[ModifierGroup, ...] = ()


def groups_of(menu: Menu) -> dict[str, ModifierGroup]:
    """Every modifier group by id, in the order of their first use: of items, inside of options, spare ones."""
    found: dict[str, ModifierGroup] = {}
    for group in _groups(menu):
        found.setdefault(group.id, group)
    return found


def _groups(menu: Menu) -> Iterator[ModifierGroup]:
    tops = [group for item in menu.items for group in item.modifier_groups] + list(menu.spare_groups)
    yield from tops
    for top in tops:
        for option in top.options:
            yield from option.groups
