"""A table and dishes in one sentence: both are kept, whichever is said first."""

from dataclasses import replace

import pytest

from tests.unit.speech.ordering import TextCall, seeded

pytestmark = pytest.mark.unit


def call(language: str) -> TextCall:
    state = seeded(language)
    return TextCall(language, state=replace(state, restaurant=replace(state.restaurant, dine_in=True)))


@pytest.mark.parametrize(
    ("language", "said", "dish"),
    [
        ("en", "A large pepperoni, and book a table for two tomorrow at eight pm.", "Pepperoni"),
        (
            "en",
            "I'd like to book a table for two tomorrow at eight pm, and a large pepperoni to take away.",
            "Pepperoni",
        ),
        ("en", "Can I get a large pepperoni and book a table for two for tomorrow at eight pm?", "Pepperoni"),
        ("fr", "Un tartare de bœuf, et réservez une table pour deux mardi à vingt heures.", "Tartare de bœuf"),
        (
            "fr",
            "Je voudrais réserver une table pour deux mardi à vingt heures, et un tartare de bœuf.",
            "Tartare de bœuf",
        ),
    ],
)
def test_both_are_kept(language: str, said: str, dish: str) -> None:
    made = call(language)

    made.caller(said)

    assert [line.item_name for line in made.cart.lines] == [dish]
    checked = [arguments for name, arguments in made.calls if name == "check_table"]
    day = "tomorrow" if language == "en" else "mardi"
    assert checked == [{"date": day, "time": "20:00", "covers": 2}]
    assert "name" in made.said or "nom" in made.said

    made.caller("Anna.")
    assert made.used.count("book_table") == 1
    assert made.agent.cart, "the order goes on"


def test_a_table_alone_or_a_dish_alone_is_one_wish() -> None:
    made = call("en")
    made.caller("Book a table for two tomorrow at eight pm.")
    assert made.used == ["check_table"] and not made.cart.lines
    made = call("en")
    made.caller("A large pepperoni and a tiramisu.")
    assert "check_table" not in made.used
