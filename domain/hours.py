"""Opening hours: wall-clock spans of local days, across midnight, exceptions and clock changes.

A span belongs to the day on which it opens. So an exception replaces what opens on its date; the night that
began on the day before goes on past midnight. Without any opening a restaurant is closed: taking an order
that nobody will cook is the worse mistake.

Spans that touch or overlap are one opening, whichever days they belong to: a restaurant that is open from 0:00
to 24:00 every day does not close at midnight.

A wall-clock time that a clock change skips or repeats is taken with the offset before the change.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain import spoken_time
from domain.errors import Code, Refused
from domain.restaurant import Restaurant

# Forms that know no 24:00 write midnight as 23:59: what follows so closely is the same opening.
GAP = timedelta(minutes=1)
# Further than any holiday closure; after that "we don't know" is the honest answer.
LOOK_AHEAD_DAYS = 120
# How far the end of an opening is looked for. A restaurant that never closes seems to close about then, which is
# further ahead than any order.
MERGED_DAYS = 8


def local_time(restaurant: Restaurant, now_utc: datetime) -> datetime:
    """``now_utc`` in the restaurant's zone. Raises ValueError for a naive time."""
    if now_utc.tzinfo is None:
        raise ValueError("now_utc must have a time zone")
    return now_utc.astimezone(ZoneInfo(restaurant.zone))


def spans_on(restaurant: Restaurant, day: date) -> tuple[tuple[int, int], ...]:
    """What opens on ``day``: (opens, closes) in minutes after its local midnight, in order."""
    for exception in restaurant.exceptions:
        if exception.day == day:
            return tuple(sorted(exception.spans))
    return weekly_spans(restaurant, day.weekday())


def weekly_spans(restaurant: Restaurant, weekday: int) -> tuple[tuple[int, int], ...]:
    """What opens on that day of an ordinary week, 0 for Monday."""
    return tuple(sorted((o.opens, o.closes) for o in restaurant.openings if o.weekday == weekday))


def opening_at(restaurant: Restaurant, instant: datetime) -> tuple[datetime, datetime] | None:
    """The opening that ``instant`` falls in, as (opens, closes) in UTC; None while closed. It is half open."""
    today = local_time(restaurant, instant).date()
    openings = _openings(restaurant, today - timedelta(days=MERGED_DAYS), today + timedelta(days=MERGED_DAYS))
    return next(((start, end) for start, end in openings if start <= instant < end), None)


def closes_at(restaurant: Restaurant, now_utc: datetime) -> datetime | None:
    """When the present opening ends, in UTC; None while closed."""
    opening = opening_at(restaurant, now_utc)
    return opening[1] if opening else None


def is_open(restaurant: Restaurant, now_utc: datetime) -> bool:
    return opening_at(restaurant, now_utc) is not None


def next_opening(restaurant: Restaurant, now_utc: datetime) -> datetime | None:
    """The next instant, in UTC, at which it opens after being closed; None without one in ``LOOK_AHEAD_DAYS``."""
    today = local_time(restaurant, now_utc).date()
    # Almost always within days: the far look is for what is closed for a season, or never closes.
    for days in (MERGED_DAYS, LOOK_AHEAD_DAYS):
        openings = _openings(restaurant, today - timedelta(days=1), today + timedelta(days=days - 1))
        start = next((start for start, _ in openings if start > now_utc), None)
        if start is not None:
            return start
    return None


def openings_between(restaurant: Restaurant, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Every opening that has a moment in ``[start, end]``, whole, in UTC and in order."""
    first, last = local_time(restaurant, start).date(), local_time(restaurant, end).date()
    openings = _openings(restaurant, first - timedelta(days=MERGED_DAYS), last + timedelta(days=MERGED_DAYS))
    return tuple((opens, closes) for opens, closes in openings if closes > start and opens <= end)


def closed(restaurant: Restaurant, now_utc: datetime) -> Refused:
    """The refusal of an order while closed, with the next opening in ``allowed`` (local, ISO 8601)."""
    opening = next_opening(restaurant, now_utc)
    if opening is None:
        return Refused("closed", "The restaurant is closed and no opening is known.", (), "now")
    local = local_time(restaurant, opening)
    today = local_time(restaurant, now_utc).date()
    spoken = spoken_time.moment(local, today, restaurant.language)
    message = "The restaurant is closed: no order can be confirmed before its next opening."
    return Refused("closed", message, (local.isoformat(timespec="minutes"),), "now", subject=spoken)


def not_open_at(restaurant: Restaurant, instant: datetime, code: Code, message: str, field: str) -> Refused:
    """The refusal of a wished time, with that day's hours."""
    day = local_time(restaurant, instant).date()
    allowed = tuple(spoken_time.spans_text((span,), "en") for span in spans_on(restaurant, day))
    return Refused(code, message, allowed, field, subject=spoken_hours(restaurant, day))


def spoken_hours(restaurant: Restaurant, day: date) -> str:
    """One sentence about one day, in the restaurant's language."""
    spans = spans_on(restaurant, day)
    name = spoken_time.day_name(day, restaurant.language)
    text = spoken_time.spans_text(spans, restaurant.language)
    if spoken_time.language_of(restaurant.language) == "fr":
        return f"Le {name}, nous sommes {f'ouverts {text}' if spans else 'fermés'}."
    return f"On {name} we are {f'open {text}' if spans else 'closed'}."


def spoken_closing(restaurant: Restaurant, now_utc: datetime) -> str:
    """When the present opening ends, as it is said: with the day when that is not within 24 hours.

    "" while closed, and for a restaurant that does not close in the days that are looked at.
    """
    closing = closes_at(restaurant, now_utc)
    if closing is None or closing - now_utc > timedelta(days=MERGED_DAYS - 1):
        return ""
    local = local_time(restaurant, closing)
    if closing - now_utc <= timedelta(hours=24):
        return spoken_time.clock_of(local, restaurant.language)
    return spoken_time.moment(local, local_time(restaurant, now_utc).date(), restaurant.language)


def _openings(restaurant: Restaurant, first: date, last: date) -> list[tuple[datetime, datetime]]:
    """What opens on these local days, merged where it touches or overlaps, in UTC and in order."""
    days = (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(span for day in days for span in _instants(restaurant, day)):
        if merged and start <= merged[-1][1] + GAP:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _instants(restaurant: Restaurant, day: date) -> list[tuple[datetime, datetime]]:
    """The day's spans in UTC. A span that a clock change turns inside out is dropped."""
    zone = ZoneInfo(restaurant.zone)
    midnight = datetime.combine(day, time())

    def instant(minutes: int) -> datetime:
        return (midnight + timedelta(minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)

    pairs = [(instant(opens), instant(closes)) for opens, closes in spans_on(restaurant, day)]
    return [(start, end) for start, end in pairs if start < end]
