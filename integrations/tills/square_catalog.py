"""Square's catalogue as a menu: items with their variations, modifier lists, and what is marked as sold out.

Written from Square's OpenAPI description of 2026 (CatalogItem, CatalogItemVariation, CatalogModifierList,
CatalogItemModifierListInfo, ItemVariationLocationOverrides, CatalogItemFoodAndBeverageDetails). A list is a group for
all items that have it, unless an item asks for more or fewer of it: then it has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from domain.till_menus import Loss, LossKind, Reason, TillCategory, TillGroup, TillItem, TillMenu, TillOption, TillSize

UNSORTED = TillCategory("-", "Menu")
ALLERGENS = {
    "CELERY": "celery",
    "CRUSTACEANS": "crustaceans",
    "EGGS": "eggs",
    "FISH": "fish",
    "GLUTEN": "gluten",
    "LUPIN": "lupin",
    "MILK": "milk",
    "MOLLUSCS": "molluscs",
    "MUSTARD": "mustard",
    "PEANUTS": "peanuts",
    "SESAME": "sesame",
    "SOY": "soya",
    "SULPHITES": "sulphites",
    "TREE_NUTS": "nuts",
}
DIETS = {"VEGAN": "vegan", "VEGETARIAN": "vegetarian", "HALAL": "halal", "KOSHER": "kosher"}
ONLY_ONE = "Regular"  # what Square calls the variation of an item that has one


class _Money(msgspec.Struct):
    amount: int | None = None
    currency: str = ""


class _Override(msgspec.Struct):
    location_id: str = ""
    price_money: _Money | None = None
    sold_out: bool = False
    sold_out_valid_until: datetime | None = None


class _Priced(msgspec.Struct):
    """What a modifier says, and a variation too."""

    name: str = ""
    price_money: _Money | None = None
    location_overrides: list[_Override] = []


class _Variation(_Priced):
    sellable: bool = True


class _ListInfo(msgspec.Struct):
    modifier_list_id: str
    min_selected_modifiers: int | None = None
    max_selected_modifiers: int | None = None
    enabled: bool = True


class _Preference(msgspec.Struct):
    type: str = ""
    standard_name: str = ""
    custom_name: str = ""


class _Food(msgspec.Struct):
    dietary_preferences: list[_Preference] = []
    ingredients: list[_Preference] = []


class _CategoryId(msgspec.Struct):
    id: str = ""


class _Item(msgspec.Struct):
    name: str = ""
    description_plaintext: str = ""
    description: str = ""
    category_id: str = ""
    categories: list[_CategoryId] = []
    variations: list[Object] = []
    modifier_list_info: list[_ListInfo] = []
    food_and_beverage_details: _Food | None = None
    tax_ids: list[str] = []
    is_archived: bool = False
    is_alcoholic: bool = False


class _List(msgspec.Struct):
    name: str = ""
    selection_type: str = ""
    modifier_type: str = "LIST"
    min_selected_modifiers: int | None = None
    max_selected_modifiers: int | None = None
    allow_quantities: bool = False
    modifiers: list[Object] = []


class _Named(msgspec.Struct):
    name: str = ""


class _Tax(msgspec.Struct):
    inclusion_type: str = ""
    enabled: bool = True


class Object(msgspec.Struct):
    """One of the catalogue: what it is shows by which of its data it has."""

    id: str
    type: str = ""
    is_deleted: bool = False
    present_at_all_locations: bool = True
    present_at_location_ids: list[str] = []
    absent_at_location_ids: list[str] = []
    item_data: _Item | None = None
    item_variation_data: _Variation | None = None
    modifier_list_data: _List | None = None
    modifier_data: _Priced | None = None
    category_data: _Named | None = None
    tax_data: _Tax | None = None

    def is_at(self, location: str) -> bool:
        if self.is_deleted or location in self.absent_at_location_ids:
            return False
        return self.present_at_all_locations or location in self.present_at_location_ids


class Page(msgspec.Struct):
    objects: list[Object] = []
    cursor: str = ""


def currencies(objects: Iterable[Object]) -> set[str]:
    """Those that prices are in; "" for one that does not say."""
    money: list[_Money | None] = []
    for data in (data for one in objects for data in _priced(one)):
        money += [data.price_money, *(own.price_money for own in data.location_overrides)]
    return {one.currency for one in money if one is not None and one.amount}


def _priced(one: Object) -> Iterable[_Priced]:
    for each in (one, *(one.item_data.variations if one.item_data else ())):
        if each.item_variation_data:
            yield each.item_variation_data
    for option in one.modifier_list_data.modifiers if one.modifier_list_data else ():
        if option.modifier_data:
            yield option.modifier_data


def read(objects: Iterable[Object], location: str) -> TillMenu:
    here = [one for one in objects if one.is_at(location)]
    reading = _Reading(location, {one.id: one.modifier_list_data for one in here if one.modifier_list_data})
    on_top = {
        one.id for one in here if one.tax_data and one.tax_data.inclusion_type == "ADDITIVE" and one.tax_data.enabled
    }
    categories = {one.id: TillCategory(one.id, one.category_data.name) for one in here if one.category_data}
    items = []
    for one in here:
        if one.item_data is None or one.item_data.is_archived:
            continue
        if on_top & set(one.item_data.tax_ids):
            reading.lose("item", one.item_data.name, "tax_on_top")
        item = reading.item(one.id, one.item_data, categories)
        if item is not None:
            items.append(item)
    shelves = {item.category for item in items}
    return TillMenu(
        categories=tuple(one for one in (*categories.values(), UNSORTED) if one.code in shelves),
        items=tuple(items),
        groups=tuple(reading.groups.values()),
        losses=tuple(reading.losses),
    )


@dataclass
class _Reading:
    location: str
    lists: dict[str, _List]
    groups: dict[str, TillGroup] = field(default_factory=dict)
    losses: dict[Loss, None] = field(default_factory=dict)

    def lose(self, kind: LossKind, name: str, reason: Reason, detail: str = "") -> None:
        self.losses[Loss(kind, name, reason, detail)] = None

    def item(self, code: str, one: _Item, categories: dict[str, TillCategory]) -> TillItem | None:
        sizes = self._sizes(one)
        if not sizes:
            self.lose("item", one.name, "no_price")
            return None
        named = [shelf.id for shelf in one.categories if shelf.id in categories]
        if len(named) > 1:
            self.lose("item", one.name, "several_places")
        shelf = next(iter(named), one.category_id if one.category_id in categories else UNSORTED.code)
        allergens, diets = self._food(one)
        return TillItem(
            code=code,
            name=one.name,
            category=shelf,
            sizes=sizes,
            description=one.description_plaintext or one.description,
            allergens=allergens,
            diets=(*diets, *(("alcohol",) if one.is_alcoholic else ())),
            groups=tuple(
                group for info in one.modifier_list_info if info.enabled and (group := self._group(info)) is not None
            ),
        )

    def _sizes(self, one: _Item) -> tuple[TillSize, ...]:
        known = [size for size in one.variations if size.item_variation_data and size.is_at(self.location)]
        sizes = []
        for size in known:
            data = size.item_variation_data
            assert data is not None
            cents, off, until = self._here(data)
            if not data.sellable or cents is None:
                self.lose("size", f"{one.name} {data.name}".strip(), "no_price")
                continue
            name = "" if len(known) == 1 and data.name == ONLY_ONE else data.name
            sizes.append(TillSize(code=size.id, price_cents=cents, name=name, off=off, off_until=until))
        return tuple(sizes)

    def _group(self, info: _ListInfo) -> str | None:
        found = self.lists.get(info.modifier_list_id)
        if found is None:
            return None
        if found.modifier_type == "TEXT":
            self.lose("group", found.name, "free_text")
            return None
        least = _said(info.min_selected_modifiers, found.min_selected_modifiers) or 0
        most = _said(info.max_selected_modifiers, found.max_selected_modifiers)
        if found.selection_type == "SINGLE":
            most = 1
        is_own = (_said(info.min_selected_modifiers), _said(info.max_selected_modifiers)) != (None, None)
        code = f"{info.modifier_list_id}|{least}-{most or ''}" if is_own else info.modifier_list_id
        if code not in self.groups:
            if found.allow_quantities:
                self.lose("group", found.name, "again")
            options = tuple(filter(None, map(self._option, found.modifiers)))
            self.groups[code] = TillGroup(code=code, name=found.name, options=options, minimum=least, maximum=most)
        return code

    def _option(self, one: Object) -> TillOption | None:
        data = one.modifier_data
        if data is None or not one.is_at(self.location):
            return None
        cents, off, until = self._here(data)
        if (cents or 0) < 0:
            self.lose("option", data.name, "below_zero")
            return None
        return TillOption(code=one.id, name=data.name, price_cents=cents or 0, off=off, off_until=until)

    def _food(self, one: _Item) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Allergens and diets; an ingredient that is none of the fourteen is told by its name."""
        food = one.food_and_beverage_details or _Food()
        allergens: dict[str, None] = {}
        for ingredient in food.ingredients:
            if ingredient.standard_name in ALLERGENS:
                allergens[ALLERGENS[ingredient.standard_name]] = None
            else:
                self.lose("item", one.name, "tag", ingredient.standard_name or ingredient.custom_name)
        diets = [DIETS[diet.standard_name] for diet in food.dietary_preferences if diet.standard_name in DIETS]
        return tuple(allergens), tuple(diets)

    def _here(self, data: _Priced) -> tuple[int | None, bool, datetime | None]:
        """Its price at this location, and whether it is sold out there, until when."""
        overrides = (one for one in data.location_overrides if one.location_id == self.location)
        own = next(overrides, _Override())
        price = own.price_money or data.price_money or _Money()
        return price.amount, own.sold_out, own.sold_out_valid_until


def _said(*numbers: int | None) -> int | None:
    """The first that says something: -1 and nothing mean the next one."""
    return next((one for one in numbers if one is not None and one >= 0), None)
