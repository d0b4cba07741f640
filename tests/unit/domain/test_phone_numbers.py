import pytest

from domain.phone_numbers import InvalidNumberError, one_form

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "spelling",
    [
        *("+33465710042", "0033465710042", "0465710042", "33465710042", "tel:+33465710042"),
        *(
            "+33 4 65 71 00 42",
            "04.65.71.00.42",
            "+33 (0)4 65 71 00 42",
            "(04) 65-71-00-42",
            "04\u00a065\u00a071 00 42",
        ),
    ],
)
def test_the_spellings_of_a_french_number_are_one(spelling: str) -> None:
    assert one_form(spelling, "FR") == "+33465710042"


@pytest.mark.parametrize(
    ("spelling", "country", "number"),
    [
        ("020 911 0042", "IE", "+353209110042"),
        ("06 1234 5678", "IT", "+390612345678"),  # Italy keeps its 0
        ("612 34 56 78", "ES", "+34612345678"),
        ("34612345678", "ES", "+34612345678"),
        ("06 1 234 5678", "HU", "+3612345678"),
        ("(212) 555-0142", "US", "+12125550142"),
        ("1-212-555-0142", "US", "+12125550142"),
        ("+81 3 1234 5678", "FR", "+81312345678"),
    ],
)
def test_a_national_number_is_the_restaurants_countrys(spelling: str, country: str, number: str) -> None:
    assert one_form(spelling, country) == number


@pytest.mark.parametrize("name", ["200", "pizzeria", "chez-margot", "4711"])
def test_an_extension_or_an_account_stays_as_it_is(name: str) -> None:
    assert one_form(name, "FR") == name


@pytest.mark.parametrize(
    ("text", "country"), [("", "FR"), ("465710042", "FR"), ("+123", "FR"), ("04 65 71 00 42", "XX"), ("a b", "FR")]
)
def test_what_cannot_be_dialled_is_refused_and_the_field_named(text: str, country: str) -> None:
    with pytest.raises(InvalidNumberError, match=r"^number: "):
        one_form(text, country)
