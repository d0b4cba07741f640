"""Turns a checked seed file into the domain's types.

Every id is derived from the restaurant's slug and the thing's name (UUID version 5), so that seeding again finds
what it made before and two machines agree on it.
"""

import uuid

from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.restaurant import DeliveryZone, FaqEntry, Opening, Restaurant
from seeds.files import (
    WEEKDAYS,
    CategorySeed,
    ItemSeed,
    SeedFile,
    cents,
    country_of,
    span_minutes,
    vat_rates,
)

_SEEDS = uuid.uuid5(uuid.NAMESPACE_URL, "https://alloresto.com/seeds")


def seed_id(slug: str, *names: str) -> str:
    """The id of the thing at the path ``names`` in the restaurant ``slug``; without names, of the restaurant itself."""
    return str(uuid.uuid5(_SEEDS, "/".join((slug, *names))))


def restaurant_of(content: SeedFile) -> Restaurant:
    about = content.restaurant
    openings = (
        Opening(WEEKDAYS.index(day), *span_minutes(span))
        for day, spans in content.opening_hours.items()
        for span in spans
    )
    zones = (
        DeliveryZone(zone.name, tuple(zone.postcodes), cents(zone.minimum), cents(zone.fee), zone.minutes)
        for zone in content.delivery_zones
    )
    return Restaurant(
        id=seed_id(about.slug),
        name=about.name,
        language=about.language,
        currency=about.currency,
        zone=about.zone,
        street=about.street,
        postcode=about.postcode,
        city=about.city,
        phone=about.phone,
        greeting=about.greeting,
        voice=about.voice,
        openings=tuple(sorted(openings, key=lambda opening: (opening.weekday, opening.opens))),
        delivery_zones=tuple(zones),
        pickup=about.pickup,
        delivery=about.delivery,
        dine_in=about.dine_in,
        prep_minutes=about.prep_minutes,
        max_calls=about.max_calls,
        record_calls=about.record_calls,
        fallback=about.fallback,
        fallback_number=about.fallback_number,
        when_closed=about.when_closed,
        country=country_of(about),
        orders_ahead=about.orders_ahead,
        last_order_minutes=about.last_order_minutes,
        max_order_cents=cents(about.max_order),
        max_order_items=about.max_order_items,
        max_load_minutes=about.max_load_minutes,
    )


def menu_of(content: SeedFile) -> Menu:
    about = content.restaurant
    groups: dict[str, ModifierGroup] = {}
    for key, group in content.modifier_groups.items():
        options = tuple(
            ModifierOption(seed_id(about.slug, "option", key, option.name), option.name, cents(option.price))
            for option in group.options
        )
        group_id = seed_id(about.slug, "group", key)
        groups[key] = ModifierGroup(group_id, group.name, group.minimum, group.maximum, options)
    categories = tuple(
        MenuCategory(seed_id(about.slug, "category", category.category), category.category, position)
        for position, category in enumerate(content.menu)
    )
    country = country_of(about)
    items = (_item(about.slug, country, category, item, groups) for category in content.menu for item in category.items)
    return Menu(seed_id(about.slug), about.currency, about.language, categories, tuple(items))


def faq_of(content: SeedFile) -> tuple[FaqEntry, ...]:
    slug = content.restaurant.slug
    return tuple(FaqEntry(seed_id(slug, "faq", entry.question), entry.question, entry.answer) for entry in content.faq)


def _item(
    slug: str, country: str, category: CategorySeed, item: ItemSeed, groups: dict[str, ModifierGroup]
) -> MenuItem:
    prices = item.sizes or {"": item.price or 0.0}
    sizes = tuple(
        ItemSize(seed_id(slug, "size", item.name, name), name, cents(price)) for name, price in prices.items()
    )
    rates = vat_rates(category.vat if item.vat is None else item.vat, country)
    if rates is None:
        raise ValueError("read() refuses a class without rates")
    return MenuItem(
        id=seed_id(slug, "item", item.name),
        category_id=seed_id(slug, "category", category.category),
        name=item.name,
        sizes=sizes,
        vat=rates,
        description=item.description,
        modifier_groups=tuple(groups[key] for key in item.modifiers),
        allergens=tuple(item.allergens),
        aliases=tuple(item.aliases),
    )
