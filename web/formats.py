"""Money, times and durations in the reader's language and the restaurant's zone; and prices as people type them."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta, get_day_names
from babel.numbers import format_currency, format_decimal

# British English: the English pages write 21 Nov 2026 and 15:05, as a European kitchen reads them.
_LOCALES = {"fr": "fr_FR", "en": "en_GB"}

MAX_PRICE_CENTS = 100_000
FEWEST_DIGITS = 2  # an extension of the restaurant's own telephone system
FIRST_YEAR, LAST_YEAR = 2000, 2200

_CURRENCY = re.compile(r"(€|EUR|£|GBP|\$|USD)", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_NUMBER = re.compile(r"^([0-9]{1,7})(?:[.,]([0-9]{1,2}))?$")
_TOO_MANY_DECIMALS = re.compile(r"^[0-9]+[.,][0-9]{3,}$")


@lru_cache(maxsize=4096)  # a long menu has the same few prices hundreds of times, and Babel takes 50 µs for each
def money(cents: int, currency: str, language: str) -> str:
    """``(1250, "EUR", "fr")`` is ``12,50 €`` with the no-break space that French puts there."""
    return format_currency(Decimal(cents) / 100, currency, locale=_LOCALES[language])


def dollars(amount: Decimal | float, language: str) -> str:
    """What a model's maker bills, to the cent."""
    return format_currency(amount, "USD", locale=_LOCALES[language])


def price_input(cents: int, language: str) -> str:
    """A price as it stands in a form field: two decimals, no currency, no grouping."""
    return format_decimal(Decimal(cents) / 100, format="0.00", locale=_LOCALES[language])


def clock(moment: datetime, zone: str) -> str:
    """The hour and minute in ``zone``, as both languages write them; ``moment`` is aware."""
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def day(moment: datetime, zone: str, language: str) -> str:
    """The date in ``zone``, like ``21 nov. 2026``."""
    return date_of(moment.astimezone(ZoneInfo(zone)).date(), language)


def long_date(day: date, language: str) -> str:
    """``Saturday 21 November 2026``, ``samedi 21 novembre 2026``."""
    return format_date(day, "EEEE d MMMM y", locale=_LOCALES[language])


def weekdays(language: str) -> tuple[str, ...]:
    """Their names, Monday first."""
    names = get_day_names("wide", locale=_LOCALES[language])
    return tuple(str(names[day]) for day in range(7))


@lru_cache(maxsize=1024)  # a list has the same few days again and again
def date_of(day: date, language: str) -> str:
    """A date by itself, like ``21 nov. 2026``."""
    return format_date(day, "medium", locale=_LOCALES[language])


def duration(milliseconds: int) -> str:
    """Minutes and seconds, like ``3:07``."""
    minutes, seconds = divmod(max(0, milliseconds) // 1000, 60)
    return f"{minutes}:{seconds:02d}"


def dial(number: str) -> str:
    """A ``tel:`` address for a link; empty for a caller without a number, as a SIP user's name."""
    dialled = "".join(character for character in number if character in "+0123456789")
    return f"tel:{dialled}" if len(dialled) >= FEWEST_DIGITS else ""


def ago(moment: datetime, now: datetime, language: str) -> str:
    """``2 hours ago``."""
    return format_timedelta(moment - now, add_direction=True, locale=_LOCALES[language])


def day_start(now: datetime, zone: str) -> datetime:
    """The start of ``now``'s day in ``zone``, as UTC. Of a midnight that a clock change repeats, the first."""
    local = now.astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def short_day(day: date, language: str) -> str:
    """Like ``21/11``, for where there is no room."""
    return format_date(day, "dd/MM", locale=_LOCALES[language])


def local_day(now: datetime, zone: str) -> date:
    """The date in ``zone``."""
    return now.astimezone(ZoneInfo(zone)).date()


def day_span(day: date, zone: str) -> tuple[datetime, datetime]:
    """The start of ``day`` in ``zone`` and that of the next one, as UTC: 25 hours apart when the clocks go back."""
    start, end = (datetime.combine(one, time(), ZoneInfo(zone)) for one in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def parse_day(text: str) -> date | None:
    """A date as a form's date field sends it; None for what is none, or none that a restaurant has seen."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year < LAST_YEAR else None


def percent(number: float, language: str) -> str:
    """``13.5`` as ``13,5`` in French: without the sign, which the sentence around it has."""
    return format_decimal(number, format="0.##", locale=_LOCALES[language])


class PriceError(ValueError):
    """A price that is refused. ``reason`` is one of the keys of the page's messages (``words.price_problems``)."""

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
