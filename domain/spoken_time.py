"""Times, days and spans as they are said on the phone, and the days that callers name, understood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from domain.names import fold

_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
}
_RELATIVE = {"today": 0, "aujourd hui": 0, "tonight": 0, "ce soir": 0, "tomorrow": 1, "demain": 1}
_WEEKDAYS = {fold(name): number for names in _DAYS.values() for number, name in enumerate(names)}
DAY_MINUTES = 1440


def language_of(language: str) -> str:
    """``fr`` for any French, else ``en``: the two languages that the domain speaks."""
    return "fr" if language.lower().startswith("fr") else "en"


def clock(minutes: int, language: str) -> str:
    """Minutes after midnight (may pass 1440): ``7:30 pm``, ``noon``; ``19 heures 30``, ``midi``."""
    hour, minute = divmod(minutes % DAY_MINUTES, 60)
    french = language_of(language) == "fr"
    if hour in (0, 12):
        word = ("midi" if hour else "minuit") if french else ("noon" if hour else "midnight")
        if minute == 0:
            return word
        if french:
            return f"{word} {minute}"
    if french:
        return f"{hour} heure{'s' if hour > 1 else ''}" + (f" {minute}" if minute else "")
    half = "am" if hour < 12 else "pm"
    return f"{hour % 12 or 12}" + (f":{minute:02d}" if minute else "") + f" {half}"


def clock_of(local: datetime, language: str) -> str:
    return clock(local.hour * 60 + local.minute, language)


def weekday_name(weekday: int, language: str) -> str:
    return _DAYS[language_of(language)][weekday]


def day_name(day: date, language: str) -> str:
    """``Friday 21 November``, ``vendredi 1er mai``."""
    french = language_of(language) == "fr"
    number = "1er" if french and day.day == 1 else str(day.day)
    return f"{weekday_name(day.weekday(), language)} {number} {_MONTHS[language_of(language)][day.month - 1]}"


def moment(local: datetime, today: date, language: str) -> str:
    """``today at 7 pm``, ``tomorrow at noon``, ``Friday 21 November at 7 pm``."""
    french = language_of(language) == "fr"
    ahead = (local.date() - today).days
    near = ("aujourd’hui", "demain") if french else ("today", "tomorrow")
    day = near[ahead] if ahead in (0, 1) else day_name(local.date(), language)
    return f"{day} {'à' if french else 'at'} {clock_of(local, language)}"


def spans_text(spans: Sequence[tuple[int, int]], language: str) -> str:
    """``from noon to 2:30 pm and from 7 pm to 10:30 pm``; ``closed`` without spans; ``all day`` for 24 hours."""
    french = language_of(language) == "fr"
    if not spans:
        return "fermé" if french else "closed"
    if any(closes - opens >= DAY_MINUTES for opens, closes in spans):
        return "toute la journée" if french else "all day"
    start, end, glue = ("de", "à", " et ") if french else ("from", "to", " and ")
    return glue.join(f"{start} {clock(opens, language)} {end} {clock(closes, language)}" for opens, closes in spans)


def parse_day(text: str, today: date) -> date | None:
    """``2026-11-21``, ``today``, ``demain``, or the next such weekday (``friday``, ``vendredi``); else None."""
    words = fold(text)
    if words in _RELATIVE:
        return today + timedelta(days=_RELATIVE[words])
    if words in _WEEKDAYS:
        return today + timedelta(days=(_WEEKDAYS[words] - today.weekday()) % 7)
    if len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
