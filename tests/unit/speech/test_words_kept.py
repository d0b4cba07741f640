"""Words beside a dish that may change it are taken or asked about: none is dropped, and none takes a dish away."""

from __future__ import annotations

import pytest

from tests.unit.speech.ordering import TextCall, call_to, cart_is

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "line", "asked"),
    [
        ("Could I have a flat white? And I would like it in a tall cup please.", "1 Flat white", "tall"),
        ("A flat white and may I have it with a zorglub?", "1 Flat white", "zorglub"),
        ("I'd like a flat white with chocolate, please.", "1 Flat white", "chocolate"),
        ("A flat white with oat milk and chocolate", "1 Flat white + Oat milk", "chocolate"),
        ("A flat white, zorgly.", "1 Flat white", "zorgly"),
        ("A flat white with oat milk. And add zorglub too", "1 Flat white + Oat milk", "zorglub"),
        ("A zorgly flat white.|Yes, please, with oat milk and zorgly.", "1 Flat white + Oat milk", "zorgly"),
        ("A zorgly flat white.|Yes, a zorgly flat white with oat milk.", "1 Flat white + Oat milk", "zorgly"),
    ],
)
def test_what_nobody_knows_is_asked_about_and_the_dish_stays(said: str, line: str, asked: str) -> None:
    call = call_to("coffee", *said.split("|"))
    assert cart_is(call.cart, [line]), call.lines
    assert f"{asked} isn't on your order" in call.said


@pytest.mark.parametrize(
    "said",
    [
        "I'd like an upside down oat milk flat white.",
        "Can I get a chocolate flat white?",
        "I want a chocolate flavored flat white",
    ],
)
def test_unknown_words_before_a_dish_are_of_its_name(said: str) -> None:
    call = call_to("coffee", said)
    assert not call.cart.lines
    assert "Flat white instead?" in call.said


@pytest.mark.parametrize(
    ("slug", "said", "lines"),
    [
        ("coffee", "A flat white. I'd like that served at 70 degrees.", ["1 Flat white ; 70 degrees"]),
        ("coffee", "A flat white, and can I get that luke warm?", ["1 Flat white ; luke warm"]),
        ("coffee", "A flat white, almond milk instead of regular milk.", ["1 Flat white + Almond milk"]),
        (
            "coffee",
            "A flat white with oat milk and can I have extra oat milk?",
            ["1 Flat white + Oat milk ; extra oat milk"],
        ),
        ("coffee", "A flat white.|No, could I get that in decaf instead?", ["1 Flat white + Decaf"]),
        ("coffee", "A flat white.|No, I'll take a decaf version of this.", ["1 Flat white + Decaf"]),
        ("coffee", "A flat white.|Let's change it to a decaf drink.", ["1 Flat white + Decaf"]),
        ("coffee", "A flat white.|Could I get a caramel flat white instead?", ["1 Flat white + Caramel syrup"]),
        ("coffee", "A flat white.|Could I get a zorgly flat white instead?|A flat white.", ["1 Flat white"]),
        ("coffee", "An Earl Grey, the grey one.", ["1 Earl Grey"]),
        ("coffee", "I know this is a little weird, but I need a flat white.", ["1 Flat white"]),
        ("deli", "A sesame bagel with hummus, light on the hummus", ["1 Hummus bagel + Sesame bagel ; light hummus"]),
        ("deli", "I need a half dozen latkes", ["1 Latkes [Six]"]),
        ("fournil", "une ficelle, et puis, attendez, oui, deux flans", ["1 Ficelle", "2 Flan"]),
        ("fournil", "Je voudrais réserver une ficelle", ["1 Ficelle"]),
        (
            "brasserie",
            "une soupière et un pichet de muscadet",
            ["1 Soupe de poisson [Soupière]", "1 Muscadet [Pichet]"],
        ),
    ],
)
def test_no_dish_is_lost_or_doubled(slug: str, said: str, lines: list[str]) -> None:
    call = call_to(slug, *said.split("|"))
    assert cart_is(call.cart, lines), call.lines


@pytest.mark.parametrize(
    "said",
    [
        "Two flat whites, one with oat milk and for the other I want almond milk.",
        "Two flat whites. The first one with oat milk, and the second one with almond milk.",
        "Two flat whites. I'd like one of them to be made with oat milk and the other to be made with almond milk.",
        "Two flat whites. One with oat milk and the other almond milk?",
    ],
)
def test_each_of_two_has_its_own(said: str) -> None:
    call = call_to("coffee", said)
    assert cart_is(call.cart, ["1 Flat white + Oat milk", "1 Flat white + Almond milk"]), call.lines


def test_what_is_wished_for_those_of_a_size_is_of_them() -> None:
    call = call_to("coffee", "Four lattes, two large and two small, oat milk in the large ones")
    assert cart_is(call.cart, ["2 Latte [Large] + Oat milk", "2 Latte [Small]"]), call.lines


@pytest.mark.parametrize(
    ("slug", "said", "lines"),
    [
        ("brasserie", "deux profiteroles|enlevez une profiterole", ["1 Profiteroles"]),
        ("coffee", "Two flat whites.|Remove a flat white.", ["1 Flat white"]),
        ("coffee", "Two flat whites.|Take one flat white off.", ["1 Flat white"]),
    ],
)
def test_one_of_several_is_taken_off(slug: str, said: str, lines: list[str]) -> None:
    call = call_to(slug, *said.split("|"))
    assert cart_is(call.cart, lines), call.lines


@pytest.mark.parametrize(
    ("first", "then", "lines"),
    [
        (
            "",
            "One large Margherita and one cheeseburger, please. Sorry, instead of the cheeseburger, I would like two"
            " Caesar salads.",
            {("Margherita", 1), ("Caesar salad", 2)},
        ),
        ("", "A cheeseburger. Sorry, instead of the cheeseburger, two Caesar salads.", {("Caesar salad", 2)}),
        ("", "A cheeseburger, no, a Caesar salad instead of the cheeseburger.", {("Caesar salad", 1)}),
        ("A cheeseburger.", "Instead of the cheeseburger, two Caesar salads.", {("Caesar salad", 2)}),
        ("A cheeseburger.", "Two Caesar salads instead of the cheeseburger.", {("Caesar salad", 2)}),
        (
            "A cheeseburger and a Caesar salad.",
            "A large Margherita instead of the cheeseburger and the Caesar salad.",
            {("Margherita", 1)},
        ),
    ],
)
def test_what_comes_instead_comes_and_what_it_replaces_goes(first: str, then: str, lines: set[tuple[str, int]]) -> None:
    call = TextCall("en")
    if first:
        call.caller(first)
    call.caller(then)
    assert {(item, quantity) for quantity, item, *_ in call.lines} == lines


def test_what_comes_instead_in_french() -> None:
    call = TextCall("fr")
    call.caller("Une grande Reine et un steak haché. Pardon, au lieu du steak haché, deux mousses au chocolat.")
    assert {(item, quantity) for quantity, item, *_ in call.lines} == {("Reine", 1), ("Mousse au chocolat", 2)}
