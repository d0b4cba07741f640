"""Hours as people type them: pairs of wall-clock times, where a closing time not after its opening is the next day's.

Minutes after midnight are what the domain keeps: 18:00 to 02:00 is (1080, 1560), 00:00 to 00:00 the whole day.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from domain.restaurant import Opening
from domain.spoken_time import DAY_MINUTES
from web.words import _

Span = tuple[int, int]

MAX_SPANS = 4
FEWEST_SHOWN = 2  # lunch and dinner
WEEKDAYS = range(7)
_TIME = re.compile(r"^([01]?\d|2[0-3])[:hH.]([0-5]\d)$")


@dataclass
class TypedDay:
    """What stands in one day's fields, as pairs of texts, and what is wrong with it."""

    pairs: list[tuple[str, str]]
    problem: str = ""

    @property
    def shown(self) -> list[tuple[str, str]]:
        """With room for one more, so that a page without scripts can add a span."""
        filled = [pair for pair in self.pairs if any(pair)]
        room = min(MAX_SPANS, max(FEWEST_SHOWN, len(filled) + 1))
        return filled + [("", "")] * (room - len(filled))


@dataclass
class Week:
    """``days`` has one for each weekday, Monday first."""

    days: list[TypedDay]
    openings: list[Opening] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not any(day.problem for day in self.days)


def saved_week(openings: Sequence[Opening]) -> Week:
    spans = [[(one.opens, one.closes) for one in openings if one.weekday == day] for day in WEEKDAYS]
    return Week([TypedDay([(wall(opens), wall(closes)) for opens, closes in day]) for day in spans], list(openings))


def sent_week(sent: MultiDict[str, str], day_names: Sequence[str]) -> Week:
    """The week that was sent, with each day's problem."""
    week = Week([sent_day(sent, f"day-{weekday}") for weekday in WEEKDAYS])
    for weekday, day in enumerate(week.days):
        try:
            week.openings += [Opening(weekday, *span) for span in spans(day.pairs, day_names[weekday])]
        except ValueError as problem:
            day.problem = str(problem)
    return week


def sent_day(sent: MultiDict[str, str], name: str) -> TypedDay:
    opens, closes = sent.getlist(f"{name}-opens"), sent.getlist(f"{name}-closes")
    return TypedDay([(a.strip()[:5], b.strip()[:5]) for a, b in zip(opens, closes, strict=False)][: MAX_SPANS + 1])


def spans(pairs: Sequence[tuple[str, str]], label: str) -> tuple[Span, ...]:
    """In order. Raises ValueError, whose text is for the visitor and begins with ``label``."""
    found = sorted(_span(pair, label) for pair in pairs if any(pair))
    if len(found) > MAX_SPANS:
        raise ValueError(_("%(day)s: at most %(most)s openings a day.", day=label, most=MAX_SPANS))
    for (_opens, closes), (opens, _closes) in itertools.pairwise(found):
        if opens < closes:
            raise ValueError(_("%(day)s: two openings overlap. Make one of them.", day=label))
    return tuple(found)


def _span(pair: tuple[str, str], label: str) -> Span:
    opens, closes = (_minutes(text) for text in pair)
    if opens is None or closes is None:
        raise ValueError(_("%(day)s: an opening needs two times, such as 18:00 and 22:30.", day=label))
    if opens == closes and opens != 0:
        raise ValueError(_("%(day)s: both times are the same. A whole day is 00:00 to 00:00.", day=label))
    return opens, closes if closes > opens else closes + DAY_MINUTES


def _minutes(text: str) -> int | None:
    found = _TIME.match(text)
    return int(found[1]) * 60 + int(found[2]) if found else None


def wall(minutes: int) -> str:
    """``1560`` is ``02:00``."""
    hour, minute = divmod(minutes % DAY_MINUTES, 60)
    return f"{hour:02d}:{minute:02d}"


def spans_text(found: Sequence[Span]) -> str:
    """``12:00–14:30, 19:00–02:00``; "" when closed."""
    return ", ".join(f"{wall(opens)}–{wall(closes)}" for opens, closes in found)


def week_text(openings: Sequence[Opening]) -> Mapping[str, str]:
    """For the log of changes: the weekday's number, 1 for Monday, and its hours."""
    by_day = {day: spans_text(sorted((o.opens, o.closes) for o in openings if o.weekday == day)) for day in WEEKDAYS}
    return {str(day + 1): text for day, text in by_day.items()}
