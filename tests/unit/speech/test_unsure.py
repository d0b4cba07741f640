"""What the agent was not sure to have heard: a dish that it did not find, a name of one letter. Asked, then settled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devstack.speech.protocol.items import Content, Message, new_id
from tests.unit.speech.ordering import TextCall, call_to, restaurant_named

pytestmark = pytest.mark.unit


def system(text: str) -> Message:
    return Message(id=new_id("item"), role="system", content=[Content(type="input_text", text=text)])


def test_a_dish_that_was_not_found_is_said_not_to_be_on_the_order_and_asked_about() -> None:
    call = call_to("harbour-pizza")
    said = call.caller("A cheeseburger and a zorglub.")
    assert "zorglub isn't on your order" in said
    assert said.endswith("What would you like instead, or nothing?")


@pytest.mark.parametrize("answer", ["No.", "Nothing, thanks.", "That's all.", "Leave it out.", "Never mind."])
def test_it_is_left_out_once_the_caller_says_so(answer: str) -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.", answer, "That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.state.confirmed is not None
    assert call.lines == [(1, "Cheeseburger", "", ())]


def test_what_is_named_in_its_place_settles_it() -> None:
    call = call_to("harbour-pizza")
    said = call.caller("A cheeseburger and a zorglub.", "A Caesar salad.")
    assert "zorglub" not in said
    call.caller("That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.lines == [(1, "Cheeseburger", "", ()), (1, "Caesar salad", "", ())]
    assert call.state.confirmed is not None


def test_no_read_back_counts_before_the_caller_agreed_that_it_is_not_on_the_order() -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.", "It's for pickup.")
    assert "zorglub isn't on your order" in call.said
    call.caller("My name is Anna.", "What's my order?", "Yes.")
    assert call.state.confirmed is None
    assert "Is it right without it?" in " ".join(call.heard)


def test_a_dish_that_is_never_understood_comes_to_a_person() -> None:
    call = call_to("burgers")
    call.caller("A coleslaw and a zorglub.", "A zorglub.", "The zorglub.", "A zorglub!")
    assert "put you through" in call.said
    call.caller("Yes.")
    assert call.transferred and call.state.confirmed is None


def test_a_dish_that_was_not_found_in_french() -> None:
    call = call_to("chez-margot")
    said = call.caller("Une reine moyenne et un zorglub s'il vous plaît.")
    assert "zorglub n'est pas dans votre commande" in said
    call.caller("Rien d'autre.", "À emporter.", "Au nom de Dupont.", "Oui.")
    assert call.lines == [(1, "Reine", "Moyenne", ())] and call.state.confirmed is not None


def at_the_name(slug: str = "harbour-pizza") -> TextCall:
    call = call_to(slug)
    if call.language == "fr":
        call.caller("Une reine moyenne.", "C'est tout.", "À emporter.")
    else:
        call.caller("A cheeseburger.", "That's all.", "Pick up.")
    return call


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Z E D", "Zed"),
        ("Z, E, D.", "Zed"),
        ("Zed.", "Zed"),
        ("Z for zebra, E for echo, D for delta.", "Zed"),
        ("A, double N, A.", "Anna"),
        ("Yes.", "Z"),
        ("It's just Z.", "Z"),
        ("No, Zed.", "Zed"),
    ],
)
def test_a_name_of_one_letter_is_asked_to_be_spelled_once_and_then_taken(said: str, name: str) -> None:
    call = at_the_name()
    assert "spell" in call.caller("Z")
    assert call.cart.customer_name == ""
    call.caller(said)
    assert call.cart.customer_name == name
    call.caller("Yes.")
    assert call.state.confirmed is not None


@pytest.mark.parametrize(
    ("slug", "heard", "said", "name"),
    [
        (
            "harbour-pizza",
            "Orange.",
            "Double U for William, A for Alpha, L for Lima, S for Sugar, H for Harry.",
            "Walsh",
        ),
        ("harbour-pizza", "Orange.", "You for Uncle, N for November, A for Alpha.", "Una"),
        ("harbour-pizza", "Orange.", "It's Orange.", "Orange"),
        ("chez-margot", "Ah oui.", "R comme Raoul, E comme Eugène, I grec comme Yvonne.", "Rey"),
        ("chez-margot", "Zô.", "Elle comme Louis, A comme Anatole, M comme Marcel, B comme Beuse.", "Lamb"),
        (
            "chez-margot",
            "Gousta.",
            "C'est comme c'est, comme Oscar, est-ce comme Suzanne ? T comme Thérèse, A comme Anatole.",
            "Costa",
        ),
        ("chez-margot", "Zô.", "K comme Cléber, A comme Eugène, est-ce que le François.", "Kef"),
        ("harbour-pizza", "Orange.", "For Walsh, please.", "Walsh"),
    ],
)
def test_a_name_that_was_hardly_heard_is_asked_to_be_spelled_and_not_taken(
    slug: str, heard: str, said: str, name: str
) -> None:
    call = at_the_name(slug)
    asked = call.unsurely(heard)
    assert "spell" in asked or "épeler" in asked
    assert call.cart.customer_name == ""
    call.caller(said)
    assert call.cart.customer_name == name


@pytest.mark.parametrize(
    ("slug", "heard", "wrong", "spelling", "name"),
    [
        (
            "harbour-pizza",
            "Hill.",
            "No, the name is wrong.",
            "H for Harry, U for Uncle, G for George, H for Harry.",
            "Hugh",
        ),
        ("harbour-pizza", "Hill.", "That's not my name.", "H, U, G, H.", "Hugh"),
        (
            "chez-margot",
            "Roux.",
            "Non, ce n'est pas le bon nom.",
            "R comme Raoul, E comme Eugène, Y comme Yvonne.",
            "Rey",
        ),
    ],
)
def test_a_name_that_the_caller_says_to_be_wrong_is_spelled_and_read_back_again(
    slug: str, heard: str, wrong: str, spelling: str, name: str
) -> None:
    call = at_the_name(slug)
    call.caller(heard)
    asked = call.caller(wrong)
    assert "spell" in asked or "épeler" in asked
    assert name in call.caller(spelling)
    call.caller("Oui." if call.language == "fr" else "Yes.")
    assert call.state.confirmed is not None and call.cart.customer_name == name


def test_what_is_ordered_for_somebody_spells_no_name() -> None:
    call = at_the_name()
    call.caller("A cola for me, a cola for John, a cola for Anna.")
    assert call.cart.customer_name != "Cja" and len(call.cart.customer_name) != 3


def test_a_name_that_stays_wrong_comes_to_a_person() -> None:
    call = at_the_name()
    call.caller("Hill.")
    for _ in range(2):
        assert "spell" in call.caller("No, the name is wrong.")
        call.caller("H, I, double L.")
    assert "put you through" in call.caller("The name is wrong.")


def test_a_name_that_was_not_understood_is_asked_to_be_spelled() -> None:
    call = at_the_name()
    assert "spell" in call.caller("And then we may.")
    call.caller("B, O, B.")
    assert call.cart.customer_name == "Bob"


@pytest.mark.parametrize(
    ("slug", "heard"),
    [("harbour-pizza", ("Oh yes.", "No.", "Yes.")), ("chez-margot", ("Ah oui.", "C'est bon.", "Oui."))],
)
def test_a_name_that_is_never_understood_comes_to_a_person(slug: str, heard: tuple[str, ...]) -> None:
    call = at_the_name(slug)
    spell, again, person = (call.caller(one) for one in heard)
    assert any(word in spell for word in ("spell", "épeler"))
    assert any(word in again for word in ("spell", "épeler"))
    assert any(word in person for word in ("put you through", "passe quelqu'un"))
    assert not call.cart.customer_name


def test_a_name_of_which_no_word_was_heard_comes_to_a_person() -> None:
    call = at_the_name()
    said = [call.unheard() for _ in range(3)]
    assert "spell" in said[0] and "spell" in said[1] and "put you through" in said[2]
    assert not call.cart.customer_name


def test_a_name_of_one_letter_in_french() -> None:
    call = at_the_name("chez-margot")
    assert "épeler" in call.caller("Z")
    call.caller("Z comme Zoé, O, E.")
    assert call.cart.customer_name == "Zoe"


def test_what_is_asked_while_a_name_is_spelled_is_answered_and_the_name_asked_for_again() -> None:
    call = at_the_name()
    call.caller("Z", "Add a Caesar salad.")
    assert len(call.lines) == 2 and "spell" in call.said
    call.caller("Zed.")
    assert call.cart.customer_name == "Zed"


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("harbour-pizza", "Is the Caesar salad vegetarian and if so I'll have two"),
        ("harbour-pizza", "What's in the Caesar salad? If so I'll have two."),
        ("chez-margot", "Est-ce que la reine est végétarienne, et si oui j'en prends deux moyennes"),
    ],
)
def test_what_is_wanted_if_a_question_is_answered_with_yes_is_asked_about_after_the_answer(
    slug: str, said: str
) -> None:
    call = call_to(slug)
    call.caller(said)
    assert call.lines == [] and call.said.endswith("?") and "2" in call.said
    call.caller("Yes please." if slug == "harbour-pizza" else "Oui.")
    assert [line[0] for line in call.lines] == [2]


def test_a_no_to_what_was_wanted_on_a_condition_orders_nothing() -> None:
    call = call_to("harbour-pizza")
    call.caller("Is the Caesar salad vegetarian and if so I'll have two", "No.")
    assert call.lines == []


def test_a_question_and_an_order_in_one_clause_are_both_done() -> None:
    call = call_to("harbour-pizza")
    call.caller("How much is the Caesar salad and can I have two garlic breads")
    assert call.lines == [(2, "Garlic bread", "", ())] and "9 euros 50" in call.said


@pytest.mark.parametrize(
    ("slug", "said", "kind"),
    [
        ("chez-margot", "Sercher.", "pickup"),
        ("chez-margot", "Cherché", "pickup"),
        ("chez-margot", "En livresan.", "delivery"),
        ("harbour-pizza", "Peek up.", "pickup"),
        ("harbour-pizza", "Colection.", "pickup"),
        ("harbour-pizza", "Deliverie.", "delivery"),
    ],
)
def test_how_the_food_is_wanted_is_known_by_its_sound_where_it_was_asked_for(slug: str, said: str, kind: str) -> None:
    call = call_to(slug)
    if slug == "chez-margot":
        call.caller("Trois reines grandes.", "C'est tout.", said)
    else:
        call.caller("Three cheeseburgers.", "That's all.", said)
    assert call.cart.fulfilment is not None and call.cart.fulfilment.kind == kind, call.heard


@pytest.mark.parametrize("said", ["Cherry.", "Lobster.", "Tomorrow."])
def test_what_sounds_like_no_answer_is_asked_again(said: str) -> None:
    call = call_to("harbour-pizza")
    call.caller("Three cheeseburgers.", "That's all.", said)
    assert call.cart.fulfilment is None


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Are you closed on Monday?", "monday"),
        ("are you open Sundays", "sunday"),
        ("Are you shut on Tuesdays?", "tuesday"),
    ],
)
def test_hours_are_told_of_the_day_that_was_asked_for(said: str, day: str) -> None:
    call = call_to("harbour-pizza")
    call.caller(said)
    assert call.calls == [("opening_hours", {"day": day})]


def test_a_special_day_is_not_answered_with_today_s_hours() -> None:
    call = call_to("harbour-pizza")
    call.caller("Are you open on Christmas Day?")
    assert "opening_hours" not in call.used


def test_the_tools_know_of_it_until_the_caller_lets_go() -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.")
    assert [wish.dish for wish in call.state.open_wishes] == ["zorglub"]
    said = call.caller("Nothing, thanks.")
    assert ("missing_dish", {"dish": "zorglub", "caller": "let_go"}) in call.calls
    assert call.state.open_wishes == () and said.count("?") == 1


def test_another_agent_that_goes_on_with_the_call_still_asks() -> None:
    call = call_to("harbour-pizza")
    call.caller("A cheeseburger and a zorglub.")
    other = TextCall("en", state=replace(call.state, turn=0))
    other.items.append(system("The line was cut off. Resume."))
    said = other.respond()
    assert "zorglub isn't on your order" in said
    other.caller("No, leave it out.", "That's all.", "Pick up.", "Anna.", "Yes.")
    assert other.state.confirmed is not None


@pytest.mark.parametrize("first", ["A large latte with a zorglub.", "A large latte.|With a zorglub, please."])
def test_an_option_that_cannot_be_had_is_asked_about_before_anything_is_confirmed(first: str) -> None:
    call = call_to("coffee")
    said = call.caller(*first.split("|"))
    assert "zorglub isn't possible with that" in said
    assert said.endswith("So zorglub isn't on your order. What would you like instead, or nothing?")
    call.caller("And a bagel.")
    assert call.said.endswith("Is it right without it?")
    call.caller("What's my order?", "Pick up.", "Anna.", "Yes.")
    assert call.state.confirmed is None


@pytest.mark.parametrize(
    ("answer", "options"), [("Nothing, thanks.", ()), ("Oat milk, then.", ("Oat milk",)), ("No, leave it.", ())]
)
def test_the_caller_lets_go_of_an_option_or_takes_another(answer: str, options: tuple[str, ...]) -> None:
    call = call_to("coffee")
    call.caller("A large latte with a zorglub.", answer, "That's all.", "Pick up.", "Anna.", "Yes.")
    assert call.lines == [(1, "Latte", "Large", options)]
    assert call.state.confirmed is not None and call.state.open_wishes == ()


def test_another_dish_is_no_answer_to_an_option_that_cannot_be_had() -> None:
    call = call_to("coffee")
    call.caller("A large latte with a zorglub.", "And an Earl Grey.")
    assert [wish.dish for wish in call.state.open_wishes] == ["zorglub"]


def test_an_option_that_cannot_be_had_in_french() -> None:
    call = call_to("tacos")
    call.caller("Un kebab sauce zorglub.")
    call.caller("Rien.")
    assert call.state.open_wishes == ()


@pytest.mark.parametrize(
    ("slug", "said", "asked"),
    [
        ("chez-margot", "C'est tout.", "à emporter, en livraison ou sur place ?"),
        ("harbour-pizza", "That's all, thanks.", "pick-up, delivery or eating in?"),
        ("harbour-pizza", "Anything vegetarian?", "Anything else?"),
    ],
)
def test_another_agent_knows_that_the_caller_wanted_nothing_more(slug: str, said: str, asked: str) -> None:
    call = call_to(slug)
    call.caller("Une reine moyenne." if call.language == "fr" else "A large pepperoni.", said)
    other = TextCall(call.language, state=replace(call.state, turn=0))
    history = [item for item in call.items if isinstance(item, Message)]
    other.items = [*history, system("The line was cut off. Resume.")]
    assert other.respond().endswith(asked)


def sold_out(slug: str, *names: str) -> TextCall:
    state = restaurant_named(slug)
    items = tuple(replace(one, available=one.available and one.name not in names) for one in state.menu.items)
    return TextCall(state.restaurant.language, state=replace(state, menu=replace(state.menu, items=items)))


def test_what_is_sold_out_is_asked_about_until_the_caller_lets_go_of_it() -> None:
    call = sold_out("harbour-pizza", "Caesar salad")
    said = call.caller("A cheeseburger and a Caesar salad.")
    assert "Caesar salad is sold out today" in said and call.state.open_wishes
    assert "sold out today" in call.caller("That's all.")
    call.caller("Nothing.")
    assert not call.state.open_wishes
    call.caller("Pick up.", "Anna.", "Yes.")
    assert call.state.confirmed is not None and call.lines == [(1, "Cheeseburger", "", ())]


def test_what_is_sold_out_and_has_nothing_beside_it_is_asked_about() -> None:
    desserts = ("Île flottante", "Tarte aux pralines", "Crème brûlée", "Mousse au chocolat", "Fromage blanc")
    call = sold_out("chez-margot", *desserts)
    said = call.caller("Une reine moyenne et une île flottante.")
    assert "n’est plus disponible" in said and said.endswith("Que désirez-vous à la place, ou rien ?")
    call.caller("Euh, attendez.")
    assert call.state.open_wishes  # nobody let go of it
    call.caller("Rien à la place.")
    assert not call.state.open_wishes


def test_an_allergy_to_what_nobody_knows_is_asked_again_and_then_taken() -> None:
    call = call_to("harbour-pizza")
    assert "What is the allergy to?" in call.caller("I'm allergic to zorglub. A cheeseburger, please.")
    assert not call.cart.allergies
    call.caller("To nuts.")
    assert list(call.cart.allergies) == ["nuts"]


def test_what_is_said_with_the_yes_is_on_the_dish_that_was_offered() -> None:
    call = call_to("coffee")
    assert "instead?" in call.caller("A zorglub flat white please.")
    call.caller("Yes, please, with oat milk.")
    assert call.lines == [(1, "Flat white", "", ("Oat milk",))]
