"""The menus to start from, in both languages and in countries with and without known rates."""

import pytest

from domain import allergens
from domain.choices import orderable
from domain.menu_rules import problems
from domain.restaurant import Restaurant
from domain.vat import VatRates
from web.place import example_menus

pytestmark = pytest.mark.unit

ALL = ("bistro", "burger", "cafe", "kebab", "pizzeria", "sushi")


def restaurant(language: str = "fr", country: str = "FR") -> Restaurant:
    return Restaurant("7c5f0f43-5d0a-4b9e-9a51-6a2b3c4d5e6f", "A", language, "EUR", "Europe/Paris", country=country)


def test_there_is_one_for_each_kind_with_its_title_in_the_readers_language() -> None:
    french, english = example_menus.kinds("fr"), example_menus.kinds("en")

    assert {kind.id for kind in french} == set(ALL) == {kind.id for kind in english}
    assert {"Bistrot", "Kebab et tacos"} <= {kind.title for kind in french}
    assert {"Bistro", "Kebab and tacos"} <= {kind.title for kind in english}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("language", "country"), [("fr", "FR"), ("en", "IE"), ("en", "NL")])
def test_each_can_be_sold_from_as_it_is(kind: str, language: str, country: str) -> None:
    menu = example_menus.load(kind, restaurant(language, country))

    assert problems(menu) == ()
    assert len(menu.items) >= 10
    assert all(orderable(item) for item in menu.items)
    assert all(allergens.code_of(word) for item in menu.items for word in item.allergens)
    assert {item.category_id for item in menu.items} == {category.id for category in menu.categories}


def test_the_rates_are_the_countrys_and_its_standard_rate_where_no_class_is_known() -> None:
    def rates(country: str, name: str) -> VatRates:
        return next(
            item.vat for item in example_menus.load("pizzeria", restaurant("fr", country)).items if item.name == name
        )

    assert rates("FR", "Coca-Cola") == VatRates(550, 1000)
    assert rates("FR", "Bière Peroni") == VatRates(2000, 2000)
    assert rates("NL", "Margherita") == VatRates(2100, 2100)


def test_loading_twice_makes_the_same_menu_and_another_restaurant_other_ids() -> None:
    one, two = restaurant(), Restaurant("00000000-0000-4000-8000-000000000001", "B", "fr", "EUR", "Europe/Paris")

    assert example_menus.load("cafe", one) == example_menus.load("cafe", one)
    ids = [{item.id for item in example_menus.load("cafe", who).items} for who in (one, two)]
    assert ids[0].isdisjoint(ids[1])


def test_a_kind_that_is_none_is_said_and_no_file_is_looked_for() -> None:
    for kind in ("fishmonger", "../../seeds", "", "cafe.json"):
        with pytest.raises(KeyError):
            example_menus.load(kind, restaurant())
