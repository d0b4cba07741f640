import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain import carts
from domain.agreement import misread
from domain.menu import Menu
from domain.phrases import wording_for
from domain.restaurant import Restaurant
from domain.vat import VatRates
from seeds.build import menu_of, restaurant_of
from seeds.countries import country_of_zone
from seeds.files import SEED_FILES, SeedError, cents, read, span_minutes

pytestmark = pytest.mark.unit

ORDER = "11111111-1111-4111-8111-111111111111"

# What a restaurateur may have written before there were countries, rates by mode and limits, and no more.
SMALL = """
restaurant:
  slug: roi-du-kebab
  name: Le Roi du Kebab
  language: fr
  currency: EUR
  zone: Europe/Paris
  street: 10 rue de Lille
  postcode: "59000"
  city: Lille
  phone: "+33465710099"
  greeting: Le Roi du Kebab, bonsoir !
  delivery: true
opening_hours:
  thursday: ["11:00-23:30"]
delivery_zones:
  - {name: Lille, postcodes: ["59000"], minimum: 15.00, fee: 2.00, minutes: 20}
modifier_groups:
  sauce:
    name: Sauce
    minimum: 1
    maximum: 2
    options:
      - {name: Blanche, price: 0}
      - {name: Samouraï, price: 0}
menu:
  - category: Kebabs
    vat: 10
    items:
      - {name: Galette, price: 7.00, modifiers: [sauce], allergens: [gluten], aliases: [kebab]}
  - category: Boissons
    vat: 5.5
    items:
      - {name: Ice tea, price: 2.00}
"""

ENGLISH = next(file for file in SEED_FILES if file.name == "harbour_pizza.yaml")


def write(folder: Path, content: Any) -> Path:
    file = folder / "broken.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def english() -> Any:
    return yaml.safe_load(ENGLISH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.stem)
def test_each_restaurant_has_a_full_menu_and_answers(file: Path) -> None:
    content = read(file)

    items = [item for category in content.menu for item in category.items]
    groups_in_use = [key for item in items for key in item.modifiers]
    assert len(items) >= 30
    assert len(content.menu) >= 5
    assert len(content.faq) >= 6
    assert any(len(item.sizes) > 1 for item in items)
    assert len(groups_in_use) > len(set(groups_in_use)), "no modifier group is shared between items"
    assert any(group.minimum > 0 for group in content.modifier_groups.values())
    assert any(item.allergens for item in items)
    assert content.delivery_zones
    assert any(line.provider == "sip" for line in content.phone_lines)


def test_there_is_a_french_and_an_english_restaurant() -> None:
    assert {read(file).restaurant.language for file in SEED_FILES} == {"fr", "en"}


def test_the_spoken_demonstration_finds_its_dishes() -> None:
    content = read(ENGLISH)
    items = {item.name: item for category in content.menu for item in category.items}

    extras = {option.name: cents(option.price) for option in content.modifier_groups["extras"].options}
    assert items["Margherita"].sizes == {"Small": 9.0, "Medium": 11.0, "Large": 13.0}
    assert {"extras", "crust"} == set(items["Margherita"].modifiers)
    assert (extras["Extra olives"], extras["Extra cheese"], extras["Mushrooms"]) == (150, 200, 150)
    assert {"Pepperoni", "Cheeseburger", "Garlic bread", "Chicken wings", "Caesar salad", "Tiramisu"} <= set(items)
    assert set(items["Cola"].sizes) == {"Small", "Large"}


def test_a_span_that_ends_before_it_starts_goes_past_midnight() -> None:
    assert span_minutes("17:00-00:30") == (1020, 1470)
    assert span_minutes("00:00-24:00") == (0, 1440)


def test_cents_are_exact() -> None:
    assert [cents(price) for price in (0.29, 1.15, 4.35, 19.99, 10)] == [29, 115, 435, 1999, 1000]


def test_a_file_with_nothing_optional_loads(tmp_path: Path) -> None:
    content = read(write(tmp_path, SMALL))
    restaurant = restaurant_of(content)

    assert restaurant.country == "FR"
    assert (restaurant.max_order_cents, restaurant.max_order_items, restaurant.max_load_minutes) == (50_000, 60, 120)
    assert (restaurant.orders_ahead, restaurant.last_order_minutes) == (False, 0)
    rates = {item.name: item.vat for item in menu_of(content).items}
    assert rates == {"Galette": VatRates(1000, 1000), "Ice tea": VatRates(550, 550)}


def test_limits_and_times_are_taken_from_the_file(tmp_path: Path) -> None:
    content = yaml.safe_load(SMALL)
    own = {"country": "BE", "orders_ahead": True, "last_order_minutes": 20, "max_order": 812.5, "max_order_items": 99}
    content["restaurant"] |= own | {"max_load_minutes": 45}

    restaurant = restaurant_of(read(write(tmp_path, content)))

    assert (restaurant.country, restaurant.orders_ahead, restaurant.last_order_minutes) == ("BE", True, 20)
    assert (restaurant.max_order_cents, restaurant.max_order_items, restaurant.max_load_minutes) == (81_250, 99, 45)


@pytest.mark.parametrize(
    ("vat", "rates"),
    [
        (20, (2000, 2000)),
        (2.1, (210, 210)),
        ({"take_away": 5.5, "dine_in": 10}, (550, 1000)),
        ("meal", (1000, 1000)),
        ("packaged", (550, 1000)),
        ("alcohol", (2000, 2000)),
    ],
)
def test_vat_is_a_rate_two_rates_or_a_class_of_the_country(vat: object, rates: tuple[int, int], tmp_path: Path) -> None:
    by_category, by_item = yaml.safe_load(SMALL), yaml.safe_load(SMALL)
    by_category["menu"][0]["vat"] = vat
    by_item["menu"][0]["items"][0]["vat"] = vat

    for content in (by_category, by_item):
        assert menu_of(read(write(tmp_path, content))).items[0].vat == VatRates(*rates)


def test_the_two_restaurants_have_the_rates_of_their_countries() -> None:
    french, irish = (
        {item.name: (item.vat.take_away_bp, item.vat.dine_in_bp) for item in menu_of(content).items}
        for content in sorted(map(read, SEED_FILES), key=lambda content: content.restaurant.language, reverse=True)
    )

    wanted = ("Risotto aux champignons", "Limonade artisanale", "Café", "Côtes-du-Rhône")
    assert [french[name] for name in wanted] == [(1000, 1000), (550, 1000), (1000, 1000), (2000, 2000)]
    wanted = ("Margherita", "Caesar salad", "Cola", "Chocolate brownie")
    assert [irish[name] for name in wanted] == [(900, 900), (0, 900), (2300, 2300), (1350, 900)]


@pytest.mark.parametrize(
    ("zone", "country"),
    [("Europe/Paris", "FR"), ("Europe/Dublin", "IE"), ("Indian/Reunion", "RE"), ("UTC", ""), ("Europe/Howth", "")],
)
def test_a_zones_country_is_that_of_the_time_zone_database(zone: str, country: str) -> None:
    assert country_of_zone(zone) == country


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("$.menu[0].items[0].prise", lambda c: c["menu"][0]["items"][0].update(prise=3), "unknown field `prise`"),
        ("$.menu[0].items[1].sizes", lambda c: c["menu"][0]["items"][1].update(sizes={"Small": "ten"}), "Expected"),
        ("$.menu[1].items[0]", lambda c: c["menu"][1]["items"][0].update(sizes={"Small": 3.0}), "not both"),
        ("$.menu[1].items[0].price", lambda c: c["menu"][1]["items"][0].update(price=3.999), "two decimals"),
        ("$.menu[0].items[0].modifiers", lambda c: c["menu"][0]["items"][0].update(modifiers=["x"]), "use one of"),
        ("$.menu[*].items", lambda c: c["menu"][0]["items"][1].update(name="MARGHERITA"), "rename one"),
        ("$.modifier_groups.crust.maximum", lambda c: c["modifier_groups"]["crust"].update(maximum=9), "between"),
        ("$.opening_hours.monday[0]", lambda c: c["opening_hours"].update(monday=["12h-14h"]), "11:30-14:30"),
        ("$.restaurant.zone", lambda c: c["restaurant"].update(zone="Europe/Howth"), "IANA"),
        ("$.restaurant.country", lambda c: c["restaurant"].update(zone="UTC"), "write it like FR"),
        ("$.restaurant.max_order", lambda c: c["restaurant"].update(max_order=1.005), "two decimals"),
        ("$.menu[0].vat", lambda c: c["menu"][0].update(vat="dessert"), "Invalid enum value"),
        ("$.menu[0].vat", lambda c: c["menu"][0].update(vat=13.505), "two decimals"),
        ("$.menu[0].vat", lambda c: c["menu"][0].update(vat={"take_away": 5.5}), "dine_in"),
        ("$.menu[0].vat", lambda c: c["restaurant"].update(country="US"), "write them in percent"),
        ("$.menu[0].items[0].vat", lambda c: c["menu"][0]["items"][0].update(vat=101), "<= 100"),
        ("$.phone_lines[0]", lambda c: c["phone_lines"][0].update(domain="sip:trunk"), "domain: expected a host"),
        ("$.restaurant.fallback_number", lambda c: c["restaurant"].update(fallback="forward"), "needs the number"),
    ],
)
def test_an_error_names_the_file_the_path_and_the_fix(path: str, change: Any, says: str, tmp_path: Path) -> None:
    content = english()
    change(content)

    with pytest.raises(SeedError) as refused:
        read(write(tmp_path, content))

    message = str(refused.value)
    assert message.startswith("broken.yaml: ")
    assert path.rsplit(".", 1)[0] in message
    assert says in message


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"broken\.yaml: line \d: is not valid YAML"):
        read(write(tmp_path, "restaurant:\n  name: [unclosed\n"))


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"nowhere\.yaml: .*cannot be read"):
        read(tmp_path / "nowhere.yaml")


@functools.cache
def without_limits(file: Path) -> tuple[Menu, Restaurant]:
    content = read(file)
    return menu_of(content), replace(restaurant_of(content), max_order_items=2000, max_order_cents=10**8)


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.stem)
@given(data=st.data())
def test_a_cart_of_any_items_read_out_by_the_domain_is_never_a_misreading(file: Path, data: st.DataObject) -> None:
    menu, restaurant = without_limits(file)
    cart = carts.new_cart(menu, ORDER)
    for item in data.draw(st.lists(st.sampled_from(menu.items), min_size=1, max_size=5)):
        size = data.draw(st.sampled_from(item.sizes)).name
        options = [option.name for group in item.modifier_groups for option in group.options[: group.minimum]]
        quantity = data.draw(st.integers(1, 4))
        cart = carts.add(cart, menu, item.name, size, options, quantity, limits=restaurant)
    cart = carts.set_customer(carts.set_fulfilment(cart, restaurant, "pickup"), "Anna")

    say = wording_for(restaurant.language).read_cart(cart, short_of=0, complete=True)
    others = [item.name for item in menu.items if item.id not in {line.item_id for line in cart.lines}]

    assert misread(say, cart, cart.total_cents, restaurant.language, others=others, sentence=say) == ()
