"""Value added tax: an item's rates by how it is eaten, and what the law of some countries says they are.

The restaurateur's own rates always win: whether a salad is a meal or a packed cold dish is between them and
their tax office. The tables here are for a menu that only names the class of its dishes, and for the one rate
that nobody enters, the delivery fee's. All rates are in basis points: 1000 is 10 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from domain.order import FulfilmentKind

NO_COUNTRY = "ZZ"  # ISO 3166 leaves it for "unknown": no VAT is taken where we don't know whose

VatClass = Literal["meal", "packaged", "soft_drink", "alcohol"]
VAT_CLASSES: tuple[VatClass, ...] = get_args(VatClass)


@dataclass(frozen=True, slots=True)
class VatRates:
    """What an item bears when it leaves the restaurant, and when it is eaten there."""

    take_away_bp: int
    dine_in_bp: int

    def rate_bp(self, kind: FulfilmentKind) -> int:
        """Pickup and delivery are both take-away."""
        return self.dine_in_bp if kind == "dine_in" else self.take_away_bp


def same_rate(rate_bp: int) -> VatRates:
    return VatRates(rate_bp, rate_bp)


# Standard rates in force at the end of 2026, from the European Commission's "VAT rates applied in the Member
# States" and, outside the Union, each country's own VAT act. The latest changes in it: Finland 25.5 % since
# September 2024, Slovakia 23 % since January 2025, Estonia 24 % since July 2025, Romania 21 % since August 2025.
_STANDARD_BP = {
    "AT": 2000,
    "BE": 2100,
    "BG": 2000,
    "CH": 810,  # Bundesbeschluss AHV 21, since January 2024
    "CY": 1900,
    "CZ": 2100,
    "DE": 1900,
    "DK": 2500,
    "EE": 2400,
    "ES": 2100,
    "FI": 2550,
    "FR": 2000,  # Code général des impôts, article 278
    "GB": 2000,
    "GF": 0,  # CGI article 294: no VAT in French Guiana and Mayotte
    "GP": 850,  # CGI article 296: Guadeloupe, Martinique, Réunion
    "GR": 2400,
    "HR": 2500,
    "HU": 2700,
    "IE": 2300,  # VAT Consolidation Act 2010, section 46(1)(a)
    "IS": 2400,
    "IT": 2200,
    "LI": 810,
    "LT": 2100,
    "LU": 1700,
    "LV": 2100,
    "MC": 2000,  # as in France, by the convention of 1963
    "MQ": 850,
    "MT": 1800,
    "NL": 2100,
    "NO": 2500,
    "PL": 2300,
    "PT": 2300,  # the mainland; Madeira and the Azores have lower rates
    "RE": 850,
    "RO": 2100,
    "SE": 2500,
    "SI": 2200,
    "SK": 2300,
    "YT": 0,
}

# Only countries whose rules are certain; elsewhere the menu must give numbers.
_CLASSES: dict[str, dict[VatClass, VatRates]] = {
    "FR": {
        # CGI article 279 m: what is eaten on the premises, alcohol excepted; 279 n: prepared food to take away or
        # delivered, for immediate consumption. Both 10 %.
        "meal": same_rate(1000),
        # CGI article 278-0 bis A 1°: food and drink in a container that keeps, 5.5 % when taken away.
        "packaged": VatRates(550, 1000),
        "soft_drink": VatRates(550, 1000),
        # Articles 278-0 bis, 279 m and 279 n all exclude alcohol, which leaves article 278.
        "alcohol": same_rate(2000),
    },
    "IE": {
        # Finance Act 2025: restaurant and catering services and hot take-away food at 9 % since 1 July 2026.
        "meal": same_rate(900),
        # VAT Consolidation Act 2010, Schedule 2 paragraph 8: food that is supplied cold to take away, zero-rated;
        # served in the course of catering it is a meal. Cakes, biscuits, crisps and ice cream have other rates.
        "packaged": VatRates(0, 900),
        # The reduced rates exclude alcohol, soft drinks and bottled water, in the restaurant too.
        "soft_drink": same_rate(2300),
        "alcohol": same_rate(2300),
    },
    "DE": {
        # Umsatzsteuergesetz § 12 (2) no. 15 since January 2026: food at 7 % eaten in or taken away, drinks excluded.
        "meal": same_rate(700),
        "packaged": same_rate(700),
        "soft_drink": same_rate(1900),
        "alcohol": same_rate(1900),
    },
    "GB": {
        # VAT Act 1994, Schedule 8 Group 1: food is zero-rated except in the course of catering, which is all that
        # is eaten on the premises and hot food to take away; excepted items 3 and 4: alcohol and soft drinks.
        "meal": same_rate(2000),
        "packaged": VatRates(0, 2000),
        "soft_drink": same_rate(2000),
        "alcohol": same_rate(2000),
    },
}
_CLASSES["MC"] = _CLASSES["FR"]


def standard_rate_bp(country: str) -> int:
    """The standard rate of an ISO 3166 alpha-2 country, which a delivery fee bears; 0 where we know of no VAT."""
    return _STANDARD_BP.get(country, 0)


def rates_of_class(country: str, name: VatClass) -> VatRates | None:
    """None for a country whose classes are not known here."""
    return _CLASSES.get(country, {}).get(name)


def countries_with_classes() -> tuple[str, ...]:
    return tuple(_CLASSES)
