"""VAT by item and by how it is eaten: the rates, and the shares of an order."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import carts
from domain.menu import Menu
from domain.money import vat_included
from domain.order import Address, Cart, CartLine, Fulfilment, FulfilmentKind
from domain.restaurant import Restaurant
from domain.vat import VAT_CLASSES, VatClass, VatRates, countries_with_classes, rates_of_class, standard_rate_bp
from tests.unit.domain.agreeing import agreed

pytestmark = pytest.mark.unit

RATE = st.sampled_from([0, 210, 550, 900, 1000, 1350, 2000, 2300])
ADDRESS = Address("1 A", "D02")
MEAL, PACKAGED, WINE = VatRates(1000, 1000), VatRates(550, 1000), VatRates(2000, 2000)


@st.composite
def any_cart(draw: st.DrawFn) -> Cart:
    priced = st.tuples(st.integers(0, 20_000), st.integers(1, 50), st.builds(VatRates, RATE, RATE))
    lines = tuple(
        CartLine(number, "i", "Item", "s", "", quantity, unit, rates)
        for number, (unit, quantity, rates) in enumerate(draw(st.lists(priced, max_size=8)))
    )
    ways = [
        None,
        Fulfilment("pickup"),
        Fulfilment("dine_in"),
        Fulfilment("delivery", ADDRESS, draw(st.integers(0, 999))),
    ]
    return Cart("EUR", "o-1", lines=lines, fulfilment=draw(st.sampled_from(ways)))


COUNTRY = st.sampled_from(["FR", "IE", "CH", "US"])


@given(any_cart(), COUNTRY)
def test_the_shares_of_every_rate_add_up_to_the_total(cart: Cart, country: str) -> None:
    totals = carts.totals(cart, country)

    assert sum(share.gross_cents for share in totals.vat) == totals.total_cents
    assert totals.total_cents == totals.items_cents + totals.fee_cents
    assert totals.items_cents == sum(line.unit_cents * line.quantity for line in cart.lines)
    assert [share.rate_bp for share in totals.vat] == sorted({share.rate_bp for share in totals.vat})


@given(any_cart(), COUNTRY)
def test_vat_is_computed_on_the_sum_of_a_rate_and_not_line_by_line(cart: Cart, country: str) -> None:
    is_eaten_in = cart.fulfilment is not None and cart.fulfilment.kind == "dine_in"
    gross: Counter[int] = Counter()
    for line in cart.lines:
        gross[line.vat.dine_in_bp if is_eaten_in else line.vat.take_away_bp] += line.total_cents
    if cart.fulfilment and cart.fulfilment.fee_cents:
        gross[standard_rate_bp(country)] += cart.fulfilment.fee_cents

    shares = {share.rate_bp: (share.gross_cents, share.vat_cents) for share in carts.totals(cart, country).vat}

    assert shares == {rate: (cents, vat_included(cents, rate)) for rate, cents in gross.items()}


@pytest.mark.parametrize(
    ("kind", "rates"),
    [
        (None, {550: 350, 1000: 1200, 2000: 450}),
        ("pickup", {550: 350, 1000: 1200, 2000: 450}),
        ("delivery", {550: 350, 1000: 1200, 2000: 450 + 250}),  # the fee at the standard rate
        ("dine_in", {1000: 1550, 2000: 450}),
    ],
)
def test_a_french_meal_a_bottle_and_a_glass_of_wine_bear_their_rates_by_mode(
    kind: FulfilmentKind | None, rates: dict[int, int]
) -> None:
    lines = (
        CartLine(1, "i", "Risotto", "s", "", 1, 1200, MEAL),
        CartLine(2, "i", "Limonade", "s", "", 1, 350, PACKAGED),
        CartLine(3, "i", "Vin", "s", "Verre", 1, 450, WINE),
    )
    delivery = Fulfilment("delivery", ADDRESS, 250)
    fulfilment = delivery if kind == "delivery" else Fulfilment(kind) if kind else None

    shares = carts.totals(Cart("EUR", "o-1", lines=lines, fulfilment=fulfilment), "FR").vat

    assert {share.rate_bp: share.gross_cents for share in shares} == rates


def test_an_irish_delivery_fee_bears_the_irish_standard_rate() -> None:
    line = CartLine(1, "i", "Pizza", "s", "", 2, 1090, VatRates(900, 900))
    cart = Cart("EUR", "o-1", lines=(line,), fulfilment=Fulfilment("delivery", ADDRESS, 246))

    shares = {share.rate_bp: (share.gross_cents, share.vat_cents) for share in carts.totals(cart, "IE").vat}

    assert shares == {900: (2180, 180), 2300: (246, 46)}


def test_an_order_keeps_the_shares_of_how_it_is_eaten(menu: Menu, restaurant: Restaurant, open_now: datetime) -> None:
    cart = carts.add(carts.new_cart(menu, "o-1"), menu, "Coke", quantity=2)
    taken = carts.set_customer(carts.set_fulfilment(cart, restaurant, "pickup"), "Sam")
    eaten = carts.set_fulfilment(taken, restaurant, "dine_in")

    orders = [carts.confirm(one, restaurant, agreed(one), "c", open_now, 0) for one in (taken, eaten)]

    assert [[share.rate_bp for share in order.vat] for order in orders] == [[550], [1000]]


@pytest.mark.parametrize(
    ("country", "rate"), [("FR", 2000), ("IE", 2300), ("BE", 2100), ("CH", 810), ("FI", 2550), ("US", 0)]
)
def test_the_standard_rate_is_the_countrys(country: str, rate: int) -> None:
    assert standard_rate_bp(country) == rate


@pytest.mark.parametrize(
    ("country", "name", "rates"),
    [
        ("FR", "meal", (1000, 1000)),
        ("FR", "packaged", (550, 1000)),
        ("FR", "soft_drink", (550, 1000)),
        ("FR", "alcohol", (2000, 2000)),
        ("IE", "meal", (900, 900)),
        ("IE", "packaged", (0, 900)),
        ("IE", "soft_drink", (2300, 2300)),
        ("IE", "alcohol", (2300, 2300)),
    ],
)
def test_a_class_has_its_countrys_rates(country: str, name: VatClass, rates: tuple[int, int]) -> None:
    assert rates_of_class(country, name) == VatRates(*rates)


def test_every_country_with_classes_knows_them_all_and_its_standard_rate() -> None:
    for country in countries_with_classes():
        assert all(rates_of_class(country, name) for name in VAT_CLASSES)
        alcohol = rates_of_class(country, "alcohol")
        assert alcohol == VatRates(standard_rate_bp(country), standard_rate_bp(country))


def test_a_line_is_taxed_as_its_item_was_when_it_was_added(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, "o-1"), menu, "Coke")
    dearer = replace(menu, items=tuple(replace(item, vat=WINE) for item in menu.items))

    assert carts.change(cart, dearer, 1, quantity=2).lines[0].vat == VatRates(550, 1000)
