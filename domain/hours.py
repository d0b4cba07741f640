"""Opening hours: wall-clock spans of local days, across midnight, exceptions and clock changes.

A span belongs to the day on which it opens. So an exception replaces what opens on its date; the night that
began on the day before goes on past midnight. Without any opening a restaurant is closed: taking an order
that nobody will cook is the worse mistake.

A wall-clock time that a clock change skips or repeats is taken with the offset before the change.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain import spoken_time
from domain.errors import Refused
from domain.restaurant import Restaurant

# Further than any holiday closure; after that "we don't know" is the honest answer.
LOOK_AHEAD_DAYS = 120


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


def closes_at(restaurant: Restaurant, now_utc: datetime) -> datetime | None:
    """When the present opening ends, in UTC; None while closed."""
    today = local_time(restaurant, now_utc).date()
    instants = _instants(restaurant, today - timedelta(days=1)) + _instants(restaurant, today)
    return max((end for start, end in instants if start <= now_utc < end), default=None)


def is_open(restaurant: Restaurant, now_utc: datetime) -> bool:
    return closes_at(restaurant, now_utc) is not None


def next_opening(restaurant: Restaurant, now_utc: datetime) -> datetime | None:
    """The next instant, in UTC, at which a span opens; None when none does within ``LOOK_AHEAD_DAYS``."""
    today = local_time(restaurant, now_utc).date()
    for ahead in range(LOOK_AHEAD_DAYS):
        starts = [start for start, _ in _instants(restaurant, today + timedelta(days=ahead)) if start > now_utc]
        if starts:
            return min(starts)
    return None


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


def spoken_hours(restaurant: Restaurant, day: date) -> str:
    """One sentence about one day, in the restaurant's language."""
    spans = spans_on(restaurant, day)
    name = spoken_time.day_name(day, restaurant.language)
    text = spoken_time.spans_text(spans, restaurant.language)
    if spoken_time.language_of(restaurant.language) == "fr":
        return f"Le {name}, nous sommes {f'ouverts {text}' if spans else 'fermés'}."
    return f"On {name} we are {f'open {text}' if spans else 'closed'}."


def _instants(restaurant: Restaurant, day: date) -> list[tuple[datetime, datetime]]:
    """The day's spans in UTC. A span that a clock change turns inside out is dropped."""
    zone = ZoneInfo(restaurant.zone)
    midnight = datetime.combine(day, time())

    def instant(minutes: int) -> datetime:
        return (midnight + timedelta(minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)

    pairs = [(instant(opens), instant(closes)) for opens, closes in spans_on(restaurant, day)]
    return [(start, end) for start, end in pairs if start < end]
