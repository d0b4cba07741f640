"""The menu as a document: the same when it is read and when it is put. Ids are the writer's, kept as they are."""

from __future__ import annotations

from typing import Annotated

import msgspec

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
from domain.vat import VatRates
from web.api.fields import Cents, Given, Id, Instant, Name, Text, Word

Count = Annotated[int, msgspec.Meta(ge=0, le=100)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=1000)]
BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=10_000, description="Basis points: 1000 is 10 %.")]
Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)]
Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=2880)]
OffUntil = Instant | None


class ServedDocument(Given, frozen=True, kw_only=True):
    """Minutes after local midnight; ``closes`` may pass 1440. ``weekdays``: 0 is Monday."""

    weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)]
    opens: Minute
    closes: Minute


Served = Annotated[tuple[ServedDocument, ...], msgspec.Meta(max_length=21)]


class SizeDocument(Given, frozen=True, kw_only=True):
    """``name`` is empty where the item is sold in one size."""

    id: Id
    name: Word
    price_cents: Cents
    available: bool = True
    off_until: OffUntil = None


class OptionDocument(Given, frozen=True, kw_only=True):
    """``groups`` are to be chosen from when the option is; theirs have none."""

    id: Id
    name: Name
    price_cents: Cents = 0
    available: bool = True
    off_until: OffUntil = None
    aliases: Words = ()
    groups: Annotated[tuple[GroupDocument, ...], msgspec.Meta(max_length=20)] = ()


class GroupDocument(Given, frozen=True, kw_only=True):
    """At least ``minimum`` and at most ``maximum`` options; the dearest ``included`` of them are in the price."""

    id: Id
    name: Name
    minimum: Count
    maximum: Count
    options: Annotated[tuple[OptionDocument, ...], msgspec.Meta(max_length=100)]
    included: Count = 0
    amounts: Annotated[tuple[Amount, ...], msgspec.Meta(max_length=5)] = ()
    light_percent: Percent = 100
    extra_percent: Percent = 200


class IngredientDocument(Given, frozen=True, kw_only=True):
    """Comes with the dish; ``extraCents`` is the price of more of it."""

    id: Id
    name: Name
    extra_cents: Cents = 0
    removable: bool = True
    aliases: Words = ()


class ChoiceDocument(Given, frozen=True, kw_only=True):
    item_id: Id
    extra_cents: Cents = 0


class PartDocument(Given, frozen=True, kw_only=True):
    """One of the things that a combo is made of: exactly one of the choices."""

    id: Id
    name: Name
    choices: Annotated[tuple[ChoiceDocument, ...], msgspec.Meta(max_length=100)]


class ItemDocument(Given, frozen=True, kw_only=True):
    """``available`` is false while the item is off, until ``offUntil`` where that is set."""

    id: Id
    category_id: Id
    name: Name
    sizes: Annotated[tuple[SizeDocument, ...], msgspec.Meta(min_length=1, max_length=20)]
    vat_take_away_bp: BasisPoints
    vat_dine_in_bp: BasisPoints
    description: Text = ""
    modifier_groups: Annotated[tuple[GroupDocument, ...], msgspec.Meta(max_length=30)] = ()
    allergens: Words = ()
    aliases: Words = ()
    available: bool = True
    off_until: OffUntil = None
    ingredients: Annotated[tuple[IngredientDocument, ...], msgspec.Meta(max_length=50)] = ()
    combo: Annotated[tuple[PartDocument, ...], msgspec.Meta(max_length=20)] = ()
    served: Served = ()


class CategoryDocument(Given, frozen=True, kw_only=True):
    """Its place in the list is its place on the menu. ``halves``: what two halves of its items cost as one."""

    id: Id
    name: Name
    halves: HalvesRule | None = None
    served: Served = ()


class MenuGiven(Given, frozen=True, kw_only=True):
    """A group that several items share has the same id, and the same content, in each."""

    categories: Annotated[tuple[CategoryDocument, ...], msgspec.Meta(max_length=100)]
    items: Annotated[tuple[ItemDocument, ...], msgspec.Meta(max_length=1000)]
    spare_groups: Annotated[tuple[GroupDocument, ...], msgspec.Meta(max_length=100)] = ()


# --- From the domain ------------------------------------------------------------------------------------------------


def _served_shown(hours: tuple[ServedHours, ...]) -> tuple[ServedDocument, ...]:
    return tuple(ServedDocument(weekdays=one.weekdays, opens=one.opens, closes=one.closes) for one in hours)


def _option_shown(option: ModifierOption) -> OptionDocument:
    return OptionDocument(
        id=option.id,
        name=option.name,
        price_cents=option.price_cents,
        available=option.available,
        off_until=option.off_until,
        aliases=option.aliases,
        groups=tuple(map(_group_shown, option.groups)),
    )


def _group_shown(group: ModifierGroup) -> GroupDocument:
    return GroupDocument(
        id=group.id,
        name=group.name,
        minimum=group.minimum,
        maximum=group.maximum,
        options=tuple(map(_option_shown, group.options)),
        included=group.included,
        amounts=group.amounts,
        light_percent=group.light_percent,
        extra_percent=group.extra_percent,
    )


def _part_shown(part: ComboPart) -> PartDocument:
    choices = tuple(ChoiceDocument(item_id=one.item_id, extra_cents=one.extra_cents) for one in part.choices)
    return PartDocument(id=part.id, name=part.name, choices=choices)


def item_shown(item: MenuItem) -> ItemDocument:
    return ItemDocument(
        id=item.id,
        category_id=item.category_id,
        name=item.name,
        sizes=tuple(
            SizeDocument(
                id=one.id,
                name=one.name,
                price_cents=one.price_cents,
                available=one.available,
                off_until=one.off_until,
            )
            for one in item.sizes
        ),
        vat_take_away_bp=item.vat.take_away_bp,
        vat_dine_in_bp=item.vat.dine_in_bp,
        description=item.description,
        modifier_groups=tuple(map(_group_shown, item.modifier_groups)),
        allergens=item.allergens,
        aliases=item.aliases,
        available=item.available,
        off_until=item.off_until,
        ingredients=tuple(
            IngredientDocument(
                id=one.id,
                name=one.name,
                extra_cents=one.extra_cents,
                removable=one.removable,
                aliases=one.aliases,
            )
            for one in item.ingredients
        ),
        combo=tuple(map(_part_shown, item.combo)),
        served=_served_shown(item.served),
    )


def menu_shown(menu: Menu) -> MenuGiven:
    return MenuGiven(
        categories=tuple(
            CategoryDocument(id=one.id, name=one.name, halves=one.halves, served=_served_shown(one.served))
            for one in menu.categories
        ),
        items=tuple(map(item_shown, menu.items)),
        spare_groups=tuple(map(_group_shown, menu.spare_groups)),
    )


# --- To the domain --------------------------------------------------------------------------------------------------


def _served_read(hours: tuple[ServedDocument, ...]) -> tuple[ServedHours, ...]:
    return tuple(ServedHours(one.weekdays, one.opens, one.closes) for one in hours)


def _option_read(option: OptionDocument) -> ModifierOption:
    return ModifierOption(
        option.id.lower(),
        option.name,
        option.price_cents,
        option.available,
        option.off_until,
        option.aliases,
        tuple(map(_group_read, option.groups)),
    )


def _group_read(group: GroupDocument) -> ModifierGroup:
    return ModifierGroup(
        group.id.lower(),
        group.name,
        group.minimum,
        group.maximum,
        tuple(map(_option_read, group.options)),
        group.included,
        group.amounts,
        group.light_percent,
        group.extra_percent,
    )


def _part_read(part: PartDocument) -> ComboPart:
    choices = tuple(ComboChoice(one.item_id.lower(), one.extra_cents) for one in part.choices)
    return ComboPart(part.id.lower(), part.name, choices)


def _item_read(item: ItemDocument, photo: str) -> MenuItem:
    return MenuItem(
        id=item.id.lower(),
        category_id=item.category_id.lower(),
        name=item.name,
        sizes=tuple(
            ItemSize(one.id.lower(), one.name, one.price_cents, one.available, one.off_until) for one in item.sizes
        ),
        vat=VatRates(item.vat_take_away_bp, item.vat_dine_in_bp),
        description=item.description,
        modifier_groups=tuple(map(_group_read, item.modifier_groups)),
        allergens=item.allergens,
        aliases=item.aliases,
        available=item.available,
        off_until=item.off_until,
        ingredients=tuple(
            Ingredient(one.id.lower(), one.name, one.extra_cents, one.removable, one.aliases)
            for one in item.ingredients
        ),
        combo=tuple(map(_part_read, item.combo)),
        served=_served_read(item.served),
        photo=photo,
    )


def menu_read(given: MenuGiven, now: Menu) -> Menu:
    """The menu that is wanted, of the restaurant that ``now`` is of. Items keep their photos."""
    photos = {item.id: item.photo for item in now.items}
    return Menu(
        restaurant_id=now.restaurant_id,
        currency=now.currency,
        language=now.language,
        categories=tuple(
            MenuCategory(one.id.lower(), one.name, position, one.halves, _served_read(one.served))
            for position, one in enumerate(given.categories)
        ),
        items=tuple(_item_read(one, photos.get(one.id.lower(), "")) for one in given.items),
        spare_groups=tuple(map(_group_read, given.spare_groups)),
    )
