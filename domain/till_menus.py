"""A till's menu, in our terms and by the till's own codes; each adapter reads its provider's into this.

A code names one thing of its kind for good: by it what a till sells is found again when its name has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from domain.vat import VatRates

Reason = Literal[
    "no_name",
    "no_price",
    "no_options",
    "below_zero",
    "again",
    "deeper",
    "hours",
    "tag",
    "allergens",
    "free_text",
    "tax_on_top",
    "several_places",
    "renamed",
    "cut",
]
LossKind = Literal["menu", "category", "item", "size", "group", "option"]


class TillCode(NamedTuple):
    """``within`` is where the till has it, for those that ask for that, too (Toast's groups)."""

    code: str
    within: str = ""


class Loss(msgspec.Struct, frozen=True):
    """What of a till's menu has no place in ours; ``detail`` is in the till's words."""

    kind: LossKind
    name: str
    reason: Reason
    detail: str = ""


class TillOption(msgspec.Struct, frozen=True, kw_only=True):
    """``groups`` are the codes of those to be chosen from when it is."""

    code: str
    name: str
    price_cents: int = 0
    within: str = ""
    off: bool = False
    off_until: datetime | None = None
    groups: tuple[str, ...] = ()


class TillGroup(msgspec.Struct, frozen=True, kw_only=True):
    """``maximum`` None is as many as there are options."""

    code: str
    name: str
    options: tuple[TillOption, ...]
    minimum: int = 0
    maximum: int | None = None


class TillSize(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is "" where there is one size; the price is with VAT."""

    code: str
    price_cents: int
    name: str = ""
    within: str = ""
    off: bool = False
    off_until: datetime | None = None


class TillItem(msgspec.Struct, frozen=True, kw_only=True):
    """``allergens`` are codes of ``domain.allergens``, or words for what is none of them; empty where the till says
    nothing. ``diets`` are of ``DIETS``. ``vat`` None where the till does not say it as we need it."""

    code: str
    name: str
    category: str
    sizes: tuple[TillSize, ...]
    description: str = ""
    allergens: tuple[str, ...] = ()
    diets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    vat: VatRates | None = None


class TillCategory(msgspec.Struct, frozen=True):
    code: str
    name: str


class TillMenu(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which the till shows it. ``losses`` are what its adapter could not say."""

    categories: tuple[TillCategory, ...]
    items: tuple[TillItem, ...]
    groups: tuple[TillGroup, ...] = ()
    losses: tuple[Loss, ...] = ()


DIETS: dict[str, tuple[str, str]] = {
    "vegan": ("vegan", "végan"),
    "vegetarian": ("vegetarian", "végétarien"),
    "halal": ("halal", "halal"),
    "kosher": ("kosher", "casher"),
    "organic": ("organic", "bio"),
    "alcohol": ("with alcohol", "avec alcool"),
}
"""In English and French."""


def sold_in(menu: TillMenu) -> Iterator[TillSize | TillOption]:
    """What a code can be ordered by: sizes and options."""
    for item in menu.items:
        yield from item.sizes
    for group in menu.groups:
        yield from group.options
