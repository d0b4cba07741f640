"""Who is delivered to, for how much and from which amount, and when food is promised."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from domain.errors import Refused
from domain.order import Fulfilment
from domain.restaurant import DeliveryZone, Restaurant

MAX_ALLOWED_POSTCODES = 30
# A full British postcode or Eircode begins with the district that zones are usually drawn by.
_DISTRICT = re.compile(r"^(?:([A-Z]{1,2}[0-9][A-Z0-9]?)[0-9][A-Z]{2}|([A-Z][0-9][0-9W])[A-Z0-9]{4})$")
# Callers remember "a quarter to eight", not 19:43; and a promise errs on the late side.
ROUND_UP_MINUTES = 5
# A load beyond this is a bad reading of the kitchen's system, not a queue that a caller would accept.
MAX_LOAD_MINUTES = 180


def normal_postcode(postcode: str) -> str:
    """Upper case letters and digits only: ``sw1a 1aa`` is ``SW1A1AA``, ``75 011`` is ``75011``."""
    return "".join(c for c in postcode.upper() if c.isalnum())


def zone_for(restaurant: Restaurant, postcode: str) -> DeliveryZone | None:
    """The first zone that names this postcode, or else its district; None outside every zone."""
    code = normal_postcode(postcode)
    if not code:
        return None
    match = _DISTRICT.match(code)
    district = next((part for part in match.groups() if part), "") if match else ""
    for wanted in filter(None, (code, district)):
        for zone in restaurant.delivery_zones:
            if wanted in map(normal_postcode, zone.postcodes):
                return zone
    return None


def require_zone(restaurant: Restaurant, postcode: str) -> DeliveryZone:
    """As ``zone_for``; raises Refused ``outside_zone`` with the postcodes that are delivered to."""
    zone = zone_for(restaurant, postcode)
    if zone is None:
        known = dict.fromkeys(code for zone in restaurant.delivery_zones for code in zone.postcodes)
        message = "The restaurant does not deliver to this postcode: offer pickup, or ask for the postcode again."
        raise Refused("outside_zone", message, tuple(known)[:MAX_ALLOWED_POSTCODES], "postcode", subject=postcode)
    return zone


def promised_at(restaurant: Restaurant, now: datetime, load_minutes: int, fulfilment: Fulfilment) -> datetime:
    """The kitchen's calm time plus its load plus the way: UTC, rounded up to five minutes.

    ``now`` must be aware; ``load_minutes`` is clamped.
    """
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
