import pytest

from web.formats import PriceError, parse_price

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("12,5", 1250),
        ("12,50", 1250),
        ("12.50", 1250),
        ("12", 1200),
        (" 12,50 € ", 1250),
        ("12,50\u00a0€", 1250),
        ("€9.05", 905),
        ("9 EUR", 900),
        ("0", 0),
        ("1 000", 100_000),
    ],
)
def test_a_price_is_read_the_french_and_the_english_way(typed: str, cents: int) -> None:
    assert parse_price(typed) == cents


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        ("   €", "empty"),
        ("-3", "negative"),
        ("−3,00", "negative"),
        ("douze", "not_a_price"),
        ("12,5,0", "not_a_price"),
        ("12..5", "not_a_price"),
        ("1e3", "not_a_price"),
        ("٣", "not_a_price"),
        ("12,505", "decimals"),
        ("1,200", "decimals"),
        ("1000,01", "too_large"),
        ("9999999", "too_large"),
    ],
)
def test_a_price_that_is_not_clear_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(PriceError) as refused:
        parse_price(typed)

    assert refused.value.reason == reason
