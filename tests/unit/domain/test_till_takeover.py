"""A till's menu takes the place of the restaurant's: under the ids that are there, with what the till can't know."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption, ServedHours
from domain.menu_changes import changes
from domain.menu_rules import problems
from domain.till_menus import (
    Loss,
    TillCategory,
    TillCode,
    TillGroup,
    TillItem,
    TillMenu,
    TillOption,
    TillSize,
)
from domain.till_takeover import TakenOver, taken_over, usual_vat
from domain.vat import VatRates, same_rate

pytestmark = pytest.mark.unit

VAT = same_rate(1000)
UNTIL = datetime(2030, 5, 17, 22, tzinfo=UTC)


def new_id() -> str:
    return str(uuid.uuid4())


SAUCES = ModifierGroup(
    new_id(),
    "Sauce",
    1,
    1,
    (ModifierOption(new_id(), "Tomato", 0, aliases=("red",)), ModifierOption(new_id(), "Cream", 100)),
    included=1,
    amounts=("light",),
)
MARGHERITA = MenuItem(
    id=new_id(),
    category_id="pizza",
    name="Margherita",
    sizes=(ItemSize(new_id(), "Small", 900), ItemSize(new_id(), "Large", 1300)),
    vat=same_rate(550),
    modifier_groups=(SAUCES,),
    allergens=("milk", "gluten"),
    aliases=("marga",),
    served=(ServedHours((0,), 600, 900),),
    photo="p" * 32,
)
SOUP = MenuItem(id=new_id(), category_id="pizza", name="Soup", sizes=(ItemSize(new_id(), "", 500),), vat=VAT)
MENU = Menu(
    "7c5f0f43-5d0a-4b9e-9a51-6a2b3c4d5e6f",
    "EUR",
    "en",
    (MenuCategory("pizza", "Pizza", halves="dearer"),),
    (MARGHERITA, SOUP),
)
PIZZAS = TillCategory("C1", "Pizza")
SAUCE = TillGroup(
    code="G1",
    name="Sauce",
    minimum=1,
    maximum=1,
    options=(TillOption(code="O1", name="Tomato"), TillOption(code="O2", name="Cream", price_cents=150)),
)


def dish(code: str, name: str, *sizes: TillSize, **more: object) -> TillItem:
    one = TillItem(code=code, name=name, category="C1", sizes=sizes or (TillSize(code=code, price_cents=500),))
    return TillItem(**{**{key: getattr(one, key) for key in one.__struct_fields__}, **more})


def sells(*items: TillItem, groups: tuple[TillGroup, ...] = (SAUCE,)) -> TillMenu:
    return TillMenu(categories=(PIZZAS,), items=items, groups=groups)


THE_SAME = sells(
    dish(
        "PM",
        "Margherita",
        TillSize(code="PM-S", name="Small", price_cents=950),
        TillSize(code="PM-L", name="Large", price_cents=1300),
        groups=("G1",),
    ),
    dish("PS", "Soup"),
)


def take(menu: Menu, sold: TillMenu, codes: dict[str, TillCode] | None = None) -> TakenOver:
    taken = taken_over(menu, sold, codes or {}, VAT)
    assert problems(taken.menu) == ()
    return taken


def item(taken: TakenOver, name: str) -> MenuItem:
    return next(one for one in taken.menu.items if one.name == name)


def test_equal_names_keep_their_ids_and_all_that_a_till_does_not_know() -> None:
    taken = take(MENU, THE_SAME)

    after = item(taken, "Margherita")
    assert after == replace(
        MARGHERITA,
        sizes=(replace(MARGHERITA.sizes[0], price_cents=950), MARGHERITA.sizes[1]),
        modifier_groups=(replace(SAUCES, options=(SAUCES.options[0], replace(SAUCES.options[1], price_cents=150))),),
    )
    assert taken.menu.categories[0].halves == "dearer"
    assert {change.name for change in changes(MENU, taken.menu)} == {"Small", "Cream"}
    assert taken.codes[MARGHERITA.sizes[1].id] == TillCode("PM-L")
    assert taken.codes[SAUCES.options[1].id] == TillCode("O2")
    assert taken.losses == ()


def test_what_has_another_name_is_found_by_its_code_and_still_answers_to_the_old_one() -> None:
    codes = take(MENU, THE_SAME).codes
    renamed = sells(
        dish("PM", "Pizza Queen", TillSize(code="PM-L", name="Family", price_cents=1400), groups=("G1",)),
        dish("PX", "Margherita"),  # another dish has its name now
        groups=(replace_options(TillOption(code="O1", name="Passata"), TillOption(code="O2", name="Cream")),),
    )

    taken = take(MENU, renamed, codes)

    queen = item(taken, "Pizza Queen")
    assert queen.id == MARGHERITA.id and queen.photo == MARGHERITA.photo
    assert queen.aliases == ("marga", "Margherita")
    assert [(size.id, size.name) for size in queen.sizes] == [(MARGHERITA.sizes[1].id, "Family")]
    assert item(taken, "Margherita").id not in (MARGHERITA.id, SOUP.id)
    option = queen.modifier_groups[0].options[0]
    assert (option.id, option.name, option.aliases) == (SAUCES.options[0].id, "Passata", ("red", "Tomato"))
    assert [one.name for one in taken.menu.items] == ["Pizza Queen", "Margherita"]


def replace_options(*options: TillOption) -> TillGroup:
    return TillGroup(code="G1", name="Sauce", minimum=1, maximum=1, options=options)


def test_the_same_twice_changes_nothing_more() -> None:
    once = take(MENU, THE_SAME)
    again = take(once.menu, THE_SAME, once.codes)
    assert changes(once.menu, again.menu) == ()
    assert again.codes == once.codes


def test_what_is_off_at_the_till_is_off_and_what_is_off_here_stays_off() -> None:
    off_here = replace(MENU, items=(MARGHERITA, replace(SOUP, available=False)))
    sold = sells(
        dish("PM", "Margherita", TillSize(code="S", name="Small", price_cents=900, off=True, off_until=UNTIL),
             TillSize(code="L", name="Large", price_cents=1300)),
        dish("PS", "Soup"),
        dish("PT", "Tiramisu", TillSize(code="PT", price_cents=600, off=True, off_until=UNTIL)),
    )  # fmt: skip

    taken = take(off_here, sold)

    small, large = item(taken, "Margherita").sizes
    assert (small.available, small.off_until, large.available) == (False, UNTIL, True)
    assert not item(taken, "Soup").available
    tiramisu = item(taken, "Tiramisu")
    assert (tiramisu.available, tiramisu.off_until, tiramisu.sizes[0].available) == (False, UNTIL, True)


def test_allergens_and_diets_are_said_in_the_menus_language_and_nothing_listed_keeps_what_is_here() -> None:
    french = replace(MENU, language="fr")
    sold = sells(
        dish("PM", "Margherita", allergens=("milk", "nuts", "Lentilles"), diets=("vegetarian",), description="Tomate."),
        dish("PS", "Soup", description="Végan, du jour.", diets=("vegan",)),
    )

    taken = take(french, sold)

    assert item(taken, "Margherita").allergens == ("lait", "fruits à coque", "Lentilles")
    assert item(taken, "Margherita").description == "Tomate. (végétarien)"
    assert item(taken, "Soup").description == "Végan, du jour."
    assert item(take(MENU, sells(dish("PM", "Margherita"))), "Margherita").allergens == ("milk", "gluten")


def test_choices_inside_of_choices_go_one_step_deep_and_the_rest_is_named() -> None:
    deepest = TillGroup(code="G3", name="Spice", options=(TillOption(code="X", name="Chili"),))
    inner = TillGroup(code="G2", name="Dip", options=(TillOption(code="D", name="Aioli", groups=("G3",)),))
    outer = TillGroup(code="G1", name="Side", options=(TillOption(code="F", name="Fries", groups=("G2",)),))

    taken = take(MENU, sells(dish("PB", "Burger", groups=("G1",)), groups=(outer, inner, deepest)))

    fries = item(taken, "Burger").modifier_groups[0].options[0]
    assert [group.name for group in fries.groups] == ["Dip"]
    assert fries.groups[0].options[0].groups == ()
    assert Loss("option", "Aioli", "deeper") in taken.losses


def test_names_that_nobody_could_tell_apart_are_told_apart() -> None:
    desserts = TillCategory("C2", "Desserts")
    sold = TillMenu(
        categories=(PIZZAS, desserts),
        items=(
            dish("A", "Cola"),
            TillItem(code="B", name="cola", category="C2", sizes=(TillSize(code="B", price_cents=200),)),
            dish("C", "Cola"),
            dish("D", "  "),
            dish("E", "x" * 100),
            dish("A", "Cola", TillSize(code="A", price_cents=900)),
        ),
    )

    taken = take(MENU, sold)

    assert [one.name for one in taken.menu.items] == ["Cola", "Cola (Pizza)", "D", "x" * 80, "cola (Desserts)"]
    assert {loss.reason for loss in taken.losses} == {"renamed", "no_name", "cut", "several_places"}
    assert item(taken, "Cola").sizes[0].price_cents == 500


def test_ten_thousand_dishes_of_one_name_are_told_apart_at_once_and_too_many() -> None:
    sold = sells(*(dish(f"P{at}", "Cola\x00 <b>\n") for at in range(10_000)))
    began = time.process_time()
    taken = taken_over(MENU, sold, {}, VAT)
    assert time.process_time() - began < 10  # each counted from the first it was a quarter of an hour
    assert [one.name for one in taken.menu.items[:2]] == ["Cola <b>", "Cola <b> (Pizza)"]
    assert len({one.name for one in taken.menu.items}) == 10_000
    assert {one.reason for one in problems(taken.menu)} == {"too_many"}


def test_a_choice_never_asks_for_more_than_there_is() -> None:
    groups = (
        TillGroup(code="G1", name="Many", minimum=3, maximum=9, options=SAUCE.options),
        TillGroup(code="G2", name="Any", options=SAUCE.options),
        TillGroup(code="G3", name="None", minimum=1, options=()),
    )
    taken = take(MENU, sells(dish("PB", "Burger", groups=("G1", "G2", "G3", "gone")), groups=groups))
    limits = [(group.minimum, group.maximum) for group in item(taken, "Burger").modifier_groups]
    assert limits == [(2, 2), (0, 2)]
    assert taken.losses == (Loss("group", "None", "no_options"),)


def test_vat_is_the_tills_else_what_was_there_else_what_is_usual_here() -> None:
    sold = sells(dish("PM", "Margherita"), dish("PS", "Soup", vat=VatRates(550, 1000)), dish("PN", "New"))
    taken = take(MENU, sold)
    assert item(taken, "Margherita").vat == MARGHERITA.vat
    assert item(taken, "Soup").vat == VatRates(550, 1000)
    assert item(taken, "New").vat == VAT
    assert usual_vat(replace(MENU, items=()), "FR") == same_rate(1000)
    assert usual_vat(replace(MENU, items=(SOUP, SOUP, MARGHERITA)), "FR") == VAT
