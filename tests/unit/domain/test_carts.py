from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import carts
from domain.agreement import NOTHING_READ
from domain.errors import Refused
from domain.lines import MAX_QUANTITY
from domain.menu import Menu
from domain.order import Address, Cart
from domain.restaurant import Restaurant
from tests.unit.domain.agreeing import agreed

pytestmark = pytest.mark.unit

ORDER = "11111111-1111-4111-8111-111111111111"
HOME = Address("3 Mill Lane", "D02 X285", "Dublin")


@pytest.fixture
def ready(menu: Menu, restaurant: Restaurant) -> Cart:
    """A pickup order for Sam."""
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Large", ["Olives"], 2)
    return carts.set_customer(carts.set_fulfilment(cart, restaurant, "pickup"), "Sam")


def test_a_line_costs_its_size_and_modifiers_times_the_quantity(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "marg", "large", ["olives", "ham"], 3, "well baked")

    (line,) = cart.lines
    assert (line.item_name, line.size_name, line.note) == ("Margherita", "Large", "well baked")
    assert (line.unit_cents, line.total_cents) == (1250 + 100 + 150, 3 * 1500)


def test_a_dish_with_an_extra_and_the_same_without_are_two_lines(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, "o-1"), menu, "Margherita", "Large", ["Olives"])
    cart = carts.add(cart, menu, "Margherita", "Large")

    assert [(line.number, line.quantity, line.unit_cents) for line in cart.lines] == [(1, 1, 1350), (2, 1, 1250)]


@pytest.mark.parametrize("quantity", [0, -1, 51, 10**30, True])
def test_a_quantity_out_of_bounds_is_refused(menu: Menu, quantity: int) -> None:
    with pytest.raises(Refused) as refused:
        carts.add(carts.new_cart(menu, ORDER), menu, "Coke", quantity=quantity)
    assert (refused.value.code, refused.value.field) == ("bad_quantity", "quantity")


def test_a_cart_takes_a_bounded_number_of_lines(menu: Menu) -> None:
    cart = carts.new_cart(menu, ORDER)
    for _ in range(carts.MAX_LINES):
        cart = carts.add(cart, menu, "Coke")
    with pytest.raises(Refused, match="at most 40"):
        carts.add(cart, menu, "Coke")


@pytest.mark.parametrize("note", ["x" * 201, "ring\x00bell", "\ud800"])
def test_a_note_that_nobody_can_print_is_refused(menu: Menu, note: str) -> None:
    with pytest.raises(Refused) as refused:
        carts.add(carts.new_cart(menu, ORDER), menu, "Coke", note=note)
    assert (refused.value.code, refused.value.field) == ("bad_argument", "note")


def test_a_changed_size_is_priced_anew_and_keeps_modifiers_and_number(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Small", ["Olives"])
    cart = carts.change(cart, menu, 1, size_name="large")

    assert (cart.lines[0].number, cart.lines[0].unit_cents) == (1, 1350)


def test_a_modifier_can_be_swapped_in_a_full_group(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Burger", modifier_names=["Rare"])
    cart = carts.change(cart, menu, 1, add_modifiers=["well done"], remove_modifiers=["rare"])

    assert [modifier.name for modifier in cart.lines[0].modifiers] == ["Well done"]


def test_a_required_modifier_cannot_just_be_taken_off(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Burger", modifier_names=["Rare"])
    with pytest.raises(Refused) as refused:
        carts.change(cart, menu, 1, remove_modifiers=["Rare"])
    assert refused.value.code == "modifier_needed"


def test_a_change_of_item_keeps_the_size_and_the_modifiers_it_can(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Large", ["Ham"])
    assert carts.change(cart, menu, 1, item_name="Regina").lines[0].unit_cents == 1450 + 150

    coke = carts.change(cart, menu, 1, item_name="Coke").lines[0]
    assert (coke.unit_cents, coke.modifiers, coke.size_name) == (300, (), "")


def test_a_change_to_an_item_without_that_size_asks_for_one(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Coke")
    with pytest.raises(Refused) as refused:
        carts.change(cart, menu, 1, item_name="Regina")
    assert (refused.value.code, refused.value.allowed) == ("size_needed", ("Large", "Small"))


def test_a_change_of_quantity_keeps_the_price_the_caller_heard(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Coke")
    dearer = replace(menu, items=tuple(replace(item, available=False) for item in menu.items))
    assert carts.change(cart, dearer, 1, quantity=4).lines[0].total_cents == 1200


def test_any_other_change_of_an_item_86d_since_is_refused(menu: Menu) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Small")
    for items in (tuple(replace(item, available=False) for item in menu.items), ()):
        with pytest.raises(Refused) as refused:
            carts.change(cart, replace(menu, items=items), 1, size_name="Large")
        assert refused.value.code == "unavailable_item"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"number": 7, "quantity": 2}, "unknown_line", "line"),
        ({"number": 1}, "nothing_to_change", "line"),
        ({"number": 1, "remove_modifiers": ["Ham"]}, "modifier_not_on_line", "remove_modifiers"),
        ({"number": 1, "add_modifiers": ["Olives"]}, "duplicate_modifier", "add_modifiers"),
        ({"number": 1, "add_modifiers": ["Gold"]}, "unknown_modifier", "add_modifiers"),
        ({"number": 1, "quantity": 0}, "bad_quantity", "quantity"),
        ({"number": 1, "item_name": "Margarita"}, "unknown_item", "item"),
    ],
)
def test_an_impossible_change_names_the_field(menu: Menu, change: dict[str, object], code: str, field: str) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Small", ["Olives"])
    with pytest.raises(Refused) as refused:
        carts.change(cart, menu, **change)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_removed_line_gives_its_number_to_nobody(menu: Menu) -> None:
    cart = carts.add(carts.add(carts.new_cart(menu, ORDER), menu, "Coke"), menu, "House wine")
    cart = carts.add(carts.add(carts.remove(cart, 2), menu, "Lasagne"), menu, "Coke")

    assert [(line.number, line.item_name) for line in cart.lines] == [(1, "Coke"), (3, "Lasagne"), (4, "Coke")]
    with pytest.raises(Refused) as refused:
        carts.remove(cart, 2)
    assert refused.value.allowed == ("1", "3", "4")


def test_the_fee_and_the_minimum_are_those_of_the_postcodes_zone(menu: Menu, restaurant: Restaurant) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Lasagne")
    cart = carts.set_fulfilment(cart, restaurant, "delivery", HOME)

    totals = carts.totals(cart, "IE")
    assert (totals.items_cents, totals.fee_cents, totals.total_cents) == (1200, 250, 1450)
    assert carts.below_minimum(cart, restaurant)
    assert "items" in carts.missing(cart, restaurant, NOTHING_READ)
    assert not carts.below_minimum(carts.add(cart, menu, "Burger", "", ["Rare"]), restaurant)


def test_an_order_that_comes_to_exactly_the_zones_minimum_is_delivered(
    menu: Menu, restaurant: Restaurant, open_now: datetime
) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Crème brûlée", quantity=2)  # 13.00
    cart = carts.set_customer(carts.set_fulfilment(cart, restaurant, "delivery", HOME), "Sam")
    short = carts.add(carts.remove(carts.add(cart, menu, "House wine"), 2), menu, "Coke", quantity=2)  # 19.00
    exact = carts.add(cart, menu, "House wine")  # 20.00 of 20.00

    assert carts.minimum_cents(exact, restaurant) == carts.totals(exact, "IE").items_cents == 2000
    assert (carts.below_minimum(short, restaurant), carts.below_minimum(exact, restaurant)) == (True, False)
    assert carts.missing(exact, restaurant, NOTHING_READ) == ("read_back",)
    order = carts.confirm(exact, restaurant, agreed(exact), "call-1", open_now, 0)
    assert order.total_cents == 2250


def test_the_delivery_fee_does_not_count_towards_the_minimum(menu: Menu, restaurant: Restaurant) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Small", quantity=2)  # 19.00 + 2.50 of 20.00
    assert carts.below_minimum(carts.set_fulfilment(cart, restaurant, "delivery", HOME), restaurant)


def test_an_address_may_come_in_parts(menu: Menu, restaurant: Restaurant) -> None:
    cart = carts.set_fulfilment(carts.new_cart(menu, ORDER), restaurant, "delivery")
    assert "address" in carts.missing(cart, restaurant, NOTHING_READ)
    cart = carts.set_fulfilment(cart, restaurant, "delivery", Address("", "d02 x285"))
    assert carts.totals(cart, "IE").fee_cents == 250
    assert "address" in carts.missing(cart, restaurant, NOTHING_READ)
    cart = carts.set_fulfilment(cart, restaurant, "delivery", Address("3 Mill Lane", ""))
    assert "address" not in carts.missing(cart, restaurant, NOTHING_READ)
    assert cart.fulfilment
    assert cart.fulfilment.address == Address("3 Mill Lane", "d02 x285")


def test_a_delivery_outside_every_zone_is_refused_with_the_postcodes(menu: Menu, restaurant: Restaurant) -> None:
    with pytest.raises(Refused) as refused:
        carts.set_fulfilment(carts.new_cart(menu, ORDER), restaurant, "delivery", Address("1 Far Road", "D24 AB12"))
    assert (refused.value.code, refused.value.field) == ("outside_zone", "postcode")
    assert refused.value.allowed == ("D02", "D08", "D09")


def test_changing_to_pickup_drops_the_fee_and_the_address(menu: Menu, restaurant: Restaurant) -> None:
    cart = carts.set_fulfilment(carts.new_cart(menu, ORDER), restaurant, "delivery", HOME)
    cart = carts.set_fulfilment(cart, restaurant, "pickup")
    assert cart.fulfilment
    assert (cart.fulfilment.address, cart.fulfilment.fee_cents) == (None, 0)


@pytest.mark.parametrize("kind", ["delivery", "drone", ""])
def test_a_way_that_is_not_offered_is_refused(menu: Menu, restaurant: Restaurant, kind: str) -> None:
    only_pickup = replace(restaurant, delivery=False, dine_in=False)
    with pytest.raises(Refused) as refused:
        carts.set_fulfilment(carts.new_cart(menu, ORDER), only_pickup, kind)
    assert (refused.value.code, refused.value.allowed) == ("fulfilment_not_offered", ("pickup",))


@pytest.mark.parametrize("name", ["", "  ", "?!", "x" * 81])
def test_a_name_must_be_one(menu: Menu, name: str) -> None:
    with pytest.raises(Refused) as refused:
        carts.set_customer(carts.new_cart(menu, ORDER), name)
    assert refused.value.field == "name"


def test_missing_parts_are_named_in_the_order_to_ask(menu: Menu, restaurant: Restaurant) -> None:
    cart = carts.new_cart(menu, ORDER)
    assert carts.missing(cart, restaurant, NOTHING_READ) == ("items", "fulfilment", "customer_name", "read_back")
    cart = carts.set_fulfilment(cart, restaurant, "delivery")
    assert carts.missing(cart, restaurant, NOTHING_READ) == ("items", "address", "customer_name", "read_back")


def test_a_complete_cart_becomes_an_order(ready: Cart, restaurant: Restaurant, open_now: datetime) -> None:
    order = carts.confirm(ready, restaurant, agreed(ready), "call-1", open_now, load_minutes=10)

    assert carts.missing(ready, restaurant, agreed(ready)) == ()
    assert (order.id, order.call_id, order.restaurant_id) == (ORDER, "call-1", "r-1")
    assert (order.total_cents, order.lines, order.customer_name) == (2700, ready.lines, "Sam")
    assert order.promised_at == datetime(2026, 11, 20, 19, 35, tzinfo=UTC)
    assert order == carts.confirm(ready, restaurant, agreed(ready), "call-1", open_now, load_minutes=10)


def test_a_cart_that_changed_since_it_was_read_out_is_not_confirmed(
    ready: Cart, menu: Menu, restaurant: Restaurant, open_now: datetime
) -> None:
    changes: list[Callable[[Cart], Cart]] = [
        lambda cart: carts.add(cart, menu, "Coke"),
        lambda cart: carts.change(cart, menu, 1, quantity=1),
        lambda cart: carts.set_fulfilment(cart, restaurant, "dine_in"),
        lambda cart: carts.set_customer(cart, "Alex"),
    ]
    for change in changes:
        changed = change(ready)
        with pytest.raises(Refused) as refused:
            carts.confirm(changed, restaurant, agreed(ready), "call-1", open_now, 0)
        assert refused.value.code == "not_read_back"
        carts.confirm(changed, restaurant, agreed(changed), "call-1", open_now, 0)


def test_setting_what_is_already_set_leaves_the_version_that_was_read_out(
    ready: Cart, menu: Menu, restaurant: Restaurant
) -> None:
    same = carts.set_customer(carts.set_fulfilment(ready, restaurant, "pickup"), " Sam ")
    assert carts.change(same, menu, 1, quantity=2) == ready


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"lines": ()}, "empty_cart"),
        ({"fulfilment": None}, "fulfilment_needed"),
        ({"customer_name": ""}, "name_needed"),
    ],
)
def test_an_incomplete_cart_is_refused_by_the_first_thing_to_ask(
    ready: Cart, restaurant: Restaurant, open_now: datetime, spoil: dict[str, object], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        carts.confirm(replace(ready, **spoil), restaurant, agreed(ready), "call-1", open_now, 0)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_a_delivery_needs_an_address_and_its_minimum(
    ready: Cart, menu: Menu, restaurant: Restaurant, open_now: datetime
) -> None:
    cart = carts.set_fulfilment(ready, restaurant, "delivery")
    with pytest.raises(Refused) as refused:
        carts.confirm(cart, restaurant, agreed(cart), "call-1", open_now, 0)
    assert refused.value.code == "address_needed"

    cart = carts.set_fulfilment(carts.change(cart, menu, 1, quantity=1), restaurant, "delivery", HOME)
    with pytest.raises(Refused) as refused:
        carts.confirm(cart, restaurant, agreed(cart), "call-1", open_now, 0)
    assert (refused.value.code, refused.value.subject) == ("below_minimum", "20 euros")
    assert refused.value.allowed == ("pickup", "dine_in")


def test_a_zone_given_up_during_the_call_is_refused(ready: Cart, restaurant: Restaurant, open_now: datetime) -> None:
    cart = carts.set_fulfilment(ready, restaurant, "delivery", HOME)
    with pytest.raises(Refused) as refused:
        carts.confirm(cart, replace(restaurant, delivery_zones=()), agreed(cart), "call-1", open_now, 0)
    assert refused.value.code == "outside_zone"
    with pytest.raises(Refused) as refused:
        carts.confirm(cart, replace(restaurant, delivery=False), agreed(cart), "call-1", open_now, 0)
    assert refused.value.code == "fulfilment_not_offered"


def test_a_closed_restaurant_refuses_with_its_next_opening(ready: Cart, restaurant: Restaurant) -> None:
    monday = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    with pytest.raises(Refused) as refused:
        carts.confirm(ready, restaurant, agreed(ready), "call-1", monday, 0)
    assert refused.value.code == "closed"
    assert refused.value.allowed == ("2026-11-24T12:00+00:00",)
    assert refused.value.subject == "tomorrow at noon"


@pytest.mark.parametrize(("kind", "load", "minutes"), [("pickup", 0, 20), ("pickup", 17, 37), ("pickup", -5, 20)])
def test_a_promise_adds_the_kitchens_load_and_rounds_up_to_five_minutes(
    ready: Cart, restaurant: Restaurant, open_now: datetime, kind: str, load: int, minutes: int
) -> None:
    promised = carts.confirm(ready, restaurant, agreed(ready), "call-1", open_now, load).promised_at
    assert promised.minute % 5 == 0
    assert timedelta(0) <= promised - (open_now + timedelta(minutes=minutes)) < timedelta(minutes=5)


def test_a_delivery_is_promised_later_by_the_way_to_its_zone(
    ready: Cart, restaurant: Restaurant, open_now: datetime
) -> None:
    cart = carts.set_fulfilment(ready, restaurant, "delivery", HOME)
    order = carts.confirm(cart, restaurant, agreed(cart), "call-1", open_now, 0)
    assert order.promised_at == datetime(2026, 11, 20, 19, 40, tzinfo=UTC)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["Coke", "Margherita", "Oysters"]), st.integers(0, 51)),
        st.tuples(st.just("change"), st.integers(0, 5), st.integers(-1, 60)),
        st.tuples(st.just("remove"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("pickup"), st.just(0), st.just(0)),
    ),
    min_size=5,
    max_size=25,
)


def _step(cart: Cart, menu: Menu, restaurant: Restaurant, step: tuple[str, str | int, int]) -> Cart:
    kind, what, quantity = step
    match kind:
        case "add":
            size = "Small" if what == "Margherita" else ""
            return carts.add(cart, menu, str(what), size, quantity=quantity)
        case "change":
            return carts.change(cart, menu, int(what), quantity=quantity)
        case "remove":
            return carts.remove(cart, int(what))
        case _:
            return carts.set_fulfilment(cart, restaurant, "pickup")


@given(STEPS)
def test_whatever_is_done_versions_grow_numbers_stay_unique_and_the_total_is_the_sum(
    menu: Menu, restaurant: Restaurant, steps: list[tuple[str, str | int, int]]
) -> None:
    cart = carts.new_cart(menu, ORDER)
    given_out: set[int] = set()
    for step in steps:
        before = cart
        try:
            cart = _step(cart, menu, restaurant, step)
        except Refused:
            continue
        content = (cart.lines, cart.fulfilment, cart.customer_name)
        is_changed = content != (before.lines, before.fulfilment, before.customer_name)
        assert cart.version == before.version + is_changed
        numbers = [line.number for line in cart.lines]
        assert len(set(numbers)) == len(numbers)
        if len(cart.lines) > len(before.lines):
            assert numbers[-1] not in given_out
            given_out.add(numbers[-1])
        assert all(1 <= line.quantity <= MAX_QUANTITY for line in cart.lines)
        assert carts.totals(cart, "IE").total_cents == sum(line.total_cents for line in cart.lines)
