"""Menus to start from, by kind of restaurant: small, real, in French and English, with allergens and VAT.

Each kind is one JSON file with both languages side by side (French first), so that they can't grow apart. Prices are
cents in whatever currency the restaurant has.
"""

from __future__ import annotations

import uuid
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain import allergens
from domain.menu import (
    Amount,
    ComboChoice,
    ComboPart,
    HalvesRule,
    Ingredient,
    ItemSize,
    Menu,
    MenuCategory,
    MenuItem,
    ModifierGroup,
    ModifierOption,
    ServedHours,
)
from domain.restaurant import Restaurant
from domain.vat import VatClass, VatRates, rates_of_class, same_rate, standard_rate_bp

_FOLDER = Path(__file__).parent
_EXAMPLES = uuid.uuid5(uuid.NAMESPACE_URL, "https://alloresto.com/example-menus")

Both = tuple[str, str]


class Kind(NamedTuple):
    """``id`` names the kind in URLs and for ``load``; ``title`` is in the language asked for."""

    id: str
    title: str


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Option(_Node, frozen=True):
    name: Both
    cents: int = 0
    aliases: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    groups: tuple[str, ...] = ()


class _Group(_Node, frozen=True):
    name: Both
    minimum: int
    maximum: int
    options: tuple[_Option, ...]
    included: int = 0
    amounts: tuple[Amount, ...] = ()


class _Part(_Node, frozen=True):
    """A choice is an item's French name, with what it adds where it does."""

    name: Both
    choices: tuple[str | tuple[str, int], ...]


class _Ingredient(_Node, frozen=True, array_like=True):
    french: str
    english: str
    extra_cents: int = 0


class _Item(_Node, frozen=True):
    name: Both
    cents: int = 0
    sizes: tuple[tuple[Both, int], ...] = ()
    description: Both = ("", "")
    vat: VatClass | None = None
    groups: tuple[str, ...] = ()
    allergens: tuple[str, ...] = ()
    aliases: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    ingredients: tuple[_Ingredient, ...] = ()
    combo: tuple[_Part, ...] = ()
    served: tuple[tuple[tuple[int, ...], str, str], ...] = ()


class _Category(_Node, frozen=True):
    name: Both
    vat: VatClass
    items: tuple[_Item, ...]
    halves: HalvesRule | None = None
    served: tuple[tuple[tuple[int, ...], str, str], ...] = ()


class _Example(_Node, frozen=True):
    title: Both
    groups: dict[str, _Group]
    categories: tuple[_Category, ...]


def kinds(language: str) -> tuple[Kind, ...]:
    """What there is, by title in ``language`` (``fr`` or ``en``)."""
    at = _place(language)
    found = (Kind(path.stem, _read(path.stem).title[at]) for path in _FOLDER.glob("*.json"))
    return tuple(sorted(found, key=lambda kind: kind.title))


def load(kind: str, restaurant: Restaurant) -> Menu:
    """The example as a menu of ``restaurant``, in its language, currency and country's VAT.

    Its ids are derived from the restaurant's, so that loading it twice makes the same menu. Raises KeyError for a
    kind that is none.
    """
    if not kind.isidentifier() or not (_FOLDER / f"{kind}.json").is_file():
        raise KeyError(kind)
    return _Builder(_read(kind), restaurant).menu()


@cache
def _read(kind: str) -> _Example:
    return msgspec.json.decode((_FOLDER / f"{kind}.json").read_bytes(), type=_Example)


def _place(language: str) -> int:
    return 0 if language.startswith("fr") else 1


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _served(spans: tuple[tuple[tuple[int, ...], str, str], ...]) -> tuple[ServedHours, ...]:
    return tuple(ServedHours(days, _minutes(opens), _minutes(closes)) for days, opens, closes in spans)


class _Builder:
    """Names things of the example in one language; an item's French name is what it is known by inside."""

    def __init__(self, example: _Example, restaurant: Restaurant) -> None:
        self._example = example
        self._restaurant = restaurant
        self._at = _place(restaurant.language)

    def menu(self) -> Menu:
        groups = {key: self._group(key, group) for key, group in self._example.groups.items()}
        categories = tuple(
            MenuCategory(
                self._id("category", one.name[0]), one.name[self._at], position, one.halves, _served(one.served)
            )
            for position, one in enumerate(self._example.categories)
        )
        items = (self._item(category, item, groups) for category in self._example.categories for item in category.items)
        known = self._restaurant
        return Menu(known.id, known.currency, known.language, categories, tuple(items))

    def _id(self, *names: str) -> str:
        return str(uuid.uuid5(_EXAMPLES, "/".join((self._restaurant.id, *names))))

    def _group(self, key: str, group: _Group) -> ModifierGroup:
        options = (
            ModifierOption(
                self._id("option", key, one.name[0]),
                one.name[self._at],
                one.cents,
                aliases=one.aliases[self._at],
                groups=tuple(self._group(inner, self._example.groups[inner]) for inner in one.groups),
            )
            for one in group.options
        )
        return ModifierGroup(
            self._id("group", key),
            group.name[self._at],
            group.minimum,
            group.maximum,
            tuple(options),
            group.included,
            group.amounts,
        )

    def _item(self, category: _Category, item: _Item, groups: dict[str, ModifierGroup]) -> MenuItem:
        key, at = item.name[0], self._at
        sizes = item.sizes or ((("", ""), item.cents),)
        ingredients = (
            Ingredient(self._id("ingredient", key, one.french), (one.french, one.english)[at], one.extra_cents)
            for one in item.ingredients
        )
        return MenuItem(
            id=self._id("item", key),
            category_id=self._id("category", category.name[0]),
            name=item.name[at],
            sizes=tuple(ItemSize(self._id("size", key, name[0]), name[at], cents) for name, cents in sizes),
            vat=self._vat(item.vat or category.vat),
            description=item.description[at],
            modifier_groups=tuple(groups[one] for one in item.groups),
            allergens=tuple(allergens.word(code, self._restaurant.language) for code in item.allergens),
            aliases=item.aliases[at],
            ingredients=tuple(ingredients),
            combo=tuple(self._part(key, part) for part in item.combo),
            served=_served(item.served),
        )

    def _part(self, item_key: str, part: _Part) -> ComboPart:
        pairs = ((choice, 0) if isinstance(choice, str) else choice for choice in part.choices)
        choices = tuple(ComboChoice(self._id("item", name), cents) for name, cents in pairs)
        return ComboPart(self._id("part", item_key, part.name[0]), part.name[self._at], choices)

    def _vat(self, name: VatClass) -> VatRates:
        country = self._restaurant.country
        return rates_of_class(country, name) or same_rate(standard_rate_bp(country))
