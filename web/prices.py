"""Reads a price as people type it, in French or in English, and never guesses."""

import re
from decimal import Decimal

MAX_PRICE_CENTS = 100_000

_CURRENCY = re.compile(r"(€|EUR|£|GBP|\$|USD)", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_NUMBER = re.compile(r"^([0-9]{1,7})(?:[.,]([0-9]{1,2}))?$")
_TOO_MANY_DECIMALS = re.compile(r"^[0-9]+[.,][0-9]{3,}$")


class PriceError(ValueError):
    """A price that is refused. ``reason`` is one of the keys of the page's messages (see web/menu.py)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def parse_price(text: str) -> int:
    """``"12,5"``, ``"12.50 €"`` or ``"€12"`` in cents (1250, 1250, 1200).

    A comma and a point are both decimal marks; thousands are not marked, because "1,200" means two different
    amounts on the two sides of the Channel. Raises PriceError with reason ``empty``, ``negative``,
    ``not_a_price``, ``decimals`` or ``too_large``.
    """
    bare = _SPACES.sub("", _CURRENCY.sub("", text))
    if not bare:
        raise PriceError("empty")
    if bare[0] in "-−–":
        raise PriceError("negative")
    found = _NUMBER.match(bare)
    if found is None:
        raise PriceError("decimals" if _TOO_MANY_DECIMALS.match(bare) else "not_a_price")
    cents = int(Decimal(f"{found[1]}.{found[2] or '0'}") * 100)
    if cents > MAX_PRICE_CENTS:
        raise PriceError("too_large")
    return cents
