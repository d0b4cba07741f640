"""What restaurants sell beside plain items: included options, amounts, ingredients, choices inside choices, halves,
combos; every sum exact to the cent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import carts
from domain.errors import Refused
from domain.lines import halves_cents
from domain.menu import (
    HALVES_RULES,
    ComboChoice,
    ComboPart,
    HalvesRule,
    Ingredient,
    ItemSize,
    Menu,
    MenuCategory,
    MenuItem,
    ModifierGroup,
    ModifierOption,
)
from domain.menu_rules import problems
from domain.modifiers import choices_of, choose_modifiers
from domain.order import Cart, CartLine
from domain.shares import divided
from domain.vat import VatRates, same_rate

pytestmark = pytest.mark.unit

MEAL, DRINK, WINE = same_rate(1000), VatRates(550, 1000), same_rate(2000)

SAUCES = ModifierGroup(
    "g-sauce",
    "Sauces",
    0,
    3,
    (
        ModifierOption("o-ketchup", "Ketchup", 50),
        ModifierOption("o-mayo", "Mayonnaise", 50, aliases=("mayo",)),
        ModifierOption("o-truffle", "Truffle sauce", 120),
    ),
    included=2,
    amounts=("light", "extra", "side"),
    light_percent=50,
    extra_percent=150,
)
DRESSING = ModifierGroup(
    "g-dress", "Dressing", 1, 1, (ModifierOption("o-oil", "Oil"), ModifierOption("o-vin", "Vinaigrette", 30))
)
SIDE = ModifierGroup(
    "g-side",
    "Side",
    1,
    1,
    (ModifierOption("o-chips", "Chips"), ModifierOption("o-salad", "Salad", 100, groups=(DRESSING,))),
)
TOPPINGS = ModifierGroup(
    "g-top", "Toppings", 0, 2, (ModifierOption("o-olives", "Olives", 100), ModifierOption("o-ham", "Ham", 151))
)


def sizes(item: str, small: int, large: int) -> tuple[ItemSize, ...]:
    return (ItemSize(f"{item}-s", "Small", small), ItemSize(f"{item}-l", "Large", large))


def one(item: str, cents: int) -> tuple[ItemSize, ...]:
    return (ItemSize(f"{item}-1", "", cents),)


BURGER = MenuItem(
    "i-burger",
    "c-main",
    "Burger",
    one("burger", 1000),
    MEAL,
    modifier_groups=(SAUCES, SIDE),
    ingredients=(
        Ingredient("n-onion", "Onions", 40, aliases=("onion",)),
        Ingredient("n-bun", "Bun", removable=False),
        Ingredient("n-cheese", "Cheese", 100),
    ),
)
MENU = Menu(
    "r-1",
    "EUR",
    "en",
    (MenuCategory("c-pizza", "Pizzas", 0, "dearer"), MenuCategory("c-main", "Mains", 1)),
    (
        MenuItem("i-marg", "c-pizza", "Margherita", sizes("m", 900, 1201), MEAL, modifier_groups=(TOPPINGS,)),
        MenuItem("i-regina", "c-pizza", "Regina", sizes("r", 1100, 1500), MEAL, modifier_groups=(TOPPINGS,)),
        BURGER,
        MenuItem("i-fries", "c-main", "Fries", sizes("f", 300, 450), MEAL, modifier_groups=(SAUCES,)),
        MenuItem("i-cola", "c-main", "Cola", sizes("c", 250, 350), DRINK),
        MenuItem("i-wine", "c-main", "Wine", one("w", 500), WINE),
        MenuItem(
            "i-meal",
            "c-main",
            "Meal",
            sizes("meal", 1390, 1590),
            MEAL,
            combo=(
                ComboPart("p-main", "Main", (ComboChoice("i-burger"), ComboChoice("i-marg", 200))),
                ComboPart("p-side", "Side dish", (ComboChoice("i-fries"),)),
                ComboPart("p-drink", "Drink", (ComboChoice("i-cola"), ComboChoice("i-wine", 150))),
            ),
        ),
    ),
)


def cart() -> Cart:
    return carts.new_cart(MENU, "00000000-0000-4000-8000-000000000001")


def line_of(item: str, *modifiers: str, size: str = "", menu: Menu = MENU) -> CartLine:
    return carts.add(cart(), menu, item, size, modifiers).lines[0]


def refusal(item: str, *modifiers: str, size: str = "") -> Refused:
    with pytest.raises(Refused) as refused:
        line_of(item, *modifiers, size=size)
    return refused.value


def priced(line: CartLine) -> dict[str, int]:
    return {modifier.name: modifier.price_cents for modifier in line.modifiers}


def test_the_menu_of_these_tests_is_a_menu_that_can_be_sold_from() -> None:
    assert problems(MENU) == ()


# Included, then priced


@pytest.mark.parametrize("order", [("Ketchup", "mayo", "Truffle sauce"), ("Truffle sauce", "Ketchup", "mayo")])
def test_the_dearest_are_the_included_ones_in_whatever_order_they_are_said(order: tuple[str, ...]) -> None:
    line = line_of("Burger", "Chips", *order)

    assert priced(line) == {"Ketchup": 0, "Mayonnaise": 50, "Truffle sauce": 0, "Chips": 0}
    assert line.unit_cents == 1050


def test_more_of_an_included_option_costs_the_difference() -> None:
    assert priced(line_of("Burger", "Chips", "extra truffle sauce"))["extra Truffle sauce"] == 60


@given(st.lists(st.sampled_from(["Ketchup", "Mayonnaise", "Truffle sauce"]), unique=True), st.integers(0, 4))
def test_included_options_never_cost_more_than_if_none_were_and_the_rest_is_the_cheapest(
    names: list[str], included: int
) -> None:
    item = replace(BURGER, modifier_groups=(replace(SAUCES, included=included),), ingredients=())

    cents = sum(modifier.price_cents for modifier in choose_modifiers(item, names))

    prices = sorted(option.price_cents for option in SAUCES.options if option.name in names)
    assert cents == sum(prices[: max(0, len(prices) - included)])


# Amounts


@pytest.mark.parametrize(
    ("said", "name", "cents"),
    [
        ("light ketchup", "light Ketchup", 25),
        ("extra ketchup", "extra Ketchup", 75),
        ("ketchup on the side", "Ketchup on the side", 50),
        ("a little mayo", "light Mayonnaise", 25),
    ],
)
def test_an_amount_is_priced_by_the_groups_rule_and_stands_in_the_name(said: str, name: str, cents: int) -> None:
    item = replace(BURGER, modifier_groups=(replace(SAUCES, included=0),))

    (modifier,) = choose_modifiers(item, [said])

    assert (modifier.name, modifier.price_cents) == (name, cents)
    assert choose_modifiers(item, choices_of([modifier])) == (modifier,)


def test_an_amount_that_the_menu_does_not_have_is_refused_and_extra_of_an_addition_is_the_addition() -> None:
    assert refusal("Margherita", "light olives", size="Small").code == "amount_not_offered"
    assert priced(line_of("Margherita", "extra olives", size="Small")) == {"Olives": 100}


def test_in_french_an_amount_is_said_and_written_in_french() -> None:
    french = replace(MENU, language="fr")

    line = line_of("Burger", "Chips", "ketchup à part", "sans onions", menu=french)

    assert set(priced(line)) == {"Chips", "Ketchup à part", "sans Onions"}


# Ingredients


def test_what_comes_with_a_dish_can_be_left_out_or_had_more_of() -> None:
    line = line_of("Burger", "Chips", "no onion", "extra cheese")

    assert priced(line) == {"Chips": 0, "no Onions": 0, "extra Cheese": 100}
    assert line.unit_cents == 1100


def test_what_does_not_come_with_it_is_no_note_but_a_refusal() -> None:
    refused = refusal("Burger", "Chips", "no tomato")

    assert (refused.code, refused.subject) == ("unknown_modifier", "no tomato")


def test_what_cannot_be_left_out_is_said_with_what_can() -> None:
    refused = refusal("Burger", "Chips", "no bun")

    assert (refused.code, refused.allowed) == ("ingredient_stays", ("Onions", "Cheese"))


def test_the_last_word_about_an_ingredient_counts() -> None:
    first = carts.add(cart(), MENU, "Burger", "", ("Chips", "no onion"))

    back = carts.change(first, MENU, 1, add_modifiers=("onions",))
    without = carts.change(back, MENU, 1, remove_modifiers=("Cheese",))
    regular = carts.change(without, MENU, 1, remove_modifiers=("no Cheese",))

    assert priced(back.lines[0]) == {"Chips": 0}
    assert priced(without.lines[0]) == {"Chips": 0, "no Cheese": 0}
    assert priced(regular.lines[0]) == {"Chips": 0}


# Choices inside of choices


def test_an_option_asks_for_what_is_to_be_chosen_inside_of_it() -> None:
    refused = refusal("Burger", "Salad")
    line = line_of("Burger", "Vinaigrette", "Salad")

    assert (refused.code, refused.subject, refused.allowed) == ("modifier_needed", "Dressing", ("Oil", "Vinaigrette"))
    assert priced(line) == {"Salad": 100, "Vinaigrette": 30}
    assert [modifier.within_id for modifier in line.modifiers] == ["", "o-salad"]


def test_what_is_inside_of_an_option_goes_with_it() -> None:
    salad = carts.add(cart(), MENU, "Burger", "", ("Salad", "Oil"))

    chips = carts.change(salad, MENU, 1, remove_modifiers=("Salad",), add_modifiers=("Chips",))

    assert priced(chips.lines[0]) == {"Chips": 0}
    assert refusal("Burger", "Chips", "Oil").code == "unknown_modifier"


# Halves


def halves(
    rule: HalvesRule = "dearer", *, on: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()), size: str = "Large"
) -> CartLine:
    categories = (replace(MENU.categories[0], halves=rule), MENU.categories[1])
    menu = replace(MENU, categories=categories)
    return carts.add_halves(cart(), menu, ("Margherita", "Regina"), size, (), on).lines[0]


@pytest.mark.parametrize(("rule", "cents"), [("dearer", 1500), ("average", 1351), ("half_each", 1351)])
def test_two_halves_are_priced_by_the_categorys_rule(rule: HalvesRule, cents: int) -> None:
    line = halves(rule)

    assert line.unit_cents == cents
    assert line.item_name == "half Margherita, half Regina"
    assert sum(part.cents for part in line.parts) == cents


def test_what_is_on_one_half_is_said_with_it_and_counts_in_its_price() -> None:
    line = halves("average", on=(("Ham",), ()))

    assert [modifier.name for modifier in line.modifiers] == ["Ham on the Margherita half"]
    assert line.unit_cents == (1201 + 151 + 1500) // 2


@pytest.mark.parametrize("pair", [("Margherita", "Burger"), ("Margherita", "Margherita"), ("Burger", "Fries")])
def test_what_is_no_pair_of_halves_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        carts.add_halves(cart(), MENU, pair, "Large")

    assert refused.value.code in ("halves_not_offered", "unknown_size")


@given(st.sampled_from(HALVES_RULES), st.integers(0, 100_000), st.integers(0, 100_000))
def test_halves_cost_at_least_the_cheaper_and_at_most_the_dearer_whole(rule: HalvesRule, a: int, b: int) -> None:
    cents = halves_cents(rule, a, b)

    assert min(a, b) <= cents <= max(a, b) + 1
    assert cents == halves_cents(rule, b, a)
    assert a != b or cents in (a, a + a % 2)


# Combos


def test_a_combo_is_its_price_and_its_size_goes_over_to_the_parts() -> None:
    line = line_of("Meal", "Burger", "Cola", "Chips", size="Large")

    assert line.unit_cents == 1590
    assert [(part.item_name, part.size_name) for part in line.parts] == [
        ("Burger", ""),
        ("Fries", "Large"),
        ("Cola", "Large"),
    ]
    assert [modifier.name for modifier in line.modifiers] == ["Burger", "Chips", "Fries", "Cola"]


def test_what_costs_more_is_added_to_its_part_and_so_are_a_parts_own_choices() -> None:
    plain = line_of("Meal", "Burger", "Cola", "Salad", "Vinaigrette", "no onions", size="Small")
    wine = line_of("Meal", "Burger", "Wine", "Chips", size="Small")

    assert plain.unit_cents == 1390 + 100 + 30
    assert wine.unit_cents == 1390 + 150
    assert "no Onions" in priced(plain)


def test_a_part_that_nobody_chose_is_asked_for() -> None:
    refused = refusal("Meal", "Burger", "Chips", size="Small")

    assert (refused.code, refused.subject, refused.allowed) == ("modifier_needed", "Drink", ("Cola", "Wine"))


def test_a_combo_is_sold_out_with_its_only_side_dish() -> None:
    items = tuple(replace(item, available=item.name != "Fries") for item in MENU.items)

    with pytest.raises(Refused) as refused:
        line_of("Meal", "Burger", "Cola", "Chips", size="Small", menu=replace(MENU, items=items))

    assert refused.value.code == "unavailable_item"


def test_each_part_of_a_combo_bears_its_own_vat() -> None:
    meal = carts.add(cart(), MENU, "Meal", "Small", ("Burger", "Wine", "Chips"), 2)

    sums = carts.totals(meal, "FR")

    rates = {share.rate_bp: share.gross_cents for share in sums.vat}
    wine = next(part.cents for part in meal.lines[0].parts if part.item_name == "Wine")
    assert set(rates) == {1000, 2000}
    assert rates[2000] == 2 * wine
    assert sum(rates.values()) == meal.total_cents


def test_a_combo_of_three_equal_parts_sums_to_its_price() -> None:
    assert divided(5000, (1, 1, 1)) == (1667, 1667, 1666)


def test_a_line_of_parts_changes_its_quantity_and_nothing_else() -> None:
    meal = carts.add(cart(), MENU, "Meal", "Small", ("Burger", "Cola", "Chips"))

    assert carts.change(meal, MENU, 1, quantity=3).total_cents == 3 * 1390
    with pytest.raises(Refused) as refused:
        carts.change(meal, MENU, 1, size_name="Large")
    assert refused.value.code == "line_of_parts"


# What the menu does to a cart meanwhile


@pytest.mark.parametrize("kind", ["halves", "combo", "plain"])
def test_a_line_is_the_same_at_the_same_menu_and_repriced_at_another(kind: str) -> None:
    before = {
        "halves": lambda: carts.add_halves(
            cart(), MENU, ("Margherita", "Regina"), "Large", ("Olives",), (("Ham",), ())
        ),
        "combo": lambda: carts.add(cart(), MENU, "Meal", "Large", ("Burger", "Wine", "Salad", "Oil", "no onions")),
        "plain": lambda: carts.add(cart(), MENU, "Burger", "", ("Salad", "Oil", "extra ketchup", "no onions")),
    }[kind]()
    dearer = tuple(
        replace(item, sizes=tuple(replace(size, price_cents=size.price_cents + 100) for size in item.sizes))
        for item in MENU.items
    )

    same, gone, repriced = carts.refreshed(before, MENU)
    now, _, changed = carts.refreshed(before, replace(MENU, items=dearer))

    assert (same, gone, repriced) == (before, (), ())
    assert changed == (before.lines[0].item_name,)
    assert now.lines[0].unit_cents == before.lines[0].unit_cents + 100
    assert [m.name for m in now.lines[0].modifiers] == [m.name for m in before.lines[0].modifiers]


@given(st.integers(0, 1_000_000), st.lists(st.integers(0, 50_000), min_size=1, max_size=8))
def test_a_division_loses_no_cent_and_is_never_more_than_a_cent_off(total: int, weights: list[int]) -> None:
    shares = divided(total, weights)

    whole = sum(weights) or len(weights)
    used = weights if any(weights) else [1] * len(weights)
    assert sum(shares) == total
    assert all(abs(share * whole - total * weight) < whole for share, weight in zip(shares, used, strict=True))


@given(
    st.sampled_from(["Small", "Large"]),
    st.sampled_from(["Cola", "Wine"]),
    st.lists(st.sampled_from(["Ketchup", "extra mayo", "Truffle sauce", "no onions", "extra cheese"]), unique=True),
    st.integers(1, 50),
)
def test_whatever_a_combo_is_made_of_its_parts_and_its_vat_sum_to_its_price(
    size: str, drink: str, extras: list[str], quantity: int
) -> None:
    limits = type("Limits", (), {"max_order_cents": 10**9, "max_order_items": 1000})()
    meal = carts.add(cart(), MENU, "Meal", size, ("Burger", drink, "Chips", *extras), quantity, limits=limits)
    (line,) = meal.lines

    assert sum(part.cents for part in line.parts) == line.unit_cents
    assert sum(cents for _, cents in line.shares) == line.total_cents == meal.total_cents
    sums = carts.totals(meal, "FR")
    assert sum(share.gross_cents for share in sums.vat) == sums.total_cents
