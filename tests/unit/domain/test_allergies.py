"""What somebody can't eat is held against every line, by what the menu lists and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.agreement import misread
from domain.allergens import codes_in
from domain.restaurant import Restaurant
from domain.tools import ConfirmOrder, OrderState, ReadBack, ToolOutcome, apply, tool_schemas

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
MILK = ("set_allergies", {"allergens": ["milk"]})
PIZZA = ("add_item", {"item": "Margherita", "size": "Small"})
COKE = ("add_item", {"item": "Coke"})
REST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("set_fulfilment", {"kind": "pickup"}),
    ("set_customer", {"name": "Sam"}),
    ("read_cart", {}),
)


def run(state: OrderState, *calls: tuple[str, dict[str, Any]]) -> ToolOutcome:
    outcome = None
    for name, arguments in calls:
        outcome = apply(outcome.state if outcome else state, name, arguments, NOW)
    assert outcome is not None
    return outcome


def confirmed(outcome: ToolOutcome) -> ToolOutcome:
    agreement = replace(outcome.state.agreement, heard=True, answered=True, answer="yes")
    return apply(replace(outcome.state, agreement=agreement), "confirm_order", {}, NOW)


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("nuts", ("nuts",)),
        ("I'm coeliac", ("gluten",)),
        ("cow's milk and peanut butter", ("peanuts", "milk")),
        ("fruits à coque", ("nuts",)),
        ("les œufs", ("eggs",)),
        ("lactose", ("milk",)),
        ("strawberries", ()),
    ],
)
def test_the_fourteen_are_known_by_the_words_that_people_say(said: str, codes: tuple[str, ...]) -> None:
    assert codes_in(said) == codes


def test_what_is_in_the_cart_and_what_comes_later_is_warned_of(state: OrderState) -> None:
    before = run(state, PIZZA, MILK)
    later = run(state, MILK, PIZZA)

    assert "Careful: Margherita contains milk." in before.result["say"]
    assert "Careful: Margherita contains milk." in later.result["say"]
    assert later.result["cart"]["contains"] == [{"line": 1, "allergens": ["milk"]}]


def test_where_nothing_is_listed_or_an_option_is_on_it_nobody_can_tell(state: OrderState) -> None:
    nuts = ("set_allergies", {"allergens": ["tree nuts"]})
    bare, plain, topped = (
        run(state, nuts, COKE),
        run(state, nuts, PIZZA),
        run(state, nuts, ("add_item", {"item": "Margherita", "size": "Small", "modifiers": ["Olives"]})),
    )

    assert "Whether Coke contains nuts I can't say" in bare.result["say"]
    assert "nuts" not in plain.result["say"]
    assert "Whether Margherita contains nuts I can't say" in topped.result["say"]
    assert not any("safe" in one.result["say"] or "free of nuts" in one.result["say"] for one in (bare, plain, topped))


def test_an_allergy_is_never_answered_with_a_promise(state: OrderState, french: Restaurant) -> None:
    english = run(state, MILK).result["say"]
    in_french = run(replace(state, restaurant=french), ("set_allergies", {"allergens": ["gluten"]})).result["say"]

    assert "I can't promise that a dish is free of it" in english
    assert "Je ne peux pas promettre" in in_french


@pytest.mark.parametrize(
    ("allergen", "item", "told"),
    [
        ("milk", "Margherita", "Careful: Margherita contains milk."),
        ("nuts", "Margherita", "That nuts is not listed is no promise"),
        ("nuts", "Coke", "Whether Coke contains nuts I can't say"),
    ],
)
def test_a_dish_that_is_asked_about_after_an_allergy_is_never_said_to_be_safe(
    state: OrderState, allergen: str, item: str, told: str
) -> None:
    outcome = run(state, ("set_allergies", {"allergens": [allergen]}), ("describe_item", {"item": item}))

    assert told in outcome.result["say"]


def test_the_read_back_the_order_and_the_ticket_have_the_allergy(state: OrderState) -> None:
    read = run(state, PIZZA, MILK, *REST)
    assert isinstance(read.effect, ReadBack)
    order = confirmed(read)

    assert "I'll tell the kitchen of the allergy to milk. Careful: Margherita contains milk." in read.effect.sentence
    assert read.effect.sentence.endswith("Is that right?")
    assert isinstance(order.effect, ConfirmOrder)
    assert order.effect.order.allergies == "milk; line 1, Margherita, contains milk"


def test_a_read_back_that_leaves_the_allergy_out_is_none(state: OrderState) -> None:
    read = run(state, PIZZA, MILK, *REST)
    assert isinstance(read.effect, ReadBack)
    cart, sentence = read.effect.cart, read.effect.sentence
    short = "So that's 1 small Margherita, for pickup, in the name of Sam. The total is 9 euros 50. Is that right?"

    assert misread(sentence, cart, cart.total_cents, "en", sentence=sentence) == ()
    assert misread(short, cart, cart.total_cents, "en", sentence=sentence) == ("milk",)


def test_an_allergy_that_is_told_after_the_read_back_is_read_back_again(state: OrderState) -> None:
    read = run(state, PIZZA, *REST)
    told = apply(read.state, *MILK, NOW)

    assert confirmed(told).result["error"]["code"] == "not_read_back"


def test_an_own_word_is_kept_and_found_by_the_menus_own_list(state: OrderState) -> None:
    items = tuple(replace(one, allergens=("kiwi",)) if one.name == "Coke" else one for one in state.menu.items)
    outcome = run(
        replace(state, menu=replace(state.menu, items=items)), COKE, ("set_allergies", {"allergens": ["Kiwi"]})
    )

    assert outcome.state.cart.allergies == ("Kiwi",)
    assert "Coke contains Kiwi" in outcome.result["say"]


def test_of_a_word_that_menus_do_not_list_nobody_can_tell(state: OrderState) -> None:
    told = run(state, ("set_allergies", {"allergens": ["strawberries", "nuts"]}), PIZZA)

    assert "Whether Margherita contains strawberries I can't say" in told.result["say"]
    assert "contains nuts" not in told.result["say"]


def test_allergies_are_said_anew_as_a_whole_and_taken_back(state: OrderState) -> None:
    none = run(state, PIZZA, MILK, ("set_allergies", {"allergens": []}))

    assert none.state.cart.allergies == ()
    assert "allergies" not in none.result["cart"]


def test_nothing_more_is_offered_after_an_allergy(state: OrderState) -> None:
    upselling = replace(state, restaurant=replace(state.restaurant, upsell=True))
    outcome = run(upselling, PIZZA, MILK, ("offer_extra", {"item": "Coke"}))

    assert outcome.state.offered is None
    assert "Nothing more is to be offered" in outcome.result["note"]


def test_the_model_is_given_the_tool(restaurant: Restaurant, state: OrderState) -> None:
    assert "set_allergies" in [tool["name"] for tool in tool_schemas(restaurant, state.menu)]
