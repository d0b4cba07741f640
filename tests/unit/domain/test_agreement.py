"""The gate before an order: what counts as having heard it, and what counts as a yes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain import carts
from domain.agreement import Agreement, misread, question_from, require_agreement
from domain.answers import answer_of
from domain.errors import Refused
from domain.menu import Menu
from domain.order import Cart
from domain.restaurant import Restaurant
from domain.tools import OrderState, ReadBack, apply
from tests.unit.domain.test_tools import NOW, PICKUP, PIZZA, READ, SAM, run

pytestmark = pytest.mark.unit

ORDER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def cart(menu: Menu, restaurant: Restaurant) -> Cart:
    """Two large Margheritas with olives and a Coke: 30 euros."""
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Margherita", "Large", ["Olives"], 2)
    cart = carts.set_fulfilment(carts.add(cart, menu, "Coke"), restaurant, "pickup")
    return carts.set_customer(cart, "Sam")


def agreement(cart: Cart, **facts: object) -> Agreement:
    whole = Agreement(cart.version, heard=True, answered=True, answer="Yes, that's right.")
    return replace(whole, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"version": -1}, "not_read_back"),
        ({"version": 2}, "not_read_back"),
        ({"heard": False}, "not_heard"),
        ({"answered": False, "answer": ""}, "not_answered"),
        ({"speaking": True}, "caller_speaking"),
        ({"answer": "Yes but the total is wrong"}, "not_agreed"),
        ({"answer": "uh-huh"}, "not_agreed"),
    ],
)
def test_without_each_of_the_facts_nothing_is_agreed(cart: Cart, facts: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        require_agreement(agreement(cart, **facts), cart)
    assert refused.value.code == code


def test_heard_to_its_end_and_answered_with_yes_is_agreed(cart: Cart) -> None:
    require_agreement(agreement(cart), cart)


def test_without_words_the_models_own_judgement_counts(cart: Cart) -> None:
    require_agreement(agreement(cart, answer=""), cart)


@pytest.mark.parametrize(("key", "answer"), [("1", "what?"), ("#", ""), ("0", "Yes.")])
def test_a_key_for_yes_is_one_whatever_was_said_beside_it_and_a_yes_whatever_was_pressed(
    cart: Cart, key: str, answer: str
) -> None:
    require_agreement(agreement(cart, answer=answer, key=key), cart)


def test_any_other_key_has_to_be_asked_about(cart: Cart) -> None:
    with pytest.raises(Refused) as refused:
        require_agreement(agreement(cart, answer="", key="2"), cart)
    assert refused.value.code == "not_agreed"


@pytest.mark.parametrize(
    "said",
    [
        "Yes.",
        "Yes, that is correct.",
        "Yep, perfect.",
        "Yes now it is right.",
        "sure, how long will it take?",
        "yeah no problem",
        "No, that's all, yes.",
        "Okay.",
        "Oui.",
        "Oui, c'est exact.",
        "Oui, c'est exacte.",  # as speech-to-text may write it
        "C'est correcte.",
        "oui c'est ça",
        "Oui, parfait.",
        "D'accord, pas de souci",
        "Tout à fait !",
        "Sí, claro",
        "sure, why not",
        "go ahead",
        "exactly",
        "That's right, thank you very much.",
        "Yes, don't worry about it",
        "no no, that's right",
        "No thanks, that's all.",
        "nope, that's it",
        "That's exactly what I said, yes.",
        "yes, thirty-three euros fifty",
        "and yes, how long will it take?",
        "works for me",
        "parfait",
        "c'est ça",
        "d'acc",
        "c'est bon pour moi",
        "oui oui",
        "non merci, c'est tout",
        "non non c'est parfait",
        "oui, sans problème",
        "C'est exactement ce que je voulais, oui",
        "ça me convient",
    ],
)
def test_a_yes_is_understood(said: str) -> None:
    assert answer_of(said) == "yes"


@pytest.mark.parametrize(
    "said",
    [
        "yes but the total is wrong",
        "not yet",
        "is that right? I am not sure",
        "oui enfin non, une petite",
        "d'accord mais c'est trop cher",
        "yes, no, wait, actually a medium",
        "Yes but make it delivery",
        "oui mais ajoutez un café",
        "No, that's wrong, I said two garlic breads, not one.",
        "okay no",
        "hmm wait",
        "oui si vous livrez",
        "yes and add a Coke",
        "cancel the whole order",
        "ouais mais sans oignons",
        "oui, attendez",
        "ok wait",
        "yeah no",
        "not really",
        "pas vraiment",
        "non, ça va pas",
        "no, that's not right",
        "oui si possible à huit heures",
        "ain't right",
    ],
)
def test_a_yes_that_is_taken_back_is_none(said: str) -> None:
    assert answer_of(said) == "no"


@pytest.mark.parametrize(
    "said",
    [
        "uh-huh",
        "mhm",
        "",
        "Honey",
        "Bonjour",
        "Is that right?",
        "C'est ça ?",
        "what's the right price",
        "good evening",
        "I think so",
        "whatever you like",
    ],
)
def test_what_is_neither_has_to_be_asked_again(said: str) -> None:
    assert answer_of(said) == "unclear"


@pytest.mark.parametrize(
    "said",
    [
        "yes and a Coke",
        "yes, two pizzas",
        "yes, for two",
        "Yes, can I have a tiramisu?",
        "yes, one more thing",
        "yes, the large one",
        "yes, extra cheese",
        "yes, hold the onions",
        "yes, as long as it's quick",
        "yes, although it's a lot",
        "yes, tomorrow",
        "yes, almost",
        "yes, I guess",
        "yes, can you repeat that",
        "yes, you forgot the fries",
        "yes hello",
        "oui et un café",
        "oui, mettez-en deux",
        "oui, une petite",
        "oui, en livraison",
        "oui, par contre je suis au 12",
        "oui, il manque le coca",
        "oui, une seconde",
        "oui, presque",
        "oui bof",
    ],
)
def test_a_yes_with_anything_beside_it_that_may_change_the_order_is_asked_again(said: str) -> None:
    assert answer_of(said) == "unclear"


def test_the_callers_own_name_may_stand_beside_a_yes(cart: Cart) -> None:
    require_agreement(agreement(cart, answer="Yes, Sam."), cart)
    with pytest.raises(Refused):
        require_agreement(agreement(cart, answer="Yes, Paul."), cart)


HALF_SIX = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
EIGHT = datetime(2026, 11, 21, 20, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUARTER_TO_NINE = datetime(2026, 11, 21, 20, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("Yes, for half six, cash please.", HALF_SIX),
        ("yes, at six thirty", HALF_SIX),
        ("Yes, at 6:30 pm.", HALF_SIX),
        ("oui, pour dix-huit heures trente", HALF_SIX),
        ("oui, à 18h30", HALF_SIX),
        ("oui, à six heures et demie", HALF_SIX),
        ("yes, at half past six", HALF_SIX),
        ("oui, je viens la chercher à vingt heures", EIGHT),
        ("yes, at eight", EIGHT),
        ("Yes, 8pm.", EIGHT),
        ("yes, eight o'clock", EIGHT),
        ("oui, à huit heures", EIGHT),
        ("oui, à 20 h", EIGHT),
        ("yes, at noon", NOON),
        ("oui, pour midi", NOON),
        ("oui, vers douze heures", NOON),
        ("yes, at quarter to nine", QUARTER_TO_NINE),
        ("oui, à vingt heures quarante-cinq", QUARTER_TO_NINE),
    ],
)
def test_the_time_that_the_caller_wished_for_may_stand_beside_a_yes(cart: Cart, said: str, wanted: datetime) -> None:
    require_agreement(agreement(cart, answer=said), replace(cart, wanted_at=wanted))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("yes, at nine", EIGHT),
        ("yes, at eight thirty", EIGHT),
        ("yes, at half eight", EIGHT),
        ("yes, at quarter past eight", EIGHT),
        ("yes, 8 am", EIGHT),
        ("yes, at noon", EIGHT),
        ("yes, at eight or by nine", EIGHT),
        ("oui, à neuf heures", EIGHT),
        ("oui, à huit heures et quart", EIGHT),
        ("oui, à 21h", EIGHT),
        ("oui, pour minuit", NOON),
        ("oui, à 20h45", EIGHT),
        ("yes, at nine", None),
        ("oui, pour vingt heures", None),
    ],
)
def test_a_yes_with_another_time_than_the_one_wished_for_is_asked_again(
    cart: Cart, said: str, wanted: datetime | None
) -> None:
    with pytest.raises(Refused) as refused:
        require_agreement(agreement(cart, answer=said), replace(cart, wanted_at=wanted))
    assert refused.value.code == "not_agreed"


@pytest.mark.parametrize(
    "said",
    [
        "So that's 2 large Margherita with olives and 1 Coke, for pickup, in the name of Sam. The total is 30 euros.",
        "Two large margheritas with olives and a Coke, that comes to thirty euros. Is that right?",
        "2 large Margheritas, olives, one coke: €30.00.",
        "Alright: 2 margherita (large, with olives), 1 coke. 30.00 euros in all, OK?",
        "Margherita, two of them, large, with olives, and a Coke: 30 euros.",
        "Two large Margheritas with olives, Coke, one name on it, Sam. 30 euros.",
    ],
)
def test_a_read_back_may_use_its_own_words(cart: Cart, said: str) -> None:
    assert misread(said, cart, 3000, "en") == ()


@pytest.mark.parametrize(
    ("quantity", "said", "is_right"),
    [
        (1, "So that's 1 three Margherita with olives. 30 euros.", True),
        (2, "Two three Margherita with olives. 30 euros.", True),
        (1, "2 three Margherita with olives. 30 euros.", False),
        (3, "Three three Margherita with olives. 30 euros.", True),
    ],
)
def test_a_size_that_is_called_by_a_number_counts_nothing(cart: Cart, quantity: int, said: str, is_right: bool) -> None:
    line = replace(cart.lines[0], size_name="Three", quantity=quantity)

    assert (misread(said, replace(cart, lines=(line,)), 3000, "en") == ()) is is_right


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Two large Margheritas with olives and a Coke, thirteen euros.", ("total",)),
        ("Two large Margheritas with olives and a Coke.", ("total",)),
        ("Two large Margheritas with olives, thirty euros.", ("Coke",)),
        ("Three large Margheritas with olives and a Coke, 30 euros.", ("Margherita",)),
        ("Two Margheritas with olives and a Coke, 30 euros.", ("Margherita",)),
        ("A large Margherita with olives and two Cokes, 30 euros.", ("Margherita", "Coke")),
        ("Two large Margheritas and a Coke, 30 euros.", ("Margherita",)),
        ("Anything else?", ("Margherita", "Coke", "total")),
    ],
)
def test_a_read_back_that_says_another_cart_is_none(cart: Cart, said: str, wrong: tuple[str, ...]) -> None:
    assert misread(said, cart, 3000, "en") == wrong


MENU = ("Regina", "Garlic bread", "House wine", "Tiramisu", "Thé", "Coke Zero")
READ_OUT = "So that's 2 large Margherita with olives and 1 Coke, for pickup. The total is 30 euros. Is that right?"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Two large Margheritas with olives, a Coke and a tiramisu, 30 euros.", ("Tiramisu",)),
        ("Two large Margheritas with olives, a Coke, garlic breads: 30 euros.", ("Garlic bread",)),
        ("Two large Margheritas with olives and a Coke Zero, 30 euros.", ("Coke Zero",)),
        ("Two large Margheritas with olives, three small Margheritas and a Coke, 30 euros.", ("Margherita",)),
        ("Two large Margheritas with olives and a Coke and another 2 Cokes, 30 euros.", ("Coke",)),
        ("Two large Margheritas with olives and a Coke. 30 euros, so 35 euros in all.", ("total",)),
        ("Two large Margheritas with olives and a Coke. €35.00. I mean 30 euros.", ("total",)),
        ("Two large Margheritas with olives and a Coke, thirty euros; thirty-five euros fifty with tax.", ("total",)),
    ],
)
def test_a_read_back_that_adds_an_item_a_number_or_a_sum_is_none(cart: Cart, said: str, wrong: tuple[str, ...]) -> None:
    assert misread(said, cart, 3000, "en", others=MENU, sentence=READ_OUT) == wrong


@pytest.mark.parametrize(
    "said",
    [
        "Two large Margheritas with olives at 13.50 euros each, that's 27 euros, and a Coke at €3: 30 euros in all.",
        "Two large Margheritas with olives for twenty-seven euros, and a Coke for three euros. 30 euros altogether.",
        "Two large Margheritas, both with olives, and the one Coke. 30 euros for the 2 pizzas and the Coke.",
        "2 large Margheritas with olives and 1 Coke for Sam, ready in 20 minutes. 30 euros, cash or card?",
        "Thank you Sam! So two large margheritas with olives and a coke for pickup at 7:30, 30 euros. Is that right?",
    ],
)
def test_prices_of_the_cart_and_numbers_of_other_things_may_be_said(cart: Cart, said: str) -> None:
    cart = replace(
        cart, lines=tuple(replace(cart.lines[0], unit_cents=1350) if one.quantity == 2 else one for one in cart.lines)
    )
    assert misread(said, cart, 3000, "en", others=MENU, sentence=READ_OUT) == ()


@pytest.mark.parametrize(
    ("cents", "said"),
    [
        (3350, "trente-trois euros cinquante"),
        (3350, "33,50 €"),
        (3350, "33 euros 50"),
        (1405, "14 euros et 5 centimes"),
        (9200, "quatre-vingt-douze euros"),
        (50, "50 centimes"),
    ],
)
def test_an_amount_may_be_said_in_any_usual_way(menu: Menu, cents: int, said: str) -> None:
    cart = carts.add(carts.new_cart(menu, ORDER), menu, "Coke")
    assert misread(f"Un Coke, cela fait {said}.", cart, cents, "fr") == ()
    assert misread(f"Un Coke, cela fait {said}.", cart, cents + 100, "fr") == ("total",)


def test_the_domains_own_sentence_is_never_a_misreading(state: OrderState) -> None:
    for language in ("en", "fr"):
        spoken = replace(state, restaurant=replace(state.restaurant, language=language))
        read = run(spoken, PIZZA, ("add_item", {"item": "Crème brûlée", "quantity": 3}), PICKUP, SAM, READ)
        total = carts.totals(read.state.cart, "IE").total_cents
        effect = read.effect
        assert isinstance(effect, ReadBack)
        own = {"others": effect.others, "sentence": effect.sentence}
        assert "House wine" in effect.others
        assert misread(read.result["say"], read.state.cart, total, language, **own) == ()  # type: ignore[arg-type]


def test_the_closing_question_begins_where_items_and_total_were_said() -> None:
    assert "The total is 15 euros. Is that right?"[question_from("The total is 15 euros. Is that right?") :] == (
        " Is that right?"
    )
    assert question_from("Le total est de 27 euros. C’est bien ça ?") == len("Le total est de 27 euros.")
    assert question_from("The total is 27 euros.") == len("The total is 27 euros.")


def test_what_sold_out_since_the_read_back_is_told_and_read_again(state: OrderState) -> None:
    read = run(state, PIZZA, ("add_item", {"item": "Coke"}), PICKUP, SAM, READ)
    sold_out = replace(state.menu, items=tuple(replace(one, available=one.name != "Coke") for one in state.menu.items))
    agreed = replace(read.state.agreement, heard=True, answered=True, answer="Yes.")

    outcome = apply(replace(read.state, menu=sold_out, agreement=agreed), "confirm_order", {}, NOW)

    assert outcome.effect is None
    assert outcome.result["error"]["code"] == "menu_changed"
    assert outcome.result["say"] == "I'm sorry, Coke has just sold out, so I've taken it off your order."
    assert [line.item_name for line in outcome.state.cart.lines] == ["Margherita"]
    assert outcome.result["missing"] == ["read_back"]


def test_a_price_that_changed_since_the_read_back_is_told_and_read_again(state: OrderState) -> None:
    read = run(state, ("add_item", {"item": "Coke"}), PICKUP, SAM, READ)
    dearer = tuple(
        replace(one, sizes=(replace(one.sizes[0], price_cents=350),)) if one.name == "Coke" else one
        for one in state.menu.items
    )
    agreed = replace(read.state.agreement, heard=True, answered=True, answer="Yes.")

    outcome = apply(
        replace(read.state, menu=replace(state.menu, items=dearer), agreement=agreed), "confirm_order", {}, NOW
    )

    assert outcome.result["say"] == "The price of Coke has just changed."
    assert outcome.result["cart"]["total"] == "3.50"
    confirmed = run(outcome.state, READ, ("confirm_order", {}))
    assert confirmed.result["ok"]
