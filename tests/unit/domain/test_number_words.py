import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.number_words import spoken_numbers

pytestmark = pytest.mark.unit

ENGLISH = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
ENGLISH_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
FRENCH = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
]
FRENCH_TENS = ["", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt"]
BELGIAN_TENS = [*FRENCH_TENS[:7], "septante", "quatre-vingt", "nonante"]


def in_english(number: int) -> str:
    if number < 20:
        return ENGLISH[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return f"{ENGLISH_TENS[tens]}-{ENGLISH[unit]}" if unit else ENGLISH_TENS[tens]
    size, word = (1000, "thousand") if number >= 1000 else (100, "hundred")
    head, rest = divmod(number, size)
    glue = " and " if rest < 100 else ", "
    return f"{in_english(head)} {word}" + (f"{glue}{in_english(rest)}" if rest else "")


def in_french(number: int, tens_words: list[str] = FRENCH_TENS) -> str:
    if number < 20:
        return FRENCH[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        if tens in (7, 9) and tens_words is FRENCH_TENS:
            tens, unit = tens - 1, unit + 10
        if unit in (1, 11) and tens != 8:
            return f"{tens_words[tens]} et {FRENCH[unit]}"
        if tens == 8 and not unit:
            return "quatre-vingts"
        return f"{tens_words[tens]}-{FRENCH[unit]}" if unit else tens_words[tens]
    size, word = (1000, "mille") if number >= 1000 else (100, "cent")
    head, rest = divmod(number, size)
    said = word if head == 1 else f"{in_french(head, tens_words)} {word}"
    if word == "cent" and head > 1 and not rest:
        said += "s"
    return said + (f" {in_french(rest, tens_words)}" if rest else "")


@given(st.integers(0, 999_999))
def test_an_english_number_in_words_is_read_whole(number: int) -> None:
    assert spoken_numbers(in_english(number), "en") == str(number)


@given(st.integers(0, 999_999))
def test_a_french_number_in_words_is_read_whole(number: int) -> None:
    assert spoken_numbers(in_french(number), "fr") == str(number)


@given(st.integers(0, 999_999))
def test_a_number_as_said_in_belgium_is_read_whole(number: int) -> None:
    assert spoken_numbers(in_french(number, BELGIAN_TENS), "fr") == str(number)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Thirty-three euros fifty", "33 euros 50"),
        ("twenty one fifty", "21 50"),
        ("a hundred and two, a Cola", "102 a cola"),
        ("fifteen hundred", "1500"),
        ("two pizzas and three colas", "2 pizzas and 3 colas"),
        ("one hundred and no more", "100 and no more"),
        ("D thirteen", "d 13"),
        ("D one three", "d 1 3"),
        ("twenty ten", "20 10"),
        ("it is 33.50", "it is 33 50"),
        ("seventy five thousand zero eleven", "75000 0 11"),
        ("", ""),
    ],
)
def test_english_numbers_are_read_inside_what_else_is_said(said: str, read: str) -> None:
    assert spoken_numbers(said, "en") == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("quatre-vingt-douze", "92"),
        ("soixante-dix-sept", "77"),
        ("soixante et onze", "71"),
        ("nonante-neuf", "99"),
        ("vingt et une pizzas et une eau", "21 pizzas et 1 eau"),
        ("soixante-quinze zéro onze", "75 0 11"),
        ("soixante-quinze mille onze", "75011"),
        ("neuf euros cinquante", "9 euros 50"),
        ("vingt et deux", "20 et 2"),
        ("vingt cents", "20 cents"),
        ("deux cents euros", "200 euros"),
        ("mille deux cents", "1200"),
        ("une margherita", "1 margherita"),
        ("Ça fait 33,50 €", "ca fait 33 50"),
    ],
)
def test_french_numbers_are_read_inside_what_else_is_said(said: str, read: str) -> None:
    assert spoken_numbers(said, "fr-FR") == read


@given(st.text(max_size=60), st.sampled_from(["en", "fr"]))
def test_reading_what_was_read_changes_nothing(text: str, language: str) -> None:
    once = spoken_numbers(text, language)

    assert spoken_numbers(once, language) == once
