"""Money, times and durations as the reader's language writes them, in the restaurant's own zone."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal

# British English: the English pages write 21 Nov 2026 and 15:05, as a European kitchen reads them.
_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def money(cents: int, currency: str, language: str) -> str:
    """``(1250, "EUR", "fr")`` is ``12,50 €`` with the no-break space that French puts there."""
    return format_currency(Decimal(cents) / 100, currency, locale=_LOCALES[language])


def price_input(cents: int, language: str) -> str:
    """A price as it stands in a form field: two decimals, no currency, no grouping."""
    return format_decimal(Decimal(cents) / 100, format="0.00", locale=_LOCALES[language])


def clock(moment: datetime, zone: str, language: str) -> str:
    """The hour and minute in ``zone``; ``moment`` is aware."""
    return format_time(moment, "HH:mm", tzinfo=ZoneInfo(zone), locale=_LOCALES[language])


def day(moment: datetime, zone: str, language: str) -> str:
    """The date in ``zone``, like ``21 nov. 2026``."""
    return format_date(moment.astimezone(ZoneInfo(zone)).date(), "medium", locale=_LOCALES[language])


def duration(milliseconds: int) -> str:
    """Minutes and seconds, like ``3:07``."""
    minutes, seconds = divmod(max(0, milliseconds) // 1000, 60)
    return f"{minutes}:{seconds:02d}"


def day_start(now: datetime, zone: str) -> datetime:
    """The start of ``now``'s day in ``zone``, as UTC."""
    local = now.astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def percent(number: float, language: str) -> str:
    """``13.5`` as ``13,5`` in French: without the sign, which the sentence around it has."""
    return format_decimal(number, format="0.##", locale=_LOCALES[language])
