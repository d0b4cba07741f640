"""Typed calls about an order of before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.order import CartLine, Fulfilment
from domain.placed import PlacedOrder
from tests.unit.speech.ordering import ORDER_ID, SATURDAY_EVENING, TextCall, seeded

pytestmark = pytest.mark.unit

ORDER = PlacedOrder(
    id="o-1",
    number=12,
    status="preparing",
    fulfilment=Fulfilment("pickup"),
    total_cents=3350,
    currency="EUR",
    customer_name="Anna",
    confirmed_at=SATURDAY_EVENING - timedelta(minutes=15),
    promised_at=SATURDAY_EVENING + timedelta(minutes=10),
    own=True,
)


def call(language: str, **fields: Any) -> TextCall:
    state = seeded(language)
    made = TextCall(
        language, state=replace(state, restaurant=replace(state.restaurant, fallback_number="+33465710001"))
    )
    made.placed = (replace(ORDER, **fields),)
    return made


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Hi, where is my order?"),
        ("en", "Hello, I wanted to check on my order."),
        ("en", "How much longer will my order take?"),
        ("en", "I ordered half an hour ago, is my food ready?"),
        ("en", "When will my order be ready?"),
        ("fr", "Bonjour, où en est ma commande ?"),
        ("fr", "Est-ce que ma commande est prête ?"),
        ("fr", "J'attends toujours ma commande."),
        ("fr", "J'ai commandé il y a une demi-heure, elle arrive quand ?"),
        ("fr", "Quand est-ce que sera prête ma commande ?"),
    ],
)
def test_whoever_asks_is_asked_for_a_name_and_told_how_it_stands(language: str, said: str) -> None:
    made = call(language)

    asked = made.caller(said)
    told = made.caller("Anna")

    assert "name" in asked or "nom" in asked
    assert made.used == ["find_order"]
    assert "12" in told and ("preparing" in told or "préparation" in told)
    made.caller("No thank you, goodbye." if language == "en" else "Non merci, au revoir.")
    assert made.used == ["find_order", "end_call"]


@pytest.mark.parametrize(
    ("language", "said", "total"),
    [
        ("en", "Where is my order? It's in the name of Anna.", "Thirty-three euros fifty."),
        ("fr", "Où en est ma commande ? C'est au nom d'Anna.", "Trente-trois euros cinquante."),
    ],
)
def test_from_another_number_the_total_is_asked_for(language: str, said: str, total: str) -> None:
    made = call(language, own=False)

    asked = made.caller(said)
    told = made.caller(total)

    assert "total" in asked and "12" not in asked
    assert "12" in told
    assert made.used == ["find_order", "find_order"]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Where is my order?", "Anna", "I don't know, no.", "Yes please."]),
        ("fr", ["Où en est ma commande ?", "Anna", "Non, je ne sais pas.", "Oui s'il vous plaît."]),
        ("en", ["Where is my order?", "Anna", "20 euros", "25 euros", "26 euros", "Yes."]),
    ],
)
def test_who_can_not_be_known_is_put_through(language: str, sentences: list[str]) -> None:
    made = call(language, own=False)

    made.caller(*sentences)

    assert made.transferred
    assert not any("12" in heard or "Anna" in heard for heard in made.heard)


@pytest.mark.parametrize(
    ("language", "first", "asks"),
    [
        ("en", "A large margherita please.", "When will my order be ready?"),
        ("fr", "Une tarte flambée s'il vous plaît.", "Quand est-ce que sera prête ma commande ?"),
    ],
)
def test_in_the_middle_of_an_order_it_is_that_order_that_is_meant(language: str, first: str, asks: str) -> None:
    made = call(language)

    made.caller(first, asks)

    assert "find_order" not in made.used


def test_whoever_orders_after_all_is_taken_an_order_from() -> None:
    made = call("en")

    made.caller("Where is my order?", "Oh forget that, I'd like a large margherita.")

    assert [line[1] for line in made.lines] == ["Margherita"]


def with_lines(language: str, item: str, size: str = "", **fields: Any) -> TextCall:
    """Two of ``item`` were ordered."""
    made = call(language, **fields)
    dish = next(one for one in made.state.menu.items if one.name == item)
    portion = next(one for one in dish.sizes if one.name == size)
    line = CartLine(1, dish.id, dish.name, portion.id, portion.name, 2, portion.price_cents, dish.vat)
    made.placed = (replace(made.placed[0], id=ORDER_ID, lines=(line,), total_cents=line.total_cents),)
    return made


@pytest.mark.parametrize(
    ("language", "item", "size", "sentences", "lines"),
    [
        (
            "en",
            "Margherita",
            "Large",
            ["Hi, I'd like to change my order.", "Anna", "Add one Caesar salad please.", "No, that's all.", "Yes."],
            [(2, "Margherita", "Large", ()), (1, "Caesar salad", "", ())],
        ),
        (
            "en",
            "Margherita",
            "Large",
            ["I want to modify our order, it's under Anna.", "Only one margherita.", "That's all.", "Yes."],
            [(1, "Margherita", "Large", ())],
        ),
        (
            "fr",
            "Steak haché",
            "",
            [
                "Bonjour, je voudrais modifier ma commande.",
                "Anna",
                "Ajoutez une limonade artisanale.",
                "C'est tout.",
                "Oui.",
            ],
            [(2, "Steak haché", "", ()), (1, "Limonade artisanale", "", ())],
        ),
    ],
)
def test_an_order_is_changed_by_phone(
    language: str, item: str, size: str, sentences: list[str], lines: list[tuple[int, str, str, tuple[str, ...]]]
) -> None:
    made = with_lines(language, item, size, status="confirmed")

    made.caller(*sentences)

    assert made.state.confirmed is not None, made.heard
    assert made.lines == lines


@pytest.mark.parametrize(
    ("language", "item", "size", "sentences", "cancelled"),
    [
        ("en", "Margherita", "Large", ["I need to cancel my order.", "Anna", "Yes, cancel it."], True),
        ("en", "Margherita", "Large", ["I need to cancel my order.", "Anna", "No, leave it."], False),
        ("fr", "Steak haché", "", ["Je voudrais annuler ma commande.", "C'est au nom d'Anna", "Oui."], True),
        ("fr", "Steak haché", "", ["Il faut annuler notre commande.", "Anna", "Non."], False),
    ],
)
def test_an_order_is_cancelled_by_phone_after_a_yes(
    language: str, item: str, size: str, sentences: list[str], cancelled: bool
) -> None:
    made = with_lines(language, item, size, status="confirmed")

    made.caller(*sentences)

    assert made.cancelled is cancelled, made.heard


@pytest.mark.parametrize(
    ("language", "item", "size", "sentences"),
    [
        ("en", "Margherita", "Large", ["Can I cancel my order?", "Anna", "Yes please."]),
        ("fr", "Steak haché", "", ["Je voudrais changer ma commande.", "Anna", "Oui, passez-les-moi."]),
    ],
)
def test_when_the_kitchen_is_at_it_the_team_is_offered(
    language: str, item: str, size: str, sentences: list[str]
) -> None:
    made = with_lines(language, item, size, status="preparing")

    made.caller(*sentences)

    assert made.transferred and not made.cancelled, made.heard
