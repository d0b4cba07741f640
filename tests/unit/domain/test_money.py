from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import decimal_text, format_cents, spoken, vat_included

pytestmark = pytest.mark.unit


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_contained_vat_is_the_exact_fraction_rounded_half_up(gross: int, rate: int) -> None:
    exact = Fraction(gross * rate, 10_000 + rate)
    assert vat_included(gross, rate) == (exact + Fraction(1, 2)).__floor__()


def test_a_half_cent_of_vat_is_rounded_up() -> None:
    # 3 cents at 20 % contain exactly half a cent; 9 contain one and a half.
    assert [vat_included(gross, 2000) for gross in (2, 3, 9, 1200)] == [0, 1, 2, 200]


def test_an_amount_is_written_with_two_decimals_and_nothing_is_not_negative() -> None:
    assert [decimal_text(cents) for cents in (0, 5, 100, 1450, -5, -1450)] == [
        "0.00",
        "0.05",
        "1.00",
        "14.50",
        "-0.05",
        "-14.50",
    ]


@pytest.mark.parametrize(("gross", "rate"), [(-1, 1000), (100, -1)])
def test_negative_amounts_have_no_vat(gross: int, rate: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        vat_included(gross, rate)


@pytest.mark.parametrize(
    ("cents", "currency", "language", "said"),
    [
        (1450, "EUR", "en", "14 euros 50"),
        (1450, "EUR", "fr", "14 euros 50"),
        (1400, "EUR", "en", "14 euros"),
        (100, "EUR", "en", "1 euro"),
        (150, "GBP", "en", "1 pound 50"),
        (1405, "EUR", "en", "14 euros and 5 cents"),
        (1405, "EUR", "fr", "14 euros et 5 centimes"),
        (50, "EUR", "fr", "50 centimes"),
        (1, "GBP", "en", "1 penny"),
        (0, "EUR", "en", "0 euros"),
        (0, "EUR", "fr", "0 euro"),
        (1250, "SEK", "en", "12 SEK 50"),
    ],
)
def test_money_is_said_without_a_decimal_point(cents: int, currency: str, language: str, said: str) -> None:
    assert spoken(cents, currency, language) == said


@given(st.integers(0, 10**7), st.sampled_from(["EUR", "GBP", "USD"]), st.sampled_from(["en", "fr"]))
def test_two_different_amounts_are_never_said_alike(cents: int, currency: str, language: str) -> None:
    assert spoken(cents, currency, language) != spoken(cents + 1, currency, language)
    assert "." not in spoken(cents, currency, language)


def test_money_is_written_as_the_language_writes_it() -> None:
    assert format_cents(1450, "EUR", "en") == "€14.50"
    assert format_cents(1450, "EUR", "fr") == "14,50\u00a0€"
    assert format_cents(-5, "CHF", "en") == "-CHF 0.05"
    assert decimal_text(1405) == "14.05"
    assert decimal_text(-5) == "-0.05"
