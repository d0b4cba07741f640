"""One small restaurant and its menu. Frozen values, so one copy serves every test (and hypothesis)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.restaurant import DeliveryZone, FaqEntry, Opening, OpeningException, Restaurant
from domain.tools import OrderState
from domain.vat import VatRates, same_rate

TOPPINGS = ModifierGroup(
    "g-top",
    "Toppings",
    0,
    2,
    (
        ModifierOption("o-olives", "Olives", 100),
        ModifierOption("o-ham", "Ham", 150),
        ModifierOption("o-basil", "Basil", 0),
        ModifierOption("o-burrata", "Burrata", 300, available=False),
    ),
)
COOKING = ModifierGroup(
    "g-cook", "Cooking", 1, 1, (ModifierOption("o-rare", "Rare"), ModifierOption("o-well", "Well done"))
)


def single(price_cents: int, size_id: str) -> tuple[ItemSize, ...]:
    return (ItemSize(size_id, "", price_cents),)


@pytest.fixture(scope="session")
def menu() -> Menu:
    margherita_sizes = (
        ItemSize("s-m-small", "Small", 950),
        ItemSize("s-m-large", "Large", 1250),
        ItemSize("s-m-giant", "Giant", 1850, available=False),
    )
    return Menu(
        restaurant_id="r-1",
        currency="EUR",
        language="en",
        categories=(MenuCategory("c-pizza", "Pizzas", 1), MenuCategory("c-rest", "The rest", 2)),
        items=(
            MenuItem(
                "i-marg",
                "c-pizza",
                "Margherita",
                margherita_sizes,
                same_rate(1000),
                description="Tomato and mozzarella.",
                modifier_groups=(TOPPINGS,),
                allergens=("gluten", "milk"),
                aliases=("marg", "plain pizza"),
            ),
            MenuItem(
                "i-regina",
                "c-pizza",
                "Regina",
                (ItemSize("s-r-large", "Large", 1450), ItemSize("s-r-small", "Small", 1150)),
                same_rate(1000),
                modifier_groups=(TOPPINGS,),
            ),
            MenuItem(
                "i-burger",
                "c-rest",
                "Burger",
                single(1100, "s-b"),
                same_rate(1000),
                modifier_groups=(COOKING, TOPPINGS),
            ),
            MenuItem("i-coke", "c-rest", "Coke", single(300, "s-c"), VatRates(550, 1000)),
            MenuItem("i-wine", "c-rest", "House wine", single(700, "s-w"), same_rate(2000)),
            MenuItem("i-brulee", "c-rest", "Crème brûlée", single(650, "s-cb"), same_rate(1000)),
            MenuItem("i-lasagne", "c-rest", "Lasagne", single(1200, "s-l"), same_rate(1000), aliases=("pasta",)),
            MenuItem("i-carbonara", "c-rest", "Carbonara", single(1150, "s-ca"), same_rate(1000), aliases=("pasta",)),
            MenuItem("i-oysters", "c-rest", "Oysters", single(1800, "s-o"), same_rate(1000), available=False),
        ),
    )


@pytest.fixture(scope="session")
def restaurant() -> Restaurant:
    """Dublin: open noon to 3 pm and 6 pm to 11 pm but on Mondays; until 1 am after Friday and Saturday."""
    lunch = tuple(Opening(day, 12 * 60, 15 * 60) for day in range(1, 7))
    dinner = tuple(Opening(day, 18 * 60, (25 if day in (4, 5) else 23) * 60) for day in range(1, 7))
    return Restaurant(
        id="r-1",
        name="The Copper Pot",
        language="en",
        currency="EUR",
        zone="Europe/Dublin",
        street="3 Mill Lane",
        postcode="D02 X285",
        city="Dublin",
        phone="+35315550100",
        openings=lunch + dinner,
        exceptions=(OpeningException(date(2026, 12, 25)),),
        delivery_zones=(
            DeliveryZone("Centre", ("D02", "D08"), 2000, 250, 15),
            DeliveryZone("North", ("D09",), 3000, 400, 30),
        ),
        delivery=True,
        dine_in=True,
        fallback_number="+353861112233",
        country="IE",
    )


@pytest.fixture(scope="session")
def french(restaurant: Restaurant) -> Restaurant:
    return replace(restaurant, name="Chez Léa", language="fr", zone="Europe/Paris")


@pytest.fixture(scope="session")
def faq() -> tuple[FaqEntry, ...]:
    return (
        FaqEntry("f-1", "Is there parking nearby?", "Yes, the Mill Street car park is across the road."),
        FaqEntry("f-2", "Do you have vegan dishes?", "Yes, ask for the vegan Margherita."),
        FaqEntry("f-3", "Can I pay by card?", "Cards and cash, at the counter or at the door."),
    )


@pytest.fixture(scope="session")
def open_now() -> datetime:
    """Friday 20 November 2026, 19:02 in Dublin."""
    return datetime(2026, 11, 20, 19, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def state(restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...]) -> OrderState:
    from domain.carts import new_cart

    return OrderState(restaurant, menu, faq, new_cart(menu, "11111111-1111-4111-8111-111111111111"), "call-1")
