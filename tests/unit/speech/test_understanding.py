from __future__ import annotations

import pytest

from devstack.speech.bookings import TableWish
from devstack.speech.orders import AddItem, ChangeItem, RemoveItem
from devstack.speech.understanding import SpokenAddress, understand
from devstack.speech.vocabulary import Vocabulary, vocabulary_of
from tests.unit.speech.ordering import seeded, tools_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def english() -> Vocabulary:
    return vocabulary_of(tools_of(seeded("en")), "en")


@pytest.fixture(scope="module")
def french() -> Vocabulary:
    return vocabulary_of(tools_of(seeded("fr")), "fr")


@pytest.mark.parametrize(
    ("heard", "orders"),
    [
        ("I'd like a large margarita with extra olives.", [AddItem("Margherita", "Large", 1, ("Extra olives",))]),
        ("To large pepperoni pizzas, please.", [AddItem("Pepperoni", "Large", 2)]),
        ("For large lemonade, and a brownie.", [AddItem("Lemonade", "Large", 4), AddItem("Chocolate brownie")]),
        ("One lasagna and a couple of ginger beers.", [AddItem("Lasagne"), AddItem("Ginger beer", "", 2)]),
        (
            "A chicken burger with sweet potato fries.",
            [AddItem("Crispy chicken burger", "", 1, ("With sweet potato fries",))],
        ),
        (
            "A Caesar salad with no dressing, and a tiramisu.",
            [AddItem("Caesar salad", "", 1, ("No dressing",)), AddItem("Tiramisu")],
        ),
        ("A cheese burger without onions.", [AddItem("Cheeseburger", "", 1, ("No onion",))]),
        ("A pepperoni, no sorry, a large Margherita.", [AddItem("Margherita", "Large")]),
        ("A lemonade, a large one.", [AddItem("Lemonade", "Large")]),
        (
            "Garlic bread, chicken wings with garlic dip.",
            [AddItem("Garlic bread"), AddItem("Chicken wings", "", 1, ("Garlic dip",))],
        ),
    ],
)
def test_items_come_with_their_size_number_and_options(english: Vocabulary, heard: str, orders: list[AddItem]) -> None:
    assert list(understand(heard, english, "en").orders) == orders


@pytest.mark.parametrize(
    ("heard", "orders"),
    [
        ("Une sous-paleignon et un tartard de bœuf.", [AddItem("Soupe à l’oignon"), AddItem("Tartare de bœuf")]),
        (
            "Je voudrais une entreco à point avec des frites.",
            [AddItem("Entrecôte grillée", "", 1, ("À point", "Avec frites"))],
        ),
        (
            "Une petite margarita, avec un supplément champignon.",
            [AddItem("Margherita", "Petite", 1, ("Supplément champignons",))],
        ),
        ("Deux blanc-quêtes de veau.", [AddItem("Blanquette de veau", "", 2)]),
        ("Une reine moyenne sans olives.", [AddItem("Reine", "Moyenne", 1, (), "sans olives")]),
    ],
)
def test_misheard_french_items_are_found_by_their_sound(french: Vocabulary, heard: str, orders: list[AddItem]) -> None:
    assert list(understand(heard, french, "fr").orders) == orders


@pytest.mark.parametrize(
    ("heard", "in_cart", "orders"),
    [
        ("Make the pepperoni a large.", ["Pepperoni"], [ChangeItem("Pepperoni", size="Large")]),
        ("Can you change the pepperoni to a Hawaiian?", ["Pepperoni"], [ChangeItem("Pepperoni", "Hawaiian")]),
        ("Remove the chips and the tiramisu.", ["Chips", "Tiramisu"], [RemoveItem("Chips"), RemoveItem("Tiramisu")]),
        ("No chips, please.", ["Chips"], [RemoveItem("Chips")]),
        ("Another one, please.", ["Tiramisu"], [ChangeItem(quantity_more=1)]),
        (
            "Without pickles, and a tiramisu.",
            ["Cheeseburger"],
            [ChangeItem(without=(("Pickles", "no pickles"),)), AddItem("Tiramisu")],
        ),
    ],
)
def test_changes_find_the_line_they_mean(
    english: Vocabulary, heard: str, in_cart: list[str], orders: list[object]
) -> None:
    assert list(understand(heard, english, "en", "anything_else", in_cart).orders) == orders


@pytest.mark.parametrize(
    ("heard", "awaited", "name"),
    [
        ("My name is Anna.", "", "Anna"),
        ("It's for Anna Byrne, please.", "", "Anna Byrne"),
        ("anna", "customer_name", "Anna"),
        ("Uh, it's under O'Brien, please.", "customer_name", "O'Brien"),
        ("A-N-N-A.", "customer_name", "Anna"),
        ("It's for pickup.", "", ""),
        ("Sorry, can you repeat that?", "customer_name", ""),
    ],
)
def test_a_name_is_taken_where_a_name_can_stand(english: Vocabulary, heard: str, awaited: str, name: str) -> None:
    assert understand(heard, english, "en", awaited).customer == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("heard", "awaited", "address"),
    [
        ("Delivery, please, to 14 West Pier, D13, Howth.", "", SpokenAddress("14 West Pier", "D13", "Howth")),
        ("It's 3 Mill Lane, D05.", "address", SpokenAddress("3 Mill Lane", "D05", "")),
        ("The postcode is D13.", "address", SpokenAddress("", "D13", "")),
    ],
)
def test_an_address_is_taken_apart(english: Vocabulary, heard: str, awaited: str, address: SpokenAddress) -> None:
    understood = understand(heard, english, "en", awaited)  # type: ignore[arg-type]
    assert (understood.kind, understood.address) == ("delivery", address)


def test_a_french_address_is_taken_apart(french: Vocabulary) -> None:
    understood = understand("Livraison au 12 rue Mercière, 69002 Lyon.", french, "fr")
    assert understood.address == SpokenAddress("12 rue Mercière", "69002", "Lyon")


@pytest.mark.parametrize("heard", ["À emporter.", "Emportée.", "A en portée.", "A importé au nom de Sophie."])
def test_french_pick_up_is_understood_as_it_is_heard(french: Vocabulary, heard: str) -> None:
    assert understand(heard, french, "fr").kind == "pickup"


@pytest.mark.parametrize(
    ("heard", "tool"),
    [
        ("What time do you close tonight?", "opening_hours"),
        ("How long does a delivery take?", "look_up_faq"),
    ],
)
def test_a_question_names_the_tool_that_answers(english: Vocabulary, heard: str, tool: str) -> None:
    question = understand(heard, english, "en").question
    assert question is not None
    assert question.tool == tool


@pytest.mark.parametrize(
    ("heard", "wish"),
    [
        ("Can I book a table for four tomorrow at 7 pm?", TableWish("tomorrow", "19:00", 4)),
        ("A table for two on Friday, please.", TableWish("friday", "", 2)),
        ("I'd like to book a table at half past eight.", TableWish("", "20:30", 0)),
    ],
)
def test_a_table_is_asked_for_in_the_form_that_the_tool_takes(english: Vocabulary, heard: str, wish: TableWish) -> None:
    assert understand(heard, english, "en").table == wish


@pytest.mark.parametrize("heard", ["No.", "No, thanks.", "Nope, that's all.", "No, that's it."])
def test_a_no_is_a_no(english: Vocabulary, heard: str) -> None:
    understood = understand(heard, english, "en", "anything_else")
    assert understood.no
    assert not understood.yes


def test_the_no_of_no_onions_is_none(english: Vocabulary) -> None:
    assert not understand("No onions on the cheeseburger, please.", english, "en", "confirm", ["Cheeseburger"]).no


def test_a_thing_that_is_not_on_the_menu_is_passed_on_for_the_domain_to_refuse(english: Vocabulary) -> None:
    assert understand("I'd like two samosas, please.", english, "en").orders == (AddItem("samosas", quantity=2),)


@pytest.mark.parametrize("heard", ["", "...", "Hmm.", "Well, you know how it is."])
def test_small_talk_means_nothing(english: Vocabulary, heard: str) -> None:
    assert understand(heard, english, "en").nothing
