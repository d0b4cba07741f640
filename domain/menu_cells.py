"""One row of a menu's spreadsheet: what stands in its cells, and what is wrong there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from domain.errors import Refused
from domain.menu import ServedHours
from domain.menu_rules import MAX_NAME
from domain.names import fold, plain_text

Reason = Literal[
    "unknown_row",
    "no_header",
    "column_twice",
    "no_place",
    "no_name",
    "text",
    "price",
    "percent",
    "number",
    "yes_no",
    "hours",
    "halves",
    "amounts",
    "unknown_choice",
    "unknown_item",
    "too_many_rows",
    "rule",
]

PRICE = re.compile(r"^([0-9]{1,7})(?:[.,]([0-9]{1,2}))?$")
_SPAN = re.compile(r"^([1-7]+) ([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])$")


class RowError(NamedTuple):
    """``row`` as the spreadsheet counts it, the header being 1; ``value`` is what stands there."""

    row: int
    column: str
    reason: Reason
    value: str = ""


class Row:
    """The cells by their column. A cell that says nothing of its kind is among ``errors``, and read as blank."""

    def __init__(self, number: int, cells: Mapping[str, str], errors: list[RowError]) -> None:
        self.number = number
        self._cells = cells
        self._errors = errors

    def cell(self, column: str) -> str:
        return self._cells.get(column, "").strip()

    def wrong(self, column: str, reason: Reason, value: str = "") -> None:
        self._errors.append(RowError(self.number, column, reason, value[:80]))

    def text(self, column: str, limit: int = MAX_NAME) -> str:
        try:
            return plain_text(self.cell(column), limit, column)
        except Refused:
            self.wrong(column, "text", self.cell(column))
            return ""

    def name(self) -> str:
        name = self.text("name")
        if not self.cell("name"):
            self.wrong("name", "no_name")
        return name

    def words(self, column: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(apart(self.cell(column))))
        for word in found:
            if len(word) > 2 * MAX_NAME:
                self.wrong(column, "text", word)
        return found

    def price(self) -> int:
        found = PRICE.match(self.cell("price"))
        if found is None:
            self.wrong("price", "price", self.cell("price"))
            return 0
        return in_cents(found)

    def percent(self, column: str) -> int:
        found = PRICE.match(self.cell(column).removesuffix("%").strip())
        if found is None or in_cents(found) > 10_000:
            self.wrong(column, "percent", self.cell(column))
            return 0
        return in_cents(found)

    def whole(self, column: str, blank: int) -> int:
        text = self.cell(column).removesuffix(".0")
        if text and (not text.isascii() or not text.isdigit() or len(text) > 6):
            self.wrong(column, "number", text)
            return blank
        return int(text) if text else blank

    def yes_no(self, column: str, blank: bool) -> bool:
        said = fold(self.cell(column))
        if said in ("yes", "oui", "true", "vrai", "1"):
            return True
        if said in ("no", "non", "false", "faux", "0"):
            return False
        if said:
            self.wrong(column, "yes_no", self.cell(column))
        return blank

    def served(self) -> tuple[ServedHours, ...]:
        spans = []
        for text in apart(self.cell("hours")):
            found = _SPAN.match(text)
            if found is None:
                self.wrong("hours", "hours", text)
                continue
            days, *clock = found.groups()
            opens, closes = int(clock[0]) * 60 + int(clock[1]), int(clock[2]) * 60 + int(clock[3])
            spans.append(ServedHours(tuple(sorted({int(day) - 1 for day in days})), opens, closes))
        return tuple(spans)


def apart(text: str) -> list[str]:
    """The words of a cell, which stand between semicolons; a backslash makes the sign after it one of the word."""
    words = [""]
    signs = iter(text)
    for sign in signs:
        if sign == ";":
            words.append("")
        else:
            words[-1] += next(signs, "\\") if sign == "\\" else sign
    return [word.strip() for word in words if word.strip()]


def in_cents(found: re.Match[str]) -> int:
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
