from __future__ import annotations

from dataclasses import replace

import pytest

from devstack.speech.asking import MISSES_BEFORE_HUMAN
from devstack.speech.protocol.items import Content, FunctionCall, FunctionCallOutput, Message, new_id
from devstack.speech.protocol.session_config import NamedTool
from tests.unit.speech.ordering import TextCall, restaurant_named

pytestmark = pytest.mark.unit


def names(call: TextCall) -> list[str]:
    return [name for name, _ in call.calls]


def test_an_order_goes_from_the_first_item_to_its_confirmation() -> None:
    call = TextCall("en")
    call.caller("I'd like a large Margherita with extra olives and two small cokes, please.")
    assert call.lines == [(1, "Margherita", "Large", ("Extra olives",)), (2, "Cola", "Small", ())]
    assert call.said.endswith("Anything else?")
    assert "pick-up, delivery or eating in" in call.caller("No, that's all.")
    assert "name" in call.caller("Pick up, please.")
    assert call.caller("It's for Anna.").endswith("Is that right?")
    call.caller("Yes, that's right.")
    assert call.state.confirmed is not None
    assert call.said.endswith("goodbye!")
    assert names(call) == ["confirm_order", "end_call"]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("fr", "Salut !"),
        ("en", "Bye the way, what time do you open?"),
        ("en", "Do you have a goodbye cake?"),
        ("en", "No goodbye dishes?"),
        ("en", "Don't say goodbye yet."),
    ],
)
def test_a_word_for_goodbye_that_says_none_ends_no_call(language: str, sentence: str) -> None:
    call = TextCall(language)
    call.caller(sentence)
    assert "end_call" not in names(call)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("fr", "Allez, salut !"), ("en", "Okay, bye bye."), ("en", "Bye, have a nice day."), ("en", "Goodbye then.")],
)
def test_a_goodbye_ends_a_call_without_an_order(language: str, sentence: str) -> None:
    call = TextCall(language)
    call.caller(sentence)
    assert "end_call" in names(call)


def test_a_french_order_goes_from_the_first_item_to_its_confirmation() -> None:
    call = TextCall("fr")
    call.caller("Bonjour, je voudrais une grande reine et deux moyennes quatre fromages, s'il vous plaît.")
    assert call.lines == [(1, "Reine", "Grande", ()), (2, "Quatre fromages", "Moyenne", ())]
    call.caller("Non merci, c'est tout.", "À emporter.", "Au nom de Dupont.")
    assert call.cart.customer_name == "Dupont"
    call.caller("Oui, c'est ça.")
    assert call.state.confirmed is not None


def test_a_missing_size_is_asked_for_and_the_answer_completes_the_call() -> None:
    call = TextCall("en")
    assert "Which size" in call.caller("Two cokes, please.")
    call.caller("Small ones.")
    assert call.lines == [(2, "Cola", "Small", ())]


def test_two_missing_choices_are_asked_for_one_after_the_other() -> None:
    call = TextCall("en")
    call.caller("A crispy chicken burger and a pepperoni.")
    call.caller("With chips.")
    assert "Which size" in call.said
    call.caller("A large one, please.")
    assert sorted(call.lines) == [(1, "Crispy chicken burger", "", ("With chips",)), (1, "Pepperoni", "Large", ())]


def test_a_size_that_an_item_does_not_have_is_left_out_without_asking() -> None:
    call = TextCall("en")
    call.caller("A large calzone, please.")
    assert call.lines == [(1, "Calzone", "", ())]


def test_a_wish_that_is_no_option_becomes_a_note() -> None:
    call = TextCall("en")
    call.caller("A calzone with no onions.")
    assert [line.note for line in call.cart.lines] == ["no onions"]


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        ("Instead of the cheeseburger, I would like two Caesar salads.", [(2, "Caesar salad", "", ())]),
        ("Can I have the garlic bread instead of the cheeseburger?", [(1, "Garlic bread", "", ())]),
        ("Can you change the cheeseburger to a tiramisu?", [(1, "Tiramisu", "", ())]),
        ("Actually, make that two.", [(2, "Cheeseburger", "", ())]),
        ("With pickles, please.", [(1, "Cheeseburger", "", ("Pickles",))]),
        ("No onions on the cheeseburger, please.", [(1, "Cheeseburger", "", ("No onion",))]),
        ("Remove the cheeseburger, please.", []),
        ("Cancel that.", []),
        ("Cancel everything.", []),
    ],
)
def test_a_change_of_mind_changes_the_line(sentence: str, lines: list[object]) -> None:
    call = TextCall("en")
    call.caller("A cheeseburger, please.", sentence)
    assert call.lines == lines


def test_a_delivery_asks_for_the_address_and_takes_it_in_parts() -> None:
    call = TextCall("en")
    call.caller("Two large pepperonis, please.", "That's all.")
    assert "address" in call.caller("Delivery, please.")
    call.caller("It's 14 West Pier, D13, Howth.")
    assert call.cart.fulfilment is not None
    assert call.cart.fulfilment.address is not None
    assert (call.cart.fulfilment.address.street, call.cart.fulfilment.address.postcode) == ("14 West Pier", "D13")


def test_too_little_for_a_delivery_is_not_answered_with_goodbye() -> None:
    call = TextCall("en")
    call.caller("Garlic bread.", "That's all.", "Delivery to 14 West Pier, D13.")
    call.caller("No, nothing else.")
    assert "pick-up" in call.said
    assert names(call) == []


def test_a_price_is_told_from_the_instructions_of_the_session() -> None:
    call = TextCall("en")
    assert "A large Margherita is 13 euros." in call.caller("Hello, how much is a large margherita?")


def test_a_question_goes_to_the_tool_and_the_order_goes_on() -> None:
    call = TextCall("en")
    call.caller("A tiramisu, please.", "Do you have gluten free pizza?")
    assert names(call) == ["look_up_faq"]
    assert call.said.endswith("Anything else?")


def test_a_no_to_the_read_back_asks_what_to_change_and_reads_it_again() -> None:
    call = TextCall("en")
    call.caller("A tiramisu, please.", "That's all.", "Pick up.", "Anna.", "No.")
    assert "change" in call.said
    call.caller("Make it two tiramisus.")
    assert names(call) == ["change_item", "read_cart"]
    call.caller("Yes.")
    assert call.state.confirmed is not None


def test_speech_that_is_not_understood_is_asked_for_again_and_then_a_human_is_offered() -> None:
    call = TextCall("en")
    call.caller(*["Fnord blub."] * (MISSES_BEFORE_HUMAN - 1))
    assert "put you through" not in call.said
    assert "put you through" in call.caller("Fnord blub.")
    call.caller("Yes, please.")
    assert names(call) == ["transfer_to_human"]


def test_a_yes_into_the_read_back_has_it_read_again_and_the_next_one_counts() -> None:
    call = TextCall("en")
    call.caller("Two Caesar salads, please.", "That's all.", "Pick up.", "My name is Anna.")
    call.caller("Yes.", interrupts=True)
    assert call.state.confirmed is None
    assert "Caesar salad" in call.said and call.said.endswith("Is that right?")
    call.caller("Yes.")
    assert call.state.confirmed is not None


def test_repeat_says_the_same_again() -> None:
    call = TextCall("en")
    first = call.caller("A tiramisu, please.")
    assert call.caller("Sorry, could you repeat that?") == first


def test_a_conversation_that_was_greeted_is_not_greeted_again() -> None:
    assert "Hello" not in TextCall("en").respond()
    assert TextCall("en", greeted=False).respond().startswith("Hello")


def test_a_call_taken_over_goes_on_where_it_stopped() -> None:
    lost = TextCall("en")
    lost.caller("A tiramisu, please.", "That's all.", "Pick up.")
    resumed = TextCall("en")
    resumed.state = lost.state
    resumed.items = [item for item in lost.items if isinstance(item, Message)]
    content = [Content(type="input_text", text="The line was cut for a moment. Go on where you stopped.")]
    resumed.items.append(Message(id=new_id("item"), role="system", content=content))
    said = resumed.respond()
    assert said.startswith("Sorry, we were cut off.")
    assert "name" in said
    resumed.caller("It's for Anna.", "Yes.")
    assert resumed.state.confirmed is not None


def test_a_nudge_repeats_the_question_that_is_open() -> None:
    call = TextCall("en")
    call.caller("A tiramisu, please.", "That's all.")
    assert call.respond() == "Is that for pick-up, delivery or eating in?"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Say: Are you still there?", "Are you still there?"),
        ("Say exactly this sentence, and nothing else: Are you still there?", "Are you still there?"),
        ('Say "One moment, please."', "One moment, please."),
        ("Dites exactement : Vous êtes toujours là ?", "Vous êtes toujours là ?"),
    ],
)
def test_instructions_marked_as_text_to_say_are_said(given: str, said: str) -> None:
    assert TextCall("en").respond(instructions=given) == said


def test_other_instructions_of_a_response_are_not_read_out() -> None:
    assert "polite" not in TextCall("en").respond(instructions="Be very polite and ask for the order.")


def test_without_parallel_calls_the_second_waits_for_the_first_output() -> None:
    call = TextCall("en")
    content = [Content(type="input_audio", transcript="A tiramisu and a calzone, please.")]
    call.items.append(Message(id=new_id("item"), role="user", content=content))
    call.respond(parallel=False)
    assert names(call) == ["add_item", "add_item"]
    assert call.lines == [(1, "Tiramisu", "", ()), (1, "Calzone", "", ())]


def test_tool_choice_decides_whether_tools_are_called() -> None:
    call = TextCall("en")
    content = [Content(type="input_audio", transcript="A tiramisu, please.")]
    call.items.append(Message(id=new_id("item"), role="user", content=content))
    call.respond(tool_choice="none")
    assert names(call) == []
    assert call.said
    with pytest.raises(AssertionError, match="only calls tools"):
        call.respond(tool_choice=NamedTool(type="function", name="read_cart"))
    assert set(names(call)) == {"read_cart"}


def test_a_silent_caller_is_asked_and_then_told_goodbye() -> None:
    call = TextCall("en")
    assert call.respond(silence=True).startswith("Are you still there?")
    call.respond(silence=True)
    call.respond(silence=True)
    assert names(call) == ["end_call"]


def test_a_call_that_the_caller_interrupted_is_made_again() -> None:
    call = TextCall("en")
    call.caller("A tiramisu, please.")
    call.items[-2:] = []  # as if the output had never come
    made = FunctionCall(id=new_id("item"), name="add_item", arguments='{"item":"Calzone"}', call_id="call_x")
    refused = '{"ok": false, "error": {"code": "interrupted", "field": "", "message": "", "allowed": []}}'
    call.items += [made, FunctionCallOutput(id=new_id("item"), call_id="call_x", output=refused)]
    call.respond()
    assert ("add_item", {"item": "Calzone"}) in call.calls


@pytest.mark.parametrize(
    ("language", "insults"),
    [
        ("en", ["You stupid useless machine.", "Shut up, you idiot."]),
        ("en", ["Oh piss off.", "You are so dumb."]),
        ("fr", ["Va te faire voir, espèce de robot débile.", "Ta gueule !"]),
        ("fr", ["Vous êtes complètement nuls.", "Dégage, connard."]),
    ],
)
def test_a_caller_who_insults_is_warned_once_and_the_second_time_hung_up_on(language: str, insults: list[str]) -> None:
    call = TextCall(language)
    call.caller(insults[0])
    assert names(call) == []
    assert call.said.endswith("?")
    call.caller(insults[1])
    assert names(call) == ["end_call"]


def test_an_order_in_rude_words_is_taken_as_any_other() -> None:
    call = TextCall("en")
    call.caller("A large pepperoni, you idiot.")
    assert call.lines == [(1, "Pepperoni", "Large", ())]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "My card number is 4111 1111 1111 1111."),
        ("en", "It's four one one one, one one one one, one one one one, one one one one."),
        ("fr", "Mon numéro de carte est le 4970 10"),
        ("fr", "C'est le 4970 1012 3456 7890, ma carte."),
    ],
)
def test_a_card_number_is_stopped_and_neither_repeated_nor_taken_for_anything(language: str, said: str) -> None:
    call = TextCall(language)
    call.caller("A tiramisu, please." if language == "en" else "Un tiramisu.", said)
    assert names(call) == []
    assert "card" in call.said or "carte" in call.said
    assert not any(character.isdigit() for character in call.said)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Can I pay by card? Two tiramisus please."),
        ("en", "My number is 00 353 87 123 4567, one tiramisu."),
        ("fr", "Je paie par carte, deux tiramisus."),
    ],
)
def test_numbers_of_something_else_are_no_card_number(language: str, said: str) -> None:
    call = TextCall(language)
    call.caller(said)
    assert "numéro de carte" not in call.said
    assert "card number" not in call.said


@pytest.mark.parametrize("said", ["It was a joke. Goodbye.", "Sorry, wrong number.", "I don't want to order anything."])
def test_a_caller_who_wants_nothing_is_said_goodbye_to(said: str) -> None:
    call = TextCall("en")
    call.caller("Nine hundred tiramisus.", said)
    assert names(call) == ["end_call"]
    assert call.lines == []


def test_a_caller_who_gives_way_to_eating_in_is_understood() -> None:
    call = TextCall("en")
    call.caller("A tiramisu.", "That's all.", "Then I eat it all there.")
    assert names(call) == ["set_fulfilment"]
    assert call.cart.fulfilment is not None
    assert call.cart.fulfilment.kind == "dine_in"


def test_everything_cancelled_where_nothing_was_ordered_ends_the_call() -> None:
    call = TextCall("en")
    call.caller("Cancel the whole order.")
    assert names(call) == ["end_call"]


@pytest.mark.parametrize(
    ("restaurant", "said", "lines"),
    [
        ("harbour-pizza", ["A large pizza, half pepperoni, half hawaiian and two small colas."], 2),
        ("harbour-pizza", ["Half pepperoni with olives, half hawaiian, large."], 1),
        ("harbour-pizza", ["Half and half, pepperoni and hawaiian.", "Medium."], 1),
        ("chez-margot", ["Une grande pizza moitié reine moitié quatre fromages."], 1),
        ("harbour-pizza", ["A large pepperoni, half with mushrooms."], 0),
        ("harbour-pizza", ["Half pepperoni, half sushi."], 0),
        ("harbour-pizza", ["Large, half pepperoni half hawaiian without ham."], 0),
    ],
)
def test_halves_are_taken_where_the_menu_has_them_and_asked_about_where_they_are_not_certain(
    restaurant: str, said: list[str], lines: int
) -> None:
    state = restaurant_named(restaurant)
    categories = tuple(replace(one, halves="dearer" if one.name == "Pizzas" else None) for one in state.menu.categories)
    state = replace(state, menu=replace(state.menu, categories=categories))
    call = TextCall(state.restaurant.language, state=state)

    call.caller(*said)

    assert len(call.lines) == lines
    assert bool(lines) == ("add_halves" in call.used)
