"""What is typed about a menu, read into the domain's types; every error is kept at its field, every text as typed.

A form's rows (sizes, options, ingredients, parts) are lists of fields of the same names, in the order of the page. A
row that is blank everywhere is none.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from werkzeug.datastructures import MultiDict

from domain import allergens
from domain.errors import Refused
from domain.menu import ServedHours
from domain.menu_rules import MAX_NAME, MAX_WORDS
from domain.names import plain_text
from domain.vat import VAT_CLASSES, VatRates, rates_of_class
from web import words
from web.formats import PriceError, parse_price
from web.words import _

SPANS = 2  # hours of its own that a thing may have on a form
_CLOCK = re.compile(r"^([01]?\d|2[0-3])[:hH.]([0-5]\d)$")
_DAY_MINUTES = 24 * 60


class Form:
    """``errors`` by the name of the field; rows count from 0 (``size-price-1``)."""

    def __init__(self, typed: MultiDict[str, str]) -> None:
        self.typed = typed
        self.errors: dict[str, str] = {}

    def text(self, field: str, limit: int = MAX_NAME, *, required: bool = False) -> str:
        return self.clean(self.typed.get(field, ""), field, limit, required=required)

    def clean(self, raw: str, error_at: str, limit: int = MAX_NAME, *, required: bool = False) -> str:
        try:
            text = plain_text(raw, limit, error_at)
        except Refused:
            self.errors[error_at] = _("At most %(limit)s characters, and none that cannot be read out.", limit=limit)
            return ""
        if required and not text:
            self.errors[error_at] = _("Type a name.")
        return text

    def words(self, raw: str, error_at: str) -> tuple[str, ...]:
        """Words between commas, each once."""
        found = tuple(dict.fromkeys(word for part in raw.split(",") if (word := self.clean(part, error_at))))
        if len(found) > MAX_WORDS:
            self.errors[error_at] = _("At most %(limit)s.", limit=MAX_WORDS)
        return found[:MAX_WORDS]

    def cents(self, raw: str, error_at: str, *, blank: int | None = None) -> int:
        """``blank`` is what an empty field means; None where there must be a price."""
        if blank is not None and not raw.strip():
            return blank
        try:
            return parse_price(raw)
        except PriceError as refused:
            self.errors[error_at] = words.price_problems()[refused.reason]
            return 0

    def whole(self, raw: str, error_at: str, low: int, high: int) -> int:
        try:
            number = int(raw)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self.errors[error_at] = _("A whole number from %(low)s to %(high)s.", low=low, high=high)
            return low
        return number

    def percent(self, raw: str, error_at: str) -> int:
        """In basis points."""
        try:
            rate = Decimal(raw.strip().removesuffix("%").strip().replace(",", ".")) * 100
        except InvalidOperation:
            rate = Decimal(-1)
        if not rate.is_finite() or not 0 <= rate <= 10_000 or rate % 1:
            self.errors[error_at] = _("A rate in percent from 0 to 100, like %(example)s.", example=_("5.5"))
            return 0
        return int(rate)

    def rows(self, *fields: str) -> list[tuple[str, ...]]:
        """The rows of these fields; a short list is filled up with blanks, blank rows stay in their place."""
        columns = [self.typed.getlist(field) for field in fields]
        height = min(max(map(len, columns), default=0), 100)
        return [tuple(column[at] if at < len(column) else "" for column in columns) for at in range(height)]

    def vat(self, country: str) -> VatRates:
        chosen = self.typed.get("vat", "")
        for name in VAT_CLASSES:
            rates = rates_of_class(country, name)
            if chosen == name and rates is not None:
                return rates
        return VatRates(
            self.percent(self.typed.get("vat-take-away", ""), "vat-take-away"),
            self.percent(self.typed.get("vat-dine-in", ""), "vat-dine-in"),
        )

    def allergens(self, language: str, before: Sequence[str]) -> tuple[str, ...]:
        """What was there before keeps its words and its order; new ones come in the order of the law."""
        ticked = set(self.typed.getlist("allergen"))
        kept = {code: word for word in before if (code := allergens.code_of(word)) in ticked}
        new = [code for code in allergens.CODES if code in ticked and code not in kept]
        listed = [*kept.values(), *(allergens.word(code, language) for code in new)]
        own = self.words(self.typed.get("other-allergens", ""), "other-allergens")
        return tuple(dict.fromkeys((*listed, *own)))

    def served(self) -> tuple[ServedHours, ...]:
        found = []
        for at in range(SPANS):
            days = sorted({int(day) for day in self.typed.getlist(f"served-{at}-day") if day in set("0123456")})
            opens, closes = self.typed.get(f"served-{at}-from", ""), self.typed.get(f"served-{at}-to", "")
            if not days and not opens.strip() and not closes.strip():
                continue
            start, end = self._clock(opens, f"served-{at}"), self._clock(closes, f"served-{at}")
            if not days:
                self.errors.setdefault(f"served-{at}", _("Choose the days."))
            found.append(ServedHours(tuple(days), start, end if end > start else end + _DAY_MINUTES))
        return tuple(found) if not any(field.startswith("served-") for field in self.errors) else ()

    def _clock(self, raw: str, error_at: str) -> int:
        found = _CLOCK.match(raw.strip())
        if found is None:
            self.errors[error_at] = _("A time like %(example)s.", example="11:30")
            return 0
        return int(found[1]) * 60 + int(found[2])


def id_of(raw: str, known: set[str]) -> str:
    """The id that a form's row names, if it is one of ``known``; a new one otherwise."""
    return raw if raw in known else str(uuid.uuid4())


def is_blank(row: Sequence[str]) -> bool:
    return not any(text.strip() for text in row)


def served_fields(served: Sequence[ServedHours]) -> dict[str, Any]:
    """The form's fields for these hours."""
    fields: dict[str, Any] = {}
    for at, span in enumerate(served[:SPANS]):
        fields[f"served-{at}-day"] = [str(day) for day in span.weekdays]
        fields[f"served-{at}-from"] = clock_text(span.opens)
        fields[f"served-{at}-to"] = clock_text(span.closes)
    return fields


def clock_text(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def percent_text(rate_bp: int, language: str) -> str:
    text = f"{Decimal(rate_bp) / 100:f}"
    return text.replace(".", ",") if language == "fr" else text
