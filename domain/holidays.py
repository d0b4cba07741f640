"""Public holidays, computed: of the countries that restaurants are set up in, for dates that an owner decides about.

A table of our own and no library: five countries need forty lines, and a holiday that is missing costs one line typed
by hand. What holds in a part of a country only is left out, but for England and Wales, which stand for Britain, and
for Switzerland, of which these are the days that nearly all cantons keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

MONDAY, SATURDAY = 0, 5


class Holiday(NamedTuple):
    """``name`` is a key, such as ``easter_monday``: pages have its words."""

    day: date
    name: str


# Month, day and name of those that have a date.
_DATED: dict[str, tuple[tuple[int, int, str], ...]] = {
    "FR": (
        (1, 1, "new_year"),
        (5, 1, "labour_day"),
        (5, 8, "victory_day"),
        (7, 14, "national_day"),
        (8, 15, "assumption"),
        (11, 1, "all_saints"),
        (11, 11, "armistice"),
        (12, 25, "christmas"),
    ),
    "BE": (
        (1, 1, "new_year"),
        (5, 1, "labour_day"),
        (7, 21, "national_day"),
        (8, 15, "assumption"),
        (11, 1, "all_saints"),
        (11, 11, "armistice"),
        (12, 25, "christmas"),
    ),
    "CH": ((1, 1, "new_year"), (8, 1, "national_day"), (12, 25, "christmas"), (12, 26, "st_stephen")),
    "IE": ((1, 1, "new_year"), (3, 17, "st_patrick"), (12, 25, "christmas"), (12, 26, "st_stephen")),
    "GB": ((1, 1, "new_year"), (12, 25, "christmas"), (12, 26, "boxing_day")),
}
# Days after Easter Sunday.
_AFTER_EASTER: dict[str, tuple[tuple[int, str], ...]] = {
    "FR": ((1, "easter_monday"), (39, "ascension"), (50, "whit_monday")),
    "BE": ((1, "easter_monday"), (39, "ascension"), (50, "whit_monday")),
    "CH": ((-2, "good_friday"), (1, "easter_monday"), (39, "ascension"), (50, "whit_monday")),
    "IE": ((1, "easter_monday"),),
    "GB": ((-2, "good_friday"), (1, "easter_monday")),
}
# Month, name, and whether it is the month's last Monday instead of its first.
_MONDAYS: dict[str, tuple[tuple[int, str, bool], ...]] = {
    "IE": (
        (5, "may_holiday", False),
        (6, "june_holiday", False),
        (8, "august_holiday", False),
        (10, "october_holiday", True),
    ),
    "GB": ((5, "may_holiday", False), (5, "spring_holiday", True), (8, "august_holiday", True)),
}
COUNTRIES = frozenset(_DATED)
NAMES = frozenset(
    {name for dated in _DATED.values() for *_, name in dated}
    | {name for moved in _AFTER_EASTER.values() for _, name in moved}
    | {name for mondays in _MONDAYS.values() for _, name, _ in mondays}
    | {"st_brigid", "bank_holiday"}
)


def between(country: str, first: date, last: date) -> tuple[Holiday, ...]:
    """The holidays of an ISO 3166 country from ``first`` to ``last``, both included; none where none are known."""
    found = {holiday for year in range(first.year, last.year + 1) for holiday in _of_year(country, year)}
    return tuple(sorted(holiday for holiday in found if first <= holiday.day <= last))


def _of_year(country: str, year: int) -> Iterator[Holiday]:
    dated = [Holiday(date(year, month, day), name) for month, day, name in _DATED.get(country, ())]
    yield from dated
    easter = easter_sunday(year)
    for days, name in _AFTER_EASTER.get(country, ()):
        yield Holiday(easter + timedelta(days=days), name)
    for month, name, is_last in _MONDAYS.get(country, ()):
        yield Holiday(_last_monday(year, month) if is_last else _first_monday(year, month), name)
    if country == "IE":
        # Saint Brigid's: 1 February when that is a Friday, else the month's first Monday.
        first = date(year, 2, 1)
        yield Holiday(first if first.weekday() == 4 else _first_monday(year, 2), "st_brigid")
    if country == "GB":
        yield from _substitutes(dated)


def _substitutes(dated: list[Holiday]) -> Iterator[Holiday]:
    """A British holiday at a weekend is kept on the next day that is neither weekend nor a holiday itself."""
    taken = {holiday.day for holiday in dated}
    for holiday in sorted(dated):
        if holiday.day.weekday() < SATURDAY:
            continue
        day = holiday.day
        while day.weekday() >= SATURDAY or day in taken:
            day += timedelta(days=1)
        taken.add(day)
        yield Holiday(day, "bank_holiday")


def easter_sunday(year: int) -> date:
    """Of the Gregorian calendar, by Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    el = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * el) // 451
    month, day = divmod(h + el - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _first_monday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7)


def _last_monday(year: int, month: int) -> date:
    after = date(year + month // 12, month % 12 + 1, 1)
    return _first_monday(after.year, after.month) - timedelta(days=7)
