"""A chain's houses: which one a caller wants, the sister that is offered, and the cart that goes along."""

from dataclasses import replace
from typing import Any

import pytest

from domain.chains import Because, Chain, House, WentTo
from domain.menu import ItemSize, Menu
from domain.restaurant import DeliveryZone, Opening, Restaurant
from domain.tools import OrderState, ReadBack, SwitchHouse, ToolOutcome, apply, arrived
from stores.calls import ConversationRecord
from tests.unit.domain.test_placed_orders import NOW

pytestmark = pytest.mark.unit

ALL_WEEK = tuple(Opening(day, 0, 1440) for day in range(7))
CHOOSE = "choose_house"
MARGHERITA: tuple[str, dict[str, Any]] = ("add_item", {"item": "Margherita", "size": "Large"})


def house(id: str, name: str, *codes: str, openings: tuple[Opening, ...] = ALL_WEEK, **fields: Any) -> House:
    zones = (DeliveryZone(name, codes, 0, 0, 0),) if codes else ()
    about = Restaurant(
        id, name, "en", "EUR", "Europe/Dublin", openings=openings, delivery_zones=zones, delivery=True, **fields
    )
    return House(about)


OLD_TOWN = house("r-2", "Old Town", "D18", "D12", postcode="D18", city="Dublin", country="IE")
QUAY = house("r-3", "Quay", "D12", postcode="D12", city="Dublin", country="IE")


def chain(own: Restaurant, *, asks: bool = False, offers: tuple[Because, ...] = ()) -> Chain:
    here = House(replace(own, name="Harbour"))
    return Chain("c-1", "Pizza", own.id, asks, offers, (here, OLD_TOWN, QUAY))


def use(state: OrderState, *calls: tuple[str, dict[str, Any]]) -> ToolOutcome:
    outcome = ToolOutcome(state, {})
    for name, arguments in calls:
        outcome = apply(outcome.state, name, arguments, NOW)
    return outcome


def answering(state: OrderState, answer: str) -> OrderState:
    return replace(state, agreement=replace(state.agreement, heard=True, answered=True, answer=answer))


@pytest.fixture
def asking(state: OrderState) -> OrderState:
    return replace(state, chain=chain(state.restaurant, asks=True))


@pytest.fixture
def closed(state: OrderState) -> OrderState:
    shut = replace(state.restaurant, openings=(), exceptions=())
    return replace(state, restaurant=shut, chain=chain(shut, offers=("closed", "outside")))


def test_nothing_is_ordered_before_the_house_is_known(asking: OrderState) -> None:
    refused = use(asking, MARGHERITA)
    assert refused.result["error"]["code"] == "which_house"
    assert refused.result["say"] == "Which one do you want: Harbour, Old Town or Quay? Or tell me your postcode."
    assert not refused.state.cart.lines


def test_a_house_that_is_named_is_gone_to_at_once(asking: OrderState) -> None:
    outcome = use(asking, (CHOOSE, {"house": "old town"}))
    assert outcome.effect == SwitchHouse(OLD_TOWN, "asked")


@pytest.mark.parametrize(
    ("place", "name"), [("D18", "Old Town"), ("Dublin 18", "Old Town"), ("D12", "Quay")]
)  # both deliver to D12: the one that stands there
def test_a_postcode_leads_to_the_house_that_delivers_there(asking: OrderState, place: str, name: str) -> None:
    effect = use(asking, (CHOOSE, {"place": place})).effect
    assert isinstance(effect, SwitchHouse) and (effect.house.name, effect.because) == (name, "place")


def test_a_town_with_several_houses_is_asked_about(asking: OrderState) -> None:
    outcome = use(asking, (CHOOSE, {"place": "Dublin"}))
    assert outcome.result["error"]["allowed"] == ["Harbour", "Old Town", "Quay"] and outcome.effect is None


def test_where_nobody_delivers_that_is_said_and_pickup_offered(asking: OrderState) -> None:
    outcome = use(asking, (CHOOSE, {"place": "D22"}))
    assert outcome.result["error"]["code"] == "no_house_there"
    assert "You can pick up at Harbour, Old Town or Quay" in outcome.result["say"]


@pytest.mark.parametrize("wanted", ["r-2", "33333333-3333-4333-8333-333333333333", "Bombay Lane"])
def test_no_restaurant_but_the_chains_own_can_be_named(asking: OrderState, wanted: str) -> None:
    outcome = use(asking, (CHOOSE, {"house": wanted}))
    assert outcome.result["error"]["code"] == "unknown_house" and outcome.effect is None


def test_a_restaurant_in_no_chain_goes_nowhere(state: OrderState) -> None:
    outcome = use(state, (CHOOSE, {"house": "Old Town"}))
    assert outcome.result["error"]["code"] == "unknown_house" and outcome.effect is None


def test_a_closed_house_offers_its_sister_once_and_goes_there_only_on_a_yes(closed: OrderState) -> None:
    offered = use(closed, MARGHERITA)
    assert offered.result["say"].endswith(
        "We can't take orders here right now. Our house Old Town, in Dublin is open now. Shall I take it there?"
    )
    assert isinstance(offered.effect, ReadBack) and offered.effect.about == "Old Town"
    assert "Old Town" not in use(offered.state, ("add_item", {"item": "Burger"})).result["say"]

    def chosen(state: OrderState) -> ToolOutcome:
        return use(state, (CHOOSE, {"house": "Old Town"}))

    silent = chosen(offered.state)
    assert silent.effect is None and silent.result["error"]["code"] == "not_heard"
    assert chosen(answering(offered.state, "No, thanks.")).result["error"]["code"] == "not_agreed"
    for yes in ("Yes please.", "Old Town", "Yes, take it there.", "Yes, Old Town please"):
        assert chosen(answering(offered.state, yes)).effect == SwitchHouse(OLD_TOWN, "closed")


def test_a_yes_to_the_sister_is_no_yes_to_the_order(state: OrderState) -> None:
    state = replace(state, chain=chain(state.restaurant))
    filled = use(state, MARGHERITA, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Anna"})).state
    asked = use(filled, (CHOOSE, {"house": "Quay"}))
    assert asked.result["say"].endswith("Shall I go on with that house?") and asked.effect is not None
    confirmed = use(answering(asked.state, "Yes."), ("confirm_order", {}))
    assert confirmed.effect is None and confirmed.result["error"]["code"] == "not_read_back"


def test_what_the_sister_has_goes_along_at_its_price_and_the_rest_is_asked_about(
    closed: OrderState, menu: Menu
) -> None:
    filled = use(
        closed,
        ("add_item", {"item": "Margherita", "size": "Large", "modifiers": ["Olives"], "quantity": 2}),
        ("add_item", {"item": "Coke"}),
        ("set_customer", {"name": "Anna"}),
    ).state
    items = tuple(
        replace(item, id=f"there-{item.id}", sizes=tuple(_dearer(size) for size in item.sizes))
        for item in menu.items
        if item.name != "Coke"
    )
    there = replace(OLD_TOWN.about, pickup=True)
    state, told = arrived(filled, there, replace(menu, restaurant_id="r-2", items=items), ())

    assert [(line.item_id, line.quantity, line.unit_cents) for line in state.cart.lines] == [("there-i-marg", 2, 1450)]
    assert state.cart.order_id != filled.cart.order_id and state.cart.customer_name == "Anna"
    assert state.restaurant.id == "r-2" and [wish.dish for wish in state.open_wishes] == ["Coke"]
    assert told["not_found"] == ["Coke"] and told["missing"][0] == "dishes"
    assert "29 euros so far" in told["say"] and "does not have Coke" in told["say"]
    assert use(state, ("confirm_order", {})).effect is None


def test_a_thing_of_another_name_or_size_is_never_guessed(closed: OrderState, menu: Menu) -> None:
    filled = use(closed, MARGHERITA).state
    other = tuple(
        replace(item, sizes=tuple(replace(size, name="Huge") if size.name == "Large" else size for size in item.sizes))
        for item in menu.items
    )
    state, _ = arrived(filled, OLD_TOWN.about, replace(menu, items=other), ())
    assert not state.cart.lines and [wish.dish for wish in state.open_wishes] == ["Margherita"]


def test_a_sister_that_delivers_is_offered_outside_of_the_zones(state: OrderState) -> None:
    state = replace(state, chain=chain(state.restaurant, offers=("outside",)))
    outside = use(state, MARGHERITA, ("set_fulfilment", {"kind": "delivery", "postcode": "D18"}))
    assert outside.result["error"]["code"] == "outside_zone"
    assert "Our house Old Town, in Dublin delivers there" in outside.result["say"]
    unknown = use(state, MARGHERITA, ("set_fulfilment", {"kind": "delivery", "postcode": "D22"}))
    assert "Our house" not in unknown.result["say"]


def test_nothing_is_offered_where_the_restaurant_does_not_want_it(closed: OrderState) -> None:
    quiet = replace(closed, chain=chain(closed.restaurant))
    assert "Our house" not in use(quiet, MARGHERITA).result["say"]


def test_the_call_s_note_names_where_it_went() -> None:
    import msgspec

    record = ConversationRecord(
        call_id="c", restaurant_id="r-1", started_at=NOW, outcome="answered", went_to=WentTo("r-2", "Quay", "closed")
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=ConversationRecord) == record


def _dearer(size: ItemSize) -> ItemSize:
    return replace(size, id=f"there-{size.id}", price_cents=size.price_cents + 100)
