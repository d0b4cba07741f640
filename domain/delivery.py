"""Who is delivered to, for how much and from which amount: a zone is a set of postcodes."""

from __future__ import annotations

import re

from domain.errors import Refused
from domain.restaurant import DeliveryZone, Restaurant

MAX_ALLOWED_POSTCODES = 30
# A full British postcode or Eircode begins with the district that zones are usually drawn by.
_DISTRICT = re.compile(r"^(?:([A-Z]{1,2}[0-9][A-Z0-9]?)[0-9][A-Z]{2}|([A-Z][0-9][0-9W])[A-Z0-9]{4})$")


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
