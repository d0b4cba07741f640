from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.choices import choose_size, find_item, orderable
from domain.errors import Refused
from domain.menu import ItemSize, Menu, MenuItem, ModifierGroup, ModifierOption
from domain.modifiers import choose_modifiers
from domain.names import fold
from domain.vat import same_rate

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "item"),
    [
        ("Margherita", "i-marg"),
        ("  MARGHERITA ", "i-marg"),
        ("marg", "i-marg"),
        ("Plain-Pizza", "i-marg"),
        ("creme brulee", "i-brulee"),
        ("CRÈME BRÛLÉE!", "i-brulee"),
    ],
)
def test_items_are_found_without_regard_to_case_accents_and_punctuation(menu: Menu, said: str, item: str) -> None:
    assert find_item(menu, said).id == item


def test_ligatures_match_their_letters() -> None:
    assert fold("Œuf à la coque") == fold("oeuf a la coque")


def test_a_near_miss_is_refused_with_the_closest_names(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "Margarita")
    assert (refused.value.code, refused.value.field) == ("unknown_item", "item")
    assert refused.value.allowed == ("Margherita",)


def test_part_of_a_name_suggests_the_whole(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "wine")
    assert "House wine" in refused.value.allowed


def test_a_name_with_words_around_it_suggests_the_name(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "an ice cold coke with a slice of lemon, thanks a lot")
    assert refused.value.allowed == ("Coke",)


def test_something_else_altogether_is_refused_with_what_is_on_sale(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "sushi")
    assert "Coke" in refused.value.allowed
    assert "Oysters" not in refused.value.allowed


def test_an_alias_of_two_items_is_refused_as_ambiguous(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "pasta")
    assert refused.value.code == "ambiguous_item"
    assert refused.value.allowed == ("Lasagne", "Carbonara")


def test_what_looks_like_an_alias_of_two_items_suggests_both(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "pastas")
    assert refused.value.allowed == ("Lasagne", "Carbonara")


def test_an_option_is_chosen_by_an_alias_that_is_its_own_and_asked_for_where_two_have_it(menu: Menu) -> None:
    cheeses = (
        ModifierOption("a", "Cheddar", aliases=("cheese", "yellow")),
        ModifierOption("b", "Brie", aliases=("cheese",)),
    )
    item = replace(menu.items[3], modifier_groups=(ModifierGroup("g", "Cheeses", 0, 2, cheeses),))

    chosen = choose_modifiers(item, ["yellow"])
    with pytest.raises(Refused) as ambiguous:
        choose_modifiers(item, ["cheese"])
    with pytest.raises(Refused) as unknown:
        choose_modifiers(item, ["yelow"])

    assert [one.option_id for one in chosen] == ["a"]
    assert (ambiguous.value.code, ambiguous.value.allowed) == ("ambiguous_modifier", ("Cheddar", "Brie"))
    assert (unknown.value.code, unknown.value.allowed) == ("unknown_modifier", ("Cheddar",))


def test_an_alias_means_the_only_one_still_on_sale(menu: Menu) -> None:
    items = tuple(replace(item, available=item.id != "i-lasagne" and item.available) for item in menu.items)
    assert find_item(replace(menu, items=items), "pasta").id == "i-carbonara"


def test_an_86d_item_is_refused_with_its_neighbours(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        find_item(menu, "oysters")
    assert refused.value.code == "unavailable_item"
    assert "Burger" in refused.value.allowed
    assert "Margherita" not in refused.value.allowed


def test_an_item_whose_required_choice_cannot_be_made_is_not_for_sale(menu: Menu) -> None:
    group = ModifierGroup("g", "Bread", 1, 1, (ModifierOption("o", "Rye", available=False),))
    assert not orderable(replace(menu.items[3], modifier_groups=(group,)))


def test_two_required_choices_with_one_option_left_refuse_the_item(menu: Menu) -> None:
    meats = (ModifierOption("a", "Chicken"), ModifierOption("b", "Merguez", available=False))
    two = replace(menu.items[3], modifier_groups=(ModifierGroup("g", "Meats", 2, 2, meats),))

    with pytest.raises(Refused) as refused:
        find_item(replace(menu, items=(two,)), "Coke")
    assert refused.value.code == "unavailable_item"


def test_an_item_without_a_size_left_is_not_for_sale(menu: Menu) -> None:
    assert not orderable(replace(menu.items[3], sizes=(ItemSize("s", "", 100, available=False),)))


def test_a_size_must_be_named_when_there_are_several(menu: Menu) -> None:
    with pytest.raises(Refused) as refused:
        choose_size(find_item(menu, "Margherita"), "")
    assert (refused.value.code, refused.value.field) == ("size_needed", "size")
    assert refused.value.allowed == ("Small", "Large")


def test_a_single_size_needs_no_name(menu: Menu) -> None:
    assert choose_size(find_item(menu, "Coke"), "").price_cents == 300


@pytest.mark.parametrize(
    ("item", "size", "code", "allowed"),
    [
        ("Margherita", "Huge", "unknown_size", ("Small", "Large")),
        ("Margherita", "Giant", "unavailable_size", ("Small", "Large")),
        ("Coke", "Large", "unknown_size", ()),
    ],
)
def test_a_size_that_cannot_be_had_is_refused(
    menu: Menu, item: str, size: str, code: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as refused:
        choose_size(find_item(menu, item), size)
    assert (refused.value.code, refused.value.allowed) == (code, allowed)


@pytest.mark.parametrize(
    ("item", "modifiers", "code", "allowed"),
    [
        ("Burger", (), "modifier_needed", ("Rare", "Well done")),
        ("Burger", ("Rare", "Well done"), "too_many_modifiers", ("Rare", "Well done")),
        ("Margherita", ("Olives", "Ham", "Basil"), "too_many_modifiers", ("Olives", "Ham", "Basil")),
        ("Margherita", ("Olives", "olives"), "duplicate_modifier", ()),
        ("Margherita", ("Burrata",), "unavailable_modifier", ("Olives", "Ham", "Basil")),
        ("Margherita", ("Rare",), "unknown_modifier", ("Olives", "Ham", "Basil")),
        ("Margherita", ("Olive",), "unknown_modifier", ("Olives",)),
        ("Coke", ("Olives",), "unknown_modifier", ()),
    ],
)
def test_impossible_modifiers_are_refused_with_what_is_allowed(
    menu: Menu, item: str, modifiers: tuple[str, ...], code: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as refused:
        choose_modifiers(find_item(menu, item), modifiers)
    assert (refused.value.code, refused.value.allowed, refused.value.field) == (code, allowed, "modifiers")


def test_one_option_in_two_groups_may_be_had_from_each(menu: Menu) -> None:
    first = ModifierGroup("g1", "On top", 1, 1, (ModifierOption("a", "Cheese", 100),))
    second = ModifierGroup("g2", "Inside", 0, 1, (ModifierOption("a", "Cheese", 50),))
    item = replace(menu.items[3], modifier_groups=(first, second))
    assert [m.price_cents for m in choose_modifiers(item, ("cheese", "Cheese"))] == [100, 50]


@st.composite
def item_and_wish(draw: st.DrawFn) -> tuple[MenuItem, list[str]]:
    groups = []
    for g in range(draw(st.integers(0, 3))):
        flags = draw(st.lists(st.booleans(), min_size=1, max_size=4))
        options = tuple(ModifierOption(f"o{g}{n}", f"opt {g} {n}", n * 10, flag) for n, flag in enumerate(flags))
        minimum = draw(st.integers(0, len(options)))
        groups.append(ModifierGroup(f"g{g}", f"Group {g}", minimum, draw(st.integers(minimum, len(options))), options))
    item = MenuItem("i", "c", "Item", (ItemSize("s", "", 100),), same_rate(1000), modifier_groups=tuple(groups))
    names = [option.name for group in groups for option in group.options] + ["nothing such"]
    return item, draw(st.lists(st.sampled_from(names), max_size=8))


@given(item_and_wish())
def test_modifiers_are_taken_exactly_when_every_rule_allows_them(case: tuple[MenuItem, list[str]]) -> None:
    item, wish = case
    on_sale = {o.name for group in item.modifier_groups for o in group.options if o.available}
    counts_fit = all(
        group.minimum <= sum(o.name in wish for o in group.options) <= group.maximum for group in item.modifier_groups
    )
    possible = counts_fit and set(wish) <= on_sale and len(set(wish)) == len(wish)

    try:
        chosen = choose_modifiers(item, wish)
    except Refused:
        assert not possible
    else:
        assert possible
        assert {modifier.name for modifier in chosen} == set(wish)


@given(item_and_wish(), st.randoms())
def test_the_order_in_which_modifiers_are_named_does_not_matter(
    case: tuple[MenuItem, list[str]], chance: Random
) -> None:
    item, wish = case
    shuffled = chance.sample(wish, len(wish))
    outcomes = []
    for names in (wish, shuffled):
        try:
            outcomes.append(choose_modifiers(item, names))
        except Refused:
            outcomes.append(())
    assert outcomes[0] == outcomes[1]
