"""When the food is promised: the kitchen's calm time, plus its load, plus the way to the caller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.delivery import zone_for
from domain.order import Fulfilment
from domain.restaurant import Restaurant

# Callers remember "a quarter to eight", not 19:43; and a promise errs on the late side.
ROUND_UP_MINUTES = 5
# A load beyond this is a bad reading of the kitchen's system, not a queue that a caller would accept.
MAX_LOAD_MINUTES = 180


def promised_at(restaurant: Restaurant, now: datetime, load_minutes: int, fulfilment: Fulfilment) -> datetime:
    """The promised time in UTC, rounded up to five minutes. ``now`` must be aware; ``load_minutes`` is clamped."""
    if now.tzinfo is None:
        raise ValueError("now must have a time zone")
    minutes = restaurant.prep_minutes + min(max(load_minutes, 0), MAX_LOAD_MINUTES)
    if fulfilment.kind == "delivery" and fulfilment.address:
        zone = zone_for(restaurant, fulfilment.address.postcode)
        minutes += zone.minutes if zone else 0
    ready = now.astimezone(UTC) + timedelta(minutes=minutes)
    step = timedelta(minutes=ROUND_UP_MINUTES)
    late = (ready - datetime(1970, 1, 1, tzinfo=UTC)) % step
    return ready if not late else ready + step - late
