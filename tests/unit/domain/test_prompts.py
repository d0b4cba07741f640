import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.greetings import greeting_text
from domain.menu import ItemSize, Menu, MenuItem, ModifierGroup, ModifierOption
from domain.menu_text import MAX_MENU
from domain.prompt_texts import TEXTS
from domain.prompts import (
    MAX_INSTRUCTIONS,
    MAX_TRANSCRIPTION_WORDS,
    brief_instructions,
    has_whole_menu,
    instructions,
    restaurant_instructions,
    transcription_prompt,
    version_of,
)
from domain.restaurant import FaqEntry, Opening, OpeningException, Restaurant
from domain.roles import UPSELL
from domain.tools import tool_schemas

pytestmark = pytest.mark.unit

Faq = tuple[FaqEntry, ...]


def test_the_prompt_holds_menu_prices_allergens_choices_hours_and_answers(
    restaurant: Restaurant, menu: Menu, faq: Faq, open_now: datetime
) -> None:
    prompt = instructions(restaurant, menu, faq, open_now)
    for line in (
        "- Margherita (also: marg, plain pizza): Small 9.50 / Large 12.50."
        " Allergens: gluten, milk. Tomato and mozzarella.",
        "  - Cooking (choose at least 1, at most 1): Rare, Well done",
        "  - Toppings (choose at least 0, at most 2): Olives +1.00, Ham +1.50, Basil",
        "- Coke: 3.00. Allergens: not listed.",
        "- Oysters: sold out today",
        "- Monday: closed",
        "- Friday: from noon to 3 pm and from 6 pm to 1 am",
        "- Delivery Centre (D02, D08): minimum €20.00, fee €2.50",
        "- Is there parking nearby? Yes, the Mill Street car park is across the road.",
        "It is Friday 20 November 2026, 19:02 (Europe/Dublin).",
        "The restaurant is open until 1 am.",
    ):
        assert line in prompt.splitlines()


def test_the_brief_prompt_keeps_rules_prices_choices_and_allergens_and_leaves_the_rest_to_tools(
    restaurant: Restaurant, menu: Menu, faq: Faq, open_now: datetime
) -> None:
    whole, brief = instructions(restaurant, menu, faq, open_now), brief_instructions(restaurant, menu, open_now)
    lines = brief.splitlines()
    for line in (
        "- Margherita (also: marg, plain pizza): Small 9.50 / Large 12.50. Allergens: gluten, milk.",
        "  - Toppings (choose at least 0, at most 2): Olives +1.00, Ham +1.50, Basil",
        "- Oysters: sold out today",
        "The restaurant is open until 1 am.",
    ):
        assert line in lines
    assert TEXTS["en"].styles["brief"] in brief
    assert "car park" not in brief
    assert "look_up_faq" in {tool["name"] for tool in tool_schemas(restaurant, menu)}
    gone = set(whole.splitlines()) - set(lines)
    assert not [line for line in gone if line.startswith(("#", "  -")) and TEXTS["en"].faq not in line]


def test_a_french_restaurant_has_a_french_prompt(french: Restaurant, menu: Menu, faq: Faq, open_now: datetime) -> None:
    prompt = instructions(french, menu, faq, open_now)
    assert "Tu es l’assistant vocal du restaurant « Chez Léa »" in prompt
    assert "Nous sommes le vendredi 20 novembre 2026, il est 20:02 (Europe/Paris)." in prompt
    assert "- lundi: fermé" in prompt
    assert "You are" not in prompt


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_rule_that_protects_the_caller_and_the_till_is_in_both_languages(
    restaurant: Restaurant, menu: Menu, open_now: datetime, language: str
) -> None:
    prompt = instructions(replace(restaurant, language=language), menu, (), open_now)
    for name in ("read_cart", "confirm_order", "transfer_to_human", "end_call", "`missing`", "`say`"):
        assert name in prompt
    rules = [line for line in prompt.splitlines() if line.startswith("- ") and len(line) > 80]
    assert len(rules) >= 10


def test_a_closed_restaurant_says_so_with_its_next_opening(restaurant: Restaurant, menu: Menu) -> None:
    prompt = instructions(restaurant, menu, (), datetime(2026, 11, 23, 19, tzinfo=UTC))
    assert "The restaurant is CLOSED and opens tomorrow at noon" in prompt
    never = instructions(replace(restaurant, openings=()), menu, (), datetime(2026, 11, 23, 19, tzinfo=UTC))
    assert "CLOSED and no opening is known" in never


def test_a_closed_restaurant_that_takes_orders_ahead_says_that_it_does(restaurant: Restaurant, menu: Menu) -> None:
    ahead = replace(restaurant, orders_ahead=True)
    morning = instructions(ahead, menu, (), datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert "CLOSED and opens today at noon: orders are taken for after that" in morning
    too_early = instructions(ahead, menu, (), datetime(2026, 11, 23, 1, tzinfo=UTC))
    assert "no order can be confirmed now" in too_early


def test_a_restaurant_that_never_closes_is_open_day_and_night(restaurant: Restaurant, menu: Menu) -> None:
    always = replace(restaurant, openings=tuple(Opening(day, 0, 1440) for day in range(7)), exceptions=())
    prompt = instructions(always, menu, (), datetime(2026, 11, 20, 19, tzinfo=UTC))
    assert "The restaurant is open day and night." in prompt
    assert "midnight" not in prompt


def test_hours_that_differ_soon_are_told(restaurant: Restaurant, menu: Menu, open_now: datetime) -> None:
    assert "25 December" not in instructions(restaurant, menu, (), open_now)
    prompt = instructions(restaurant, menu, (), datetime(2026, 12, 20, 19, tzinfo=UTC))
    assert prompt.endswith("On Friday 25 December we are closed.")


def test_the_cached_part_does_not_change_with_the_clock(
    restaurant: Restaurant, menu: Menu, faq: Faq, open_now: datetime
) -> None:
    cached = restaurant_instructions(restaurant, menu, faq)
    assert instructions(restaurant, menu, faq, open_now).startswith(cached)
    assert "19:02" not in cached


def test_no_private_number_stands_in_the_prompt(
    restaurant: Restaurant, menu: Menu, faq: Faq, open_now: datetime
) -> None:
    prompt = instructions(restaurant, menu, faq, open_now)
    assert restaurant.fallback_number not in prompt
    assert restaurant.phone not in prompt


def many(menu: Menu, count: int, description: str) -> Menu:
    template = menu.items[0]

    def item(number: int) -> MenuItem:
        return replace(template, id=f"i{number}", name=f"Special number {number}", description=description)

    return replace(menu, items=tuple(map(item, range(count))))


def test_descriptions_go_first_when_the_menu_is_long(restaurant: Restaurant, menu: Menu, open_now: datetime) -> None:
    prompt = instructions(restaurant, many(menu, 80, "Lorem ipsum " * 40), (), open_now)
    assert "Special number 79 (also: marg, plain pizza): Small 9.50" in prompt
    assert "Lorem" not in prompt


def test_a_menu_that_is_too_long_is_told_by_its_categories_and_searched(
    restaurant: Restaurant, french: Restaurant, menu: Menu
) -> None:
    long = many(menu, 2000, "")

    told = restaurant_instructions(restaurant, long, ())
    in_french = restaurant_instructions(french, long, ())

    assert "- Pizzas: 2000" in told.splitlines() and "- Pizzas : 2000" in in_french.splitlines()
    assert "call search_menu" in told and "appelle search_menu" in in_french
    assert "Special number 1" not in told
    assert has_whole_menu(restaurant, menu) and not has_whole_menu(restaurant, long)


def test_the_prompt_is_bounded_and_never_cuts_a_line(restaurant: Restaurant, menu: Menu, open_now: datetime) -> None:
    faq = tuple(FaqEntry(str(n), f"Question {n}?", "word " * 100) for n in range(200))
    long = replace(restaurant, exceptions=tuple(OpeningException(open_now.date()) for _ in range(5)))
    prompt = instructions(long, many(menu, 2000, ""), faq, open_now)
    assert len(prompt) <= MAX_INSTRUCTIONS
    answers = [line for line in prompt.splitlines() if line.startswith("- Question")]
    assert all(line.endswith("word ") for line in answers)
    assert len(answers) > 5


def test_descriptions_are_told_for_exactly_as_long_as_the_menu_fits(
    restaurant: Restaurant, menu: Menu, open_now: datetime
) -> None:
    """The menu's part is from its heading to the next; how long it is without descriptions is measured here."""

    def part(description: str) -> str:
        prompt = instructions(restaurant, many(menu, 40, description), (), open_now)
        return prompt[prompt.index("# Menu\n") + len("# Menu\n") :].partition("\n\n#")[0]

    with_one_word = part("x")
    room = (MAX_MENU - 1 - len(with_one_word)) // 40
    assert "x" * (room + 1) in part("x" * (room + 1))
    assert len(part("x" * (room + 1))) <= MAX_MENU
    assert "xx" not in part("x" * (room + 2))


def test_items_of_an_unknown_category_are_still_told(restaurant: Restaurant, menu: Menu, open_now: datetime) -> None:
    assert "- Coke: 3.00" in instructions(restaurant, replace(menu, categories=()), (), open_now)


def test_the_default_greeting_says_that_an_ai_speaks(restaurant: Restaurant, french: Restaurant) -> None:
    assert greeting_text(restaurant) == "Hello, this is the AI assistant of The Copper Pot. What can I get you?"
    assert greeting_text(french) == "Bonjour, ici l’assistant IA de Chez Léa. Que puis-je faire pour vous ?"
    assert greeting_text(replace(restaurant, greeting=" Copper Pot, hello! ")) == (
        "Copper Pot, hello! You are speaking with an AI assistant."
    )


def test_a_recorded_call_is_announced_once(restaurant: Restaurant) -> None:
    recorded = replace(restaurant, record_calls=True)
    assert greeting_text(recorded).endswith("This call is recorded.")
    own = replace(recorded, greeting="Hello, an AI assistant speaking! We record calls.")
    assert greeting_text(own) == "Hello, an AI assistant speaking! We record calls."


def test_speech_to_text_expects_the_menus_words(menu: Menu) -> None:
    prompt = transcription_prompt(menu)
    assert prompt.startswith("marg, plain pizza, pasta, Margherita, Regina, Burger, ")
    assert prompt.endswith("Small, Large, Giant.")
    assert prompt.count("Olives") == 1
    assert len(transcription_prompt(many(menu, 500, "")).split()) <= MAX_TRANSCRIPTION_WORDS
    assert transcription_prompt(replace(menu, items=())) == ""


def test_a_dish_and_an_option_are_told_with_what_else_they_are_called(
    restaurant: Restaurant, french: Restaurant, menu: Menu
) -> None:
    burger = next(item for item in menu.items if item.name == "Burger")
    cooking = burger.modifier_groups[0]
    called = replace(cooking, options=(replace(cooking.options[0], aliases=("bloody, (red)",)), cooking.options[1]))
    items = tuple(replace(one, modifier_groups=(called,)) if one is burger else one for one in menu.items)
    told = restaurant_instructions(restaurant, replace(menu, items=items), ()).splitlines()
    in_french = restaurant_instructions(french, menu, ()).splitlines()

    assert "  - Cooking (choose at least 1, at most 1): Rare (also: bloody red), Well done" in told
    assert any(line.startswith("- Lasagne (also: pasta): 12.00.") for line in told)
    assert any(line.startswith("- Lasagne (aussi: pasta): 12.00.") for line in in_french)


def test_other_names_come_last_in_what_speech_to_text_expects(menu: Menu) -> None:
    """Where there is no room for them they go, and not the dishes."""
    long = many(menu, MAX_TRANSCRIPTION_WORDS // 3, "")
    called = replace(long, items=(replace(long.items[0], aliases=("odd one",)), *long.items[1:]))
    short = replace(called, items=called.items[:1])

    assert "odd one" in transcription_prompt(short)
    assert "odd one" not in transcription_prompt(called)
    assert "Special number 65" in transcription_prompt(called)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_prompts_version_changes_with_what_it_tells_and_not_with_the_clock(
    restaurant: Restaurant, menu: Menu, open_now: datetime, language: str
) -> None:
    place = replace(restaurant, language=language)
    dearer = replace(menu, items=(replace(menu.items[3], sizes=(ItemSize("s-c", "", 350),)), *menu.items[:3]))

    def version(menu: Menu, now: datetime, restaurant: Restaurant = place) -> str:
        return version_of(restaurant, instructions(restaurant, menu, (), now), tool_schemas(restaurant, menu))

    later = open_now + timedelta(days=3, hours=5)
    assert version(menu, open_now) == version(menu, later)
    assert version(menu, open_now) != version(dearer, open_now)
    assert version(menu, open_now) != version(menu, open_now, replace(place, delivery=False))


@pytest.mark.parametrize("dishes", [40, 75, 500, 2000])
def test_instructions_and_tools_together_fit_a_session(
    restaurant: Restaurant, french: Restaurant, menu: Menu, open_now: datetime, dishes: int
) -> None:
    """16,384 tokens; text of these languages has three characters or more to a token."""
    faq = tuple(FaqEntry(str(n), f"Question {n}?", "word " * 100) for n in range(200))
    long = many(menu, dishes, "Lorem ipsum " * 10)
    for place in (restaurant, french):
        told = instructions(place, long, faq, open_now)
        tools = json.dumps(tool_schemas(place, long), ensure_ascii=False)
        assert len(told) <= MAX_INSTRUCTIONS
        assert len(told) + len(tools) <= 3 * 16_384


def test_a_menu_of_more_options_than_fit_has_tools_without_their_names(
    restaurant: Restaurant, menu: Menu, open_now: datetime
) -> None:
    def item(number: int) -> MenuItem:
        options = tuple(ModifierOption(f"o{number}-{n}", f"Choice {number} {n}") for n in range(20))
        groups = (ModifierGroup(f"g{number}", "Choices", 0, 5, options),)
        return replace(menu.items[0], id=f"i{number}", name=f"Dish {number}", modifier_groups=groups)

    chosen = replace(menu, items=tuple(item(n) for n in range(30)))
    tools = tool_schemas(restaurant, chosen)

    assert has_whole_menu(restaurant, chosen)
    assert "enum" in tool_schemas(restaurant, menu)[0]["parameters"]["properties"]["item"]
    assert "enum" not in tools[0]["parameters"]["properties"]["item"]
    assert len(instructions(restaurant, chosen, (), open_now)) + len(json.dumps(tools)) <= 3 * 16_384


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_prompt_has_the_restaurants_style_and_offers_more_only_where_it_is_wanted(
    restaurant: Restaurant, menu: Menu, language: str
) -> None:
    plain = restaurant_instructions(replace(restaurant, language=language), menu, ())
    other = restaurant_instructions(replace(restaurant, language=language, style="formal", upsell=True), menu, ())

    texts = TEXTS[language]
    assert texts.styles["warm"] in plain
    assert UPSELL[language] not in plain
    assert texts.styles["formal"] in other
    assert UPSELL[language] in other
