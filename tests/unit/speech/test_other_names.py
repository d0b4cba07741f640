"""A dish by any name that the menu gives it, in a whole conversation of the local agent."""

from dataclasses import replace

import pytest

from devstack.speech.vocabulary import choice_of
from domain.choices import find_item
from domain.menu import Menu, MenuItem
from tests.unit.speech.ordering import TextCall, seeded

pytestmark = pytest.mark.unit

ASKED = {"en": "I would like one {name} please.", "fr": "Je voudrais une {name} s’il vous plaît."}
ALIASES = [
    pytest.param(language, alias, item.name, id=f"{language}-{alias}")
    for language in ("en", "fr")
    for item in seeded(language).menu.items
    for alias in item.aliases
]


def with_items(menu: Menu, *items: MenuItem) -> Menu:
    changed = {item.id: item for item in items}
    return replace(menu, items=tuple(changed.get(item.id, item) for item in menu.items))


@pytest.mark.parametrize(("language", "alias", "item"), ALIASES)
def test_each_other_name_of_a_dish_orders_that_dish(language: str, alias: str, item: str) -> None:
    call = TextCall(language)

    call.caller(ASKED[language].format(name=alias))
    named = [find_item(call.state.menu, arguments["item"]).name for tool, arguments in call.calls if tool == "add_item"]
    while call.agent.choices:
        call.caller(call.agent.choices[0].allowed[0])

    assert set(named) == {item}
    assert [(quantity, name) for quantity, name, _, _ in call.lines] == [(1, item)]


def test_the_other_name_of_an_option_chooses_that_option() -> None:
    state = seeded("en")
    pizza = find_item(state.menu, "Margherita")
    group = pizza.modifier_groups[0]
    called = (replace(group.options[0], aliases=("golden nuggets",)), *group.options[1:])
    changed = replace(pizza, modifier_groups=(replace(group, options=called), *pizza.modifier_groups[1:]))
    call = TextCall("en", state=replace(state, menu=with_items(state.menu, changed)))

    call.caller("One large margherita with golden nuggets please.")

    assert call.lines == [(1, "Margherita", "Large", (group.options[0].name,))]


def test_a_name_that_two_dishes_have_is_asked_about() -> None:
    state = seeded("en")
    first, second = (replace(find_item(state.menu, name), aliases=("pasta",)) for name in ("Lasagne", "Tiramisu"))
    call = TextCall("en", state=replace(state, menu=with_items(state.menu, first, second)))

    call.caller("I would like one pasta please.")
    asked = call.said
    call.caller("Tiramisu.")

    assert "lasagne or tiramisu" in asked.lower()
    assert [(quantity, name) for quantity, name, _, _ in call.lines] == [(1, "Tiramisu")]


@pytest.mark.parametrize("said", [("no", "fat"), ("fat", "free"), ("nonfat",)])
def test_what_has_none_of_something_is_called_in_several_ways(said: tuple[str, ...]) -> None:
    names = choice_of(("Non-fat milk", "Whole milk"), "en").names
    assert [one.value for one in names[said]] == ["Non-fat milk"]
