"""What a booking reads like in a restaurant's calendar and in its customer files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo


def title(covers: int, name: str, language: str) -> str:
    for_whom = f": {name}" if name else ""
    return (f"Table pour {covers}" if language.startswith("fr") else f"Table for {covers}") + for_whom


def details(tables: Sequence[str], phone: str, note: str, language: str) -> str:
    """A line each."""
    named = f"{'Tables' if len(tables) > 1 else 'Table'} {', '.join(tables)}" if tables else ""
    called = (f"Téléphone {phone}" if language.startswith("fr") else f"Phone {phone}") if phone else ""
    return "\n".join(filter(None, (named, called, note)))


def note(covers: int, starts_at: datetime, zone: str, language: str, *, cancelled: bool) -> str:
    local = starts_at.astimezone(ZoneInfo(zone))
    if language.startswith("fr"):
        return (
            f"{'Réservation annulée' if cancelled else 'Réservation'} : {covers} couverts le {local:%d/%m/%Y à %H:%M}."
        )
    return f"{'Booking cancelled' if cancelled else 'Booking'}: {covers} guests on {local:%d/%m/%Y at %H:%M}."
