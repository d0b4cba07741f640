"""A restaurant's menu as the caller hears it: items with sizes, modifier groups, allergens.

Prices are integer cents, VAT included. An item always has at least one size; an item sold in one size has
a single unnamed one (``name == ""``), so that a price always belongs to a size.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.vat import VatRates


@dataclass(frozen=True, slots=True)
class ItemSize:
    """One size of an item and its price in cents, VAT included."""

    id: str
    name: str
    price_cents: int
    available: bool = True


@dataclass(frozen=True, slots=True)
class ModifierOption:
    """One choice of a group, with what it adds to the unit price in cents (0 for free)."""

    id: str
    name: str
    price_cents: int = 0
    available: bool = True


@dataclass(frozen=True, slots=True)
class ModifierGroup:
    """A choice to make: at least ``minimum`` and at most ``maximum`` different options."""

    id: str
    name: str
    minimum: int
    maximum: int
    options: tuple[ModifierOption, ...]


@dataclass(frozen=True, slots=True)
class MenuItem:
    """``available`` is False while the item is 86'd."""

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


@dataclass(frozen=True, slots=True)
class MenuCategory:
    id: str
    name: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Menu:
    """``currency`` is an ISO 4217 code, ``language`` an ISO 639-1 code (``fr`` or ``en``)."""

    restaurant_id: str
    currency: str
    language: str
    categories: tuple[MenuCategory, ...]
    items: tuple[MenuItem, ...]
