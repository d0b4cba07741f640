"""Money is integer cents, VAT included. Nothing here or elsewhere computes it with floats."""

from __future__ import annotations

# Spoken names: (one, many, hundredth, hundredths) by language and ISO 4217 code.
_SPOKEN: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "en": {
        "EUR": ("euro", "euros", "cent", "cents"),
        "GBP": ("pound", "pounds", "penny", "pence"),
        "USD": ("dollar", "dollars", "cent", "cents"),
        "CAD": ("dollar", "dollars", "cent", "cents"),
        "CHF": ("franc", "francs", "centime", "centimes"),
    },
    "fr": {
        "EUR": ("euro", "euros", "centime", "centimes"),
        "GBP": ("livre", "livres", "penny", "pence"),
        "USD": ("dollar", "dollars", "cent", "cents"),
        "CAD": ("dollar", "dollars", "cent", "cents"),
        "CHF": ("franc", "francs", "centime", "centimes"),
    },
}
_AND = {"en": "and", "fr": "et"}
_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CAD": "$", "CHF": "CHF"}


def vat_included(gross_cents: int, rate_bp: int) -> int:
    """The VAT contained in ``gross_cents`` at ``rate_bp`` basis points, in cents, rounded half up.

    Raises ValueError for a negative amount or rate.
    """
    if gross_cents < 0 or rate_bp < 0:
        raise ValueError("gross_cents and rate_bp must not be negative")
    divisor = 10_000 + rate_bp
    return (2 * gross_cents * rate_bp + divisor) // (2 * divisor)


def decimal_text(cents: int) -> str:
    """``1450`` as ``"14.50"``: for JSON and prompts, without the currency."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def format_cents(cents: int, currency: str, language: str) -> str:
    """As written for people: ``€14.50`` in English, ``14,50 €`` in French."""
    symbol = _SYMBOLS.get(currency, currency)
    if language.startswith("fr"):
        return f"{decimal_text(cents).replace('.', ',')}\u00a0{symbol}"
    gap = " " if len(symbol) > 1 else ""
    sign = "-" if cents < 0 else ""
    return f"{sign}{symbol}{gap}{decimal_text(abs(cents))}"


def spoken(cents: int, currency: str, language: str) -> str:
    """As said on the phone: ``14 euros 50``, ``14 euros``, ``50 cents``, ``14 euros and 5 cents``.

    Never ``14.50``: speech engines read it as "fourteen point five zero". An unknown currency is said by its code.
    """
    if cents < 0:
        raise ValueError("only amounts of zero or more are spoken")
    language = "fr" if language.startswith("fr") else "en"
    one, many, hundredth, hundredths = _SPOKEN[language].get(currency, (currency, currency, "cent", "cents"))
    whole, rest = divmod(cents, 100)
    small = f"{rest} {hundredth if rest == 1 else hundredths}"
    if whole == 0 and rest:
        return small
    # French counts zero as singular: « 0 euro ».
    large = f"{whole} {one if whole == 1 or (whole == 0 and language == 'fr') else many}"
    if rest == 0:
        return large
    return f"{large} {rest}" if rest >= 10 else f"{large} {_AND[language]} {small}"
