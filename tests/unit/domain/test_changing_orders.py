"""An order that was placed, changed or cancelled by phone: until when, with whose yes, and at which price."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.kitchen import ChangesUntil, OrderStatus
from domain.menu import Menu
from domain.order import Address, CartLine, Fulfilment
from domain.placed import PlacedOrder
from domain.tools import CancelPlaced, ChangeOrder, OrderState, ReadBack, ToolOutcome, apply
from domain.vat import same_rate
from tests.unit.domain.test_placed_orders import NOW, placed

pytestmark = pytest.mark.unit

ORDER = placed(
    id="22222222-2222-4222-8222-222222222222",
    lines=(
        CartLine(1, "i-marg", "Margherita", "s-m-large", "Large", 2, 1250, same_rate(1000)),
        CartLine(3, "i-coke", "Coke", "s-c", "", 1, 280, same_rate(550)),  # 3.00 by now
    ),
    total_cents=2780,
    fulfilment=Fulfilment("pickup"),
)
COKE = ("add_item", {"item": "Coke"})
READ: tuple[str, dict[str, Any]] = ("read_cart", {})
CONFIRM: tuple[str, dict[str, Any]] = ("confirm_order", {})
CHANGE: tuple[str, dict[str, Any]] = ("change_order", {})
CANCEL: tuple[str, dict[str, Any]] = ("cancel_order", {})


def found(state: OrderState, order: PlacedOrder = ORDER) -> OrderState:
    outcome = apply(replace(state, placed=(order,)), "find_order", {"name": "Anna"}, NOW)
    assert outcome.result["ok"]
    return outcome.state


def use(state: OrderState, *calls: tuple[str, dict[str, Any]]) -> ToolOutcome:
    outcome = ToolOutcome(state, {})
    for name, arguments in calls:
        assert outcome.result.get("ok", True), outcome.result
        outcome = apply(outcome.state, name, arguments, NOW)
    return outcome


def agreeing(state: OrderState, answer: str = "Yes.") -> OrderState:
    return replace(state, agreement=replace(state.agreement, heard=True, answered=True, answer=answer))


def test_a_change_is_read_back_with_its_new_total_and_replaces_the_order_after_a_yes(state: OrderState) -> None:
    taken = use(found(state), CHANGE)
    assert taken.result["say"] == (
        "I have your order: 2 large Margherita and 1 Coke, 27 euros 80 in all. What would you like to change?"
    )

    read = use(taken.state, ("remove_item", {"line": 3}), ("add_item", {"item": "House wine"}), READ)
    assert "The total is 32 euros. Is that right?" in read.result["say"]
    assert apply(read.state, *CONFIRM, NOW).effect is None  # nobody has said yes

    changed = apply(agreeing(read.state), *CONFIRM, NOW)
    assert isinstance(changed.effect, ChangeOrder) and changed.effect.before == ORDER
    assert changed.effect.order.total_cents == 3200 and changed.effect.order.customer_name == "Anna Keller"
    assert changed.effect.order.id != ORDER.id
    assert changed.state.confirmed == changed.effect.order and changed.state.changing is None


def test_what_is_kept_keeps_the_price_that_it_was_ordered_at(state: OrderState) -> None:
    read = use(found(state), CHANGE, ("change_item", {"line": 1, "quantity": 1}), READ)
    order = apply(agreeing(read.state), *CONFIRM, NOW).state.confirmed

    assert order is not None
    assert [(line.item_name, line.unit_cents) for line in order.lines] == [("Margherita", 1250), ("Coke", 280)]


def test_what_was_ordered_and_is_sold_out_by_now_stays_ordered(state: OrderState, menu: Menu) -> None:
    read = use(found(state), CHANGE, ("remove_item", {"line": 3}), READ)
    without = tuple(item for item in menu.items if item.name != "Margherita")
    later = replace(agreeing(read.state), menu=replace(menu, items=without))

    assert isinstance(apply(later, *CONFIRM, NOW).effect, ChangeOrder)


def test_an_order_that_is_as_it_was_is_not_written_again(state: OrderState) -> None:
    read = use(found(state), CHANGE, READ)

    outcome = apply(agreeing(read.state), *CONFIRM, NOW)

    assert outcome.effect is None and outcome.result["error"]["code"] == "nothing_to_change"


def test_one_call_writes_a_change_under_one_id_however_often(state: OrderState) -> None:
    ids = {use(found(state), CHANGE).state.cart.order_id for _ in range(2)}
    other_call = use(found(replace(state, call_id="call-2")), CHANGE).state.cart.order_id

    assert len(ids) == 1 and other_call not in ids


def test_a_change_is_promised_no_sooner_than_the_order_was(state: OrderState) -> None:
    order = replace(ORDER, promised_at=NOW + timedelta(hours=1))
    read = use(found(state, order), CHANGE, COKE, READ)

    confirmed = apply(agreeing(read.state), *CONFIRM, NOW).state.confirmed

    assert confirmed is not None and confirmed.promised_at == order.promised_at


@pytest.mark.parametrize("tool", [CHANGE, CANCEL])
@pytest.mark.parametrize(
    ("until", "status", "may"),
    [
        ("started", "confirmed", True),
        ("started", "preparing", False),
        ("ready", "preparing", True),
        ("ready", "ready", False),
        ("never", "confirmed", False),
        ("ready", "done", False),
        ("ready", "cancelled", False),
    ],
)
def test_the_restaurant_says_until_when(
    state: OrderState, tool: tuple[str, dict[str, Any]], until: ChangesUntil, status: OrderStatus, may: bool
) -> None:
    place = replace(state, restaurant=replace(state.restaurant, changes_until=until))
    outcome = apply(found(place, replace(ORDER, status=status)), *tool, NOW)

    assert outcome.result["ok"] is may
    if not may:
        assert outcome.result["error"]["code"] == "too_late"
        assert outcome.result["error"]["allowed"] == ["transfer_to_human"]
        assert outcome.state.cart.lines == ()


@pytest.mark.parametrize("tool", [CHANGE, CANCEL])
@pytest.mark.parametrize("until", ["started", "ready"])
def test_what_is_due_was_eaten_although_no_board_says_so(
    state: OrderState, tool: tuple[str, dict[str, Any]], until: ChangesUntil
) -> None:
    place = replace(state, restaurant=replace(state.restaurant, changes_until=until))
    outcome = apply(found(place, replace(ORDER, promised_at=NOW - timedelta(minutes=1))), *tool, NOW)

    assert outcome.result["error"]["code"] == "too_late"


def test_nobody_hears_where_an_order_was_to_be_brought(state: OrderState) -> None:
    """A number can be forged, and a name guessed."""
    home = Fulfilment("delivery", Address("12 Secret Street", "D08", "Dublin"), 300)
    taken = use(found(state, replace(ORDER, fulfilment=home)), CHANGE, COKE).state
    told = [
        use(taken, one).result["say"]
        for one in (
            READ,
            ("set_fulfilment", {"kind": "delivery"}),
            ("set_fulfilment", {"kind": "delivery", "postcode": "D08"}),
        )
    ]
    elsewhere = use(taken, ("set_fulfilment", {"kind": "delivery", "street": "3 Mill Lane", "postcode": "D08"}), READ)

    assert "delivery" in told[0] and not any(word in say for say in told for word in ("Secret", "D08", "Dublin"))
    assert "3 Mill Lane" in elsewhere.result["say"]


def test_an_order_for_later_is_read_back_and_promised_for_then(state: OrderState) -> None:
    later = NOW + timedelta(hours=2)
    read = use(found(state, replace(ORDER, promised_at=later)), CHANGE, COKE, READ)
    as_it_was = use(found(state, replace(ORDER, promised_at=later)), CHANGE, READ)

    assert "9:02 pm" in read.result["say"]
    confirmed = apply(agreeing(read.state), *CONFIRM, NOW).state.confirmed
    assert confirmed is not None and confirmed.promised_at == later
    assert apply(agreeing(as_it_was.state), *CONFIRM, NOW).result["error"]["code"] == "nothing_to_change"


def test_in_the_middle_of_a_change_the_order_itself_is_asked_about_and_cancelled(state: OrderState) -> None:
    changing = use(found(state), CHANGE, ("remove_item", {"line": 3}), ("remove_item", {"line": 1})).state

    asked = use(changing, CANCEL)
    assert "2 large Margherita and 1 Coke, 27 euros 80" in asked.result["say"]
    assert apply(agreeing(asked.state), *CANCEL, NOW).effect == CancelPlaced(ORDER)


def test_an_order_that_the_till_has_answered_meanwhile_is_the_same_one(state: OrderState) -> None:
    changing = use(found(state), CHANGE, COKE).state
    newer = replace(ORDER, unseen=True)

    assert use(found(changing, newer), CHANGE).state.changing == newer


@pytest.mark.parametrize("tool", [CHANGE, CANCEL])
def test_nothing_is_taken_out_before_it_is_known_whose_it_is(
    state: OrderState, tool: tuple[str, dict[str, Any]]
) -> None:
    refused = apply(replace(state, placed=(ORDER,)), *tool, NOW)
    other = apply(replace(state, placed=(replace(ORDER, own=False),)), "find_order", {"name": "Anna"}, NOW)

    assert refused.result["error"]["code"] == "find_first"
    assert apply(other.state, *tool, NOW).result["error"]["code"] == "find_first"


@pytest.mark.parametrize("tool", [CHANGE, CANCEL])
def test_an_order_in_the_making_is_not_thrown_away(state: OrderState, tool: tuple[str, dict[str, Any]]) -> None:
    outcome = apply(found(use(state, COKE).state), *tool, NOW)

    assert outcome.result["error"]["code"] == "cart_open" and len(outcome.state.cart.lines) == 1


def test_it_is_cancelled_after_a_yes_to_just_that(state: OrderState) -> None:
    asked = use(found(state), CANCEL)
    assert asked.result["say"] == (
        "That is 2 large Margherita and 1 Coke, 27 euros 80 in all. Shall I cancel that order?"
    )
    assert isinstance(asked.effect, ReadBack)
    assert asked.result["next"]["call"] == "cancel_order"
    assert apply(asked.state, *CANCEL, NOW).effect is None  # nobody has answered

    outcome = apply(agreeing(asked.state, "Yes, cancel it."), *CANCEL, NOW)
    assert outcome.effect == CancelPlaced(ORDER)
    assert outcome.state.cart.lines == () and outcome.state.found is None


@pytest.mark.parametrize("answer", ["No.", "No, don't cancel it.", "Yes, but only the Coke.", "Hold on.", "Keep it"])
def test_anything_else_cancels_nothing(state: OrderState, answer: str) -> None:
    asked = use(found(state), CANCEL)

    outcome = apply(agreeing(asked.state, answer), *CANCEL, NOW)

    assert outcome.effect is None and outcome.result["error"]["code"] == "not_agreed"


def test_a_yes_to_the_read_back_is_no_yes_to_the_cancellation(state: OrderState) -> None:
    read = use(found(state), CANCEL, READ)

    outcome = apply(agreeing(read.state), *CANCEL, NOW)

    assert isinstance(outcome.effect, ReadBack)
    assert "Shall I cancel" in outcome.result["say"]


def test_whoever_has_just_ordered_may_think_again(state: OrderState) -> None:
    confirmed = replace(state, confirmed=use_confirmed(state))
    outcome = use(found(confirmed), CHANGE, COKE)

    assert outcome.result["ok"] and outcome.state.confirmed is None


def use_confirmed(state: OrderState) -> Any:
    read = use(state, COKE, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Anna"}), READ)
    return apply(agreeing(read.state), *CONFIRM, NOW).state.confirmed
