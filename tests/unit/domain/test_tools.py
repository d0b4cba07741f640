import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from domain.calendars import Calendar
from domain.menu import Menu
from domain.reservations import Book, DiningTable, Hold, id_of_call
from domain.restaurant import Opening, Restaurant
from domain.tools import (
    BookTable,
    ConfirmOrder,
    EndCall,
    OrderState,
    ToolOutcome,
    Transfer,
    apply,
    table_time,
    tool_schemas,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)


def run(state: OrderState, *calls: tuple[str, dict[str, Any]], now: datetime = NOW) -> ToolOutcome:
    """The outcome of the last call; each before it must have been accepted. What was read out the caller agrees to."""
    outcome = ToolOutcome(state, {})
    for name, arguments in calls:
        assert outcome.result.get("ok", True), outcome.result
        if name == "confirm_order":
            agreement = replace(outcome.state.agreement, heard=True, answered=True, answer="Yes.")
            outcome = ToolOutcome(replace(outcome.state, agreement=agreement), {})
        outcome = apply(outcome.state, name, arguments, now)
    return outcome


PIZZA = ("add_item", {"item": "Margherita", "size": "Large", "modifiers": ["Olives"], "quantity": 2})
PICKUP = ("set_fulfilment", {"kind": "pickup"})
SAM = ("set_customer", {"name": "Sam"})
READ: tuple[str, dict[str, Any]] = ("read_cart", {})
CONFIRM: tuple[str, dict[str, Any]] = ("confirm_order", {})


def test_an_added_item_is_named_and_stands_in_the_cart(state: OrderState) -> None:
    outcome = run(state, PIZZA)
    assert outcome.result == {
        "ok": True,
        "say": "I've added 2 large Margherita with olives.",
        "cart": {
            "lines": [
                {
                    "line": 1,
                    "item": "Margherita",
                    "size": "Large",
                    "modifiers": ["Olives"],
                    "quantity": 2,
                    "total": "27.00",
                }
            ],
            "total": "27.00",
            "currency": "EUR",
            "version": 1,
            "fulfilment": None,
        },
        "missing": ["fulfilment", "customer_name", "read_back"],
        "next": {"ask": "Anything else?"},
    }


def test_a_missing_size_is_an_error_that_says_what_is_allowed(state: OrderState) -> None:
    outcome = run(state, ("add_item", {"item": "Margherita"}))
    assert outcome.state == state
    assert outcome.result["ok"] is False
    assert outcome.result["error"] == {
        "code": "size_needed",
        "field": "size",
        "message": "Margherita has several sizes.",
        "allowed": ["Small", "Large"],
    }
    assert outcome.result["say"] == "Which size would you like for the Margherita: small or large?"
    assert outcome.result["missing"] == ["items", "fulfilment", "customer_name", "read_back"]


def test_a_whole_order_is_taken_read_back_and_confirmed(state: OrderState) -> None:
    read = run(
        state,
        PIZZA,
        ("add_item", {"item": "Coke"}),
        ("change_item", {"line": 1, "size": "Small", "quantity": 1, "add_modifiers": ["Ham"]}),
        PICKUP,
        SAM,
        READ,
    )
    assert read.result["say"] == (
        "So that's 1 small Margherita with olives and ham and 1 Coke, for pickup, in the name of Sam."
        " The total is 15 euros. Is that right?"
    )
    assert read.result["missing"] == []

    confirmed = run(read.state, CONFIRM)
    assert isinstance(confirmed.effect, ConfirmOrder)
    assert (confirmed.effect.order.total_cents, confirmed.effect.order.call_id) == (1500, "call-1")
    assert confirmed.result["say"] == (
        "Your order is confirmed, 15 euros in all. It will be ready for pickup at 7:25 pm."
    )
    assert confirmed.result["promised_at"] == "2026-11-20T19:25+00:00"


def test_confirming_before_the_read_back_is_refused(state: OrderState) -> None:
    outcome = run(state, PIZZA, PICKUP, SAM, CONFIRM)
    assert outcome.effect is None
    assert (outcome.result["error"]["code"], outcome.result["error"]["allowed"]) == ("not_read_back", ["read_cart"])


def test_confirming_again_is_the_same_order(state: OrderState) -> None:
    first = run(state, PIZZA, PICKUP, SAM, READ, CONFIRM)
    second = run(first.state, CONFIRM, now=NOW.replace(minute=59))
    assert second.effect == first.effect
    assert second.result["say"] == first.result["say"]


@pytest.mark.parametrize(
    "call",
    [PIZZA, PICKUP, SAM, ("change_item", {"line": 1, "quantity": 1}), ("remove_item", {"line": 1})],
)
def test_a_confirmed_order_can_no_longer_be_changed(state: OrderState, call: tuple[str, dict[str, Any]]) -> None:
    outcome = run(state, PIZZA, PICKUP, SAM, READ, CONFIRM, call)
    assert outcome.result["error"]["code"] == "already_confirmed"
    assert outcome.result["missing"] == []


def test_an_early_read_back_does_not_ask_for_agreement(state: OrderState) -> None:
    say = run(state, PIZZA, READ).result["say"]
    assert say == "So that's 2 large Margherita with olives. The total is 27 euros."


def test_a_delivery_below_its_minimum_says_so_and_cannot_be_confirmed(state: OrderState) -> None:
    delivery = ("set_fulfilment", {"kind": "delivery", "street": "3 Mill Lane", "postcode": "D02 X285"})
    read = run(state, ("add_item", {"item": "Lasagne"}), delivery, SAM, READ)
    assert read.result["say"] == (
        "So that's 1 Lasagne, delivered to 3 Mill Lane, D02 X285, in the name of Sam. The total is 14 euros 50,"
        " including 2 euros 50 for delivery. The minimum for this delivery is 20 euros, not counting the delivery fee."
    )
    assert read.result["missing"] == ["items"]
    refused = run(read.state, CONFIRM).result
    assert refused["error"]["code"] == "below_minimum"
    assert refused["say"] == "The minimum for this delivery is 20 euros, not counting the delivery fee."


def test_a_delivery_is_read_back_with_its_address_and_fee(state: OrderState, french: Restaurant) -> None:
    address = {"kind": "delivery", "street": "3 Mill Lane", "postcode": "D02 X285", "city": "Dublin"}
    delivery = ("set_fulfilment", address)
    assert run(state, PIZZA, delivery).result["say"] == "Noted, delivered to 3 Mill Lane, D02 X285 Dublin."
    assert run(state, PIZZA, delivery, SAM, READ).result["say"] == (
        "So that's 2 large Margherita with olives, delivered to 3 Mill Lane, D02 X285 Dublin, in the name of Sam."
        " The total is 29 euros 50, including 2 euros 50 for delivery. Is that right?"
    )
    assert run(replace(state, restaurant=french), PIZZA, delivery, SAM, READ).result["say"] == (
        "Donc : 2 Margherita large avec olives, en livraison au 3 Mill Lane, D02 X285 Dublin, au nom de Sam."
        " Le total est de 29 euros 50, dont 2 euros 50 de livraison. C’est bien ça ?"
    )


def test_a_delivery_outside_every_zone_is_refused(state: OrderState) -> None:
    result = run(state, ("set_fulfilment", {"kind": "delivery", "postcode": "D24 AB12"})).result
    assert (result["error"]["code"], result["error"]["field"]) == ("outside_zone", "postcode")
    assert result["say"] == "I'm sorry, we don't deliver to D24 AB12."


def test_removing_the_last_line_says_that_the_order_is_empty(state: OrderState) -> None:
    result = run(state, ("add_item", {"item": "Coke"}), ("remove_item", {"line": 1})).result
    assert result["say"] == "I've taken off 1 Coke. Your order is now empty."
    assert result["cart"]["lines"] == []


def test_the_caller_hears_the_restaurants_language(state: OrderState, french: Restaurant) -> None:
    spoken = replace(state, restaurant=french)
    assert run(spoken, PIZZA).result["say"] == "J’ajoute 2 Margherita large avec olives."
    say = run(spoken, PIZZA, PICKUP, SAM, READ).result["say"]
    assert say == (
        "Donc : 2 Margherita large avec olives, à emporter, au nom de Sam. Le total est de 27 euros. C’est bien ça ?"
    )
    refused = run(spoken, ("add_item", {"item": "Margarita"})).result
    assert refused["say"] == "Je ne trouve pas Margarita à la carte. Nous avons margherita."


def test_a_closed_restaurant_confirms_nothing_and_says_when_it_opens(state: OrderState) -> None:
    monday = datetime(2026, 11, 23, 19, tzinfo=UTC)
    result = run(state, PIZZA, PICKUP, SAM, READ, CONFIRM, now=monday).result
    assert result["error"]["code"] == "closed"
    assert result["say"] == "I'm sorry, we're closed now. We open again tomorrow at noon."


def test_a_question_is_answered_in_the_restaurants_words(state: OrderState) -> None:
    result = run(state, ("look_up_faq", {"question": "where can I park?"})).result
    assert result["say"] == "Yes, the Mill Street car park is across the road."
    assert result["faq"][0]["question"] == "Is there parking nearby?"


def test_a_question_without_an_answer_is_not_guessed(state: OrderState) -> None:
    result = run(state, ("look_up_faq", {"question": "Do you allow dogs?"})).result
    assert result["error"]["code"] == "no_answer"
    assert len(result["error"]["allowed"]) == 3


@pytest.mark.parametrize(
    ("day", "say"),
    [
        ("monday", "On Monday 23 November we are closed."),
        ("2026-12-25", "On Friday 25 December we are closed."),
        (
            None,
            "We are open now, until 1 am. On Friday 20 November we are open from noon to 3 pm and from 6 pm to 1 am.",
        ),
    ],
)
def test_opening_hours_are_told_for_a_day(state: OrderState, day: str | None, say: str) -> None:
    result = run(state, ("opening_hours", {"day": day})).result
    assert (result["say"], result["open_now"]) == (say, True)


@pytest.mark.parametrize(("language", "says"), [("en", "day and night"), ("fr", "jour et nuit")])
def test_a_restaurant_that_never_closes_is_not_said_to_close_at_midnight(
    state: OrderState, language: str, says: str
) -> None:
    openings = tuple(Opening(day, 0, 1440) for day in range(7))
    always = replace(state.restaurant, language=language, openings=openings, exceptions=())
    result = run(replace(state, restaurant=always), ("opening_hours", {"day": "today"})).result
    assert says in result["say"]
    assert "midnight" not in result["say"]
    assert "minuit" not in result["say"]


def test_an_order_for_another_day_is_promised_with_its_day(state: OrderState) -> None:
    ahead = replace(state, restaurant=replace(state.restaurant, orders_ahead=True))
    night = datetime(2026, 11, 21, 2, tzinfo=UTC)  # closed since 1:00
    read = run(ahead, PIZZA, PICKUP, SAM, ("set_time", {"day": "tomorrow", "time": "00:30"}), READ, now=night)

    agreed = replace(read.state, agreement=replace(read.state.agreement, heard=True, answered=True, answer="Yes."))
    result = apply(agreed, "confirm_order", {}, night).result

    assert result["say"].endswith("It will be ready for pickup tomorrow at 12:30 am.")


def test_opening_hours_of_today_tell_when_a_closed_restaurant_opens(state: OrderState) -> None:
    result = run(state, ("opening_hours", {"day": "today"}), now=datetime(2026, 11, 20, 16, tzinfo=UTC)).result
    assert result["say"].startswith("We are closed now and open again today at 6 pm.")


def test_a_table_that_the_policy_allows_is_possible_but_not_booked(state: OrderState) -> None:
    result = run(state, ("check_table", {"date": "tomorrow", "time": "19:30", "covers": 4})).result
    assert result["say"] == "We take tables for 4 tomorrow at 7:30 pm. The team settles the booking."
    assert (result["booked"], result["starts_at"]) == (False, "2026-11-21T19:30+00:00")


TABLE = DiningTable("t", "Main", "1", 4)
BOOKING = {"date": "tomorrow", "time": "19:30", "covers": 4, "name": "Sam", "note": "a high chair"}
AT = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)


def test_a_table_is_booked_when_one_is_free(state: OrderState) -> None:
    known = replace(state, book=Book(tables=(TABLE,)))

    outcome = run(known, ("book_table", BOOKING))

    assert outcome.effect == BookTable(AT, 4, "Sam", "a high chair")
    assert outcome.result["booked"] is True
    assert outcome.result["say"] == "Your table for 4 is booked, tomorrow at 7:30 pm, in the name of Sam."


def test_a_table_that_the_calendar_could_not_be_asked_about_is_not_told_as_booked(state: OrderState) -> None:
    known = replace(state, book=Book(tables=(TABLE,), calendar=Calendar()))

    outcome = run(known, ("book_table", BOOKING))
    assert outcome.effect == BookTable(AT, 4, "Sam", "a high chair")
    assert (outcome.result["booked"], "The team settles it" in outcome.result["say"]) == (False, True)
    looked = run(known, ("check_table", {name: BOOKING[name] for name in ("date", "time", "covers")}))
    assert (looked.result["table_free"], "The team settles" in looked.result["say"]) == (False, True)


@pytest.mark.parametrize("tool", ["check_table", "book_table"])
def test_when_no_table_is_free_the_nearest_times_are_told_and_nothing_is_booked(state: OrderState, tool: str) -> None:
    full = Hold("theirs", "t", AT - timedelta(minutes=15), AT + timedelta(minutes=30))
    known = replace(state, book=Book(tables=(TABLE,), holds=(full,)))
    asked = BOOKING if tool == "book_table" else {name: BOOKING[name] for name in ("date", "time", "covers")}

    outcome = run(known, (tool, asked))

    assert (outcome.effect, outcome.result["ok"], outcome.result["booked"]) == (None, False, False)
    assert outcome.result["free_at"] == [f"2026-11-21T{time}+00:00" for time in ("20:00", "20:15", "20:30")]
    said = "tomorrow at 8 pm, tomorrow at 8:15 pm or tomorrow at 8:30 pm"
    assert outcome.result["say"] == f"I'm sorry, we have no table free then. We have one {said}."


def test_a_restaurant_without_tables_notes_a_request_and_says_that_it_is_one(state: OrderState) -> None:
    outcome = run(replace(state, book=Book()), ("book_table", BOOKING))

    assert isinstance(outcome.effect, BookTable)
    assert outcome.result["booked"] is False
    assert outcome.result["say"].endswith("The team settles it.")


@pytest.mark.parametrize("cancelled", [0, 1, 3])
def test_a_call_may_move_its_own_reservation(state: OrderState, cancelled: int) -> None:
    reservation_id = id_of_call(state.call_id)
    for _ in range(cancelled):
        reservation_id = id_of_call(reservation_id)
    own = Hold(reservation_id, "t", AT - timedelta(minutes=15), AT + timedelta(minutes=90))
    known = replace(state, book=Book(tables=(TABLE,), holds=(own,)))

    assert isinstance(run(known, ("book_table", BOOKING)).effect, BookTable)


@pytest.mark.parametrize(
    ("name", "arguments", "around"),
    [
        ("book_table", BOOKING, AT),
        ("check_table", {**BOOKING, "covers": 2}, None),  # it takes no name
        ("book_table", {**BOOKING, "time": "soon"}, None),
        ("read_cart", {}, None),
    ],
)
def test_the_tables_are_looked_up_around_the_time_that_is_asked_for(
    state: OrderState, name: str, arguments: dict[str, object], around: datetime | None
) -> None:
    assert table_time(state, name, arguments, NOW) == around


def test_a_transfer_goes_to_the_restaurants_number(state: OrderState) -> None:
    outcome = run(state, ("transfer_to_human", {"reason": "allergy"}))
    assert outcome.effect == Transfer("+353861112233", "allergy")
    assert "+353861112233" not in json.dumps(outcome.result)


def test_a_restaurant_without_a_number_cannot_transfer(state: OrderState, restaurant: Restaurant) -> None:
    alone = replace(state, restaurant=replace(restaurant, fallback_number=""))
    outcome = run(alone, ("transfer_to_human", {"reason": "allergy"}))
    assert (outcome.effect, outcome.result["error"]["code"]) == (None, "no_transfer")


def test_ending_the_call_is_an_effect(state: OrderState) -> None:
    assert run(state, ("end_call", {})).effect == EndCall()


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("add_item", [], "arguments"),
        ("add_item", None, "arguments"),
        ("add_item", "{", "arguments"),
        ("add_item", {}, "item"),
        ("add_item", {"item": None}, "item"),
        ("add_item", {"item": ""}, "item"),
        ("add_item", {"item": 3}, "item"),
        ("add_item", {"item": "x" * 121}, "item"),
        ("add_item", {"item": "Coke", "price": 0}, "arguments"),
        ("add_item", {"item": "Coke", "quantity": "2"}, "quantity"),
        ("add_item", {"item": "Coke", "quantity": True}, "quantity"),
        ("add_item", {"item": "Coke", "quantity": 1.5}, "quantity"),
        ("add_item", {"item": "Coke", "quantity": float("nan")}, "quantity"),
        ("add_item", {"item": "Coke", "modifiers": "Olives"}, "modifiers"),
        ("add_item", {"item": "Coke", "modifiers": [1]}, "modifiers"),
        ("add_item", {"item": "Coke", "modifiers": ["Olives"] * 21}, "modifiers"),
        ("add_item", {"item": "Co\ud800ke"}, "item"),
        ("check_table", {"date": "soon", "time": "19:30", "covers": 2}, "date"),
        ("check_table", {"date": "today", "time": "7 pm", "covers": 2}, "time"),
        ("opening_hours", {"day": "someday"}, "day"),
    ],
)
def test_a_bad_argument_is_named(state: OrderState, name: str, arguments: object, field: str) -> None:
    outcome = apply(state, name, arguments, NOW)
    assert (outcome.result["error"]["code"], outcome.result["error"]["field"]) == ("bad_argument", field)
    assert outcome.state == state


def test_a_whole_number_may_be_written_as_json_likes(state: OrderState) -> None:
    assert run(state, ("add_item", {"item": "Coke", "quantity": 2.0})).result["cart"]["total"] == "6.00"


@pytest.mark.parametrize("name", ["give_discount", "", "apply", None, 3, ["add_item"]])
def test_an_unknown_tool_is_refused_with_the_known_ones(state: OrderState, name: object) -> None:
    error = apply(state, name, {}, NOW).result["error"]
    assert error["code"] == "unknown_tool"
    assert "add_item" in error["allowed"]


NAMES = [
    "add_item",
    "change_item",
    "remove_item",
    "set_fulfilment",
    "set_time",
    "set_customer",
    "set_allergies",
    "missing_dish",
    "read_cart",
    "confirm_order",
    "describe_item",
    "look_up_faq",
    "opening_hours",
    "find_order",
    "change_order",
    "cancel_order",
    "check_table",
    "book_table",
    "choose_house",
    "leave_message",
    "transfer_to_human",
    "end_call",
]
KEYS = [
    "item",
    "size",
    "modifiers",
    "without",
    "quantity",
    "note",
    "line",
    "add_modifiers",
    "remove_modifiers",
    "kind",
    "street",
    "postcode",
    "city",
    "name",
    "allergens",
    "question",
    "day",
    "date",
    "time",
    "covers",
    "total",
    "number",
    "reason",
    "because",
    "dish",
    "caller",
    "house",
    "place",
    "about",
    "message",
    "phone",
]


def test_the_schemas_are_valid_and_list_what_is_on_sale(restaurant: Restaurant, menu: Menu) -> None:
    tools = {tool["name"]: tool for tool in tool_schemas(restaurant, menu, ("Harbour", "Quay"))}
    assert list(tools) == NAMES
    for tool in tools.values():
        assert tool["type"] == "function"
        assert tool["description"]
        jsonschema.Draft202012Validator.check_schema(tool["parameters"])
    add = tools["add_item"]["parameters"]
    assert "Margherita" in add["properties"]["item"]["enum"]
    assert "Oysters" not in add["properties"]["item"]["enum"]
    assert add["properties"]["size"]["enum"] == ["Small", "Large"]
    assert "Burrata" not in add["properties"]["modifiers"]["items"]["properties"]["name"]["enum"]
    assert add["required"] == ["item"]
    assert tools["set_fulfilment"]["parameters"]["properties"]["kind"]["enum"] == ["pickup", "delivery", "dine_in"]
    assert {key for tool in tools.values() for key in tool["parameters"]["properties"]} == set(KEYS)


def test_one_thing_more_is_offered_once_where_the_restaurant_wants_it_and_counts_when_it_is_taken(
    state: OrderState, restaurant: Restaurant, menu: Menu
) -> None:
    coke = ("add_item", {"item": "Coke"})
    offer = ("offer_extra", {"item": "Coke"})
    wanted = [tool["name"] for tool in tool_schemas(replace(restaurant, upsell=True), menu)]

    before = run(state, PIZZA, coke)
    offered = run(state, PIZZA, coke, offer)
    taken = run(state, PIZZA, coke, offer, coke)
    taken_out = run(state, PIZZA, coke, offer, coke, ("remove_item", {"line": 3}))
    again = run(state, PIZZA, coke, offer, ("offer_extra", {"item": "Margherita"}))
    unknown = run(state, PIZZA, ("offer_extra", {"item": "Oysters"}))

    assert "offer_extra" in wanted and "offer_extra" not in NAMES
    assert [one.state.upsell for one in (before, offered, taken, taken_out)] == ["", "offered", "accepted", "offered"]
    assert "Coke" in offered.result["say"] and again.state == offered.state
    assert unknown.result["ok"] is False and unknown.state.upsell == ""


def test_a_menu_without_sizes_or_options_has_no_empty_enums(restaurant: Restaurant, menu: Menu) -> None:
    plain = replace(menu, items=tuple(item for item in menu.items if item.id == "i-coke"))
    add = tool_schemas(restaurant, plain)[0]["parameters"]["properties"]
    assert set(add) == {"item", "without", "quantity", "note"}
    for tool in tool_schemas(restaurant, replace(menu, items=())):
        jsonschema.Draft202012Validator.check_schema(tool["parameters"])
        assert "enum': []" not in str(tool)


def test_an_item_is_described_with_the_prices_that_the_menu_has_now(state: OrderState) -> None:
    margherita = next(item for item in state.menu.items if item.name == "Margherita")
    dearer = tuple(replace(size, price_cents=size.price_cents + 150) for size in margherita.sizes)
    items = tuple(replace(item, sizes=dearer) if item is margherita else item for item in state.menu.items)
    edited = replace(state, menu=replace(state.menu, items=items))
    outcome = run(edited, ("describe_item", {"item": "margherita"}))
    prices = {one["size"]: one["price"] for one in outcome.result["prices"]}
    on_sale = [size for size in dearer if size.available]
    assert prices == {size.name: f"{size.price_cents / 100:.2f}" for size in on_sale}
    assert all(f"{size.price_cents // 100} euros" in outcome.result["say"] for size in on_sale)


def test_an_unknown_item_is_not_described_but_offered_its_neighbours(state: OrderState) -> None:
    outcome = run(state, ("describe_item", {"item": "Margarita pizza"}))
    assert outcome.result["error"]["code"] == "unknown_item"
    assert "Margherita" in outcome.result["error"]["allowed"]


def test_a_wished_time_is_read_back_and_promised(state: OrderState) -> None:
    at_nine = ("set_time", {"time": "21:00"})
    read = run(state, PIZZA, PICKUP, at_nine, SAM, READ)
    assert "for pickup, today at 9 pm, in the name of Sam" in read.result["say"]
    confirmed = run(read.state, CONFIRM)
    assert isinstance(confirmed.effect, ConfirmOrder)
    assert confirmed.effect.order.promised_at == datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    assert confirmed.result["say"].endswith("It will be ready for pickup at 9 pm.")


@pytest.mark.parametrize(
    ("time", "code"),
    [("19:05", "too_soon"), ("03:00", "too_soon"), ("nine", "bad_argument")],
)
def test_a_time_that_cannot_be_kept_is_refused_at_once(state: OrderState, time: str, code: str) -> None:
    outcome = run(state, PIZZA, PICKUP, ("set_time", {"time": time}))
    assert outcome.result["error"]["code"] == code
    assert outcome.state.cart.wanted_at is None


def test_a_wished_time_can_be_taken_back(state: OrderState) -> None:
    outcome = run(state, PIZZA, ("set_time", {"time": "21:00"}), ("set_time", {"time": "asap"}))
    assert outcome.result["say"] == "Noted, as soon as possible."
    assert outcome.state.cart.wanted_at is None
