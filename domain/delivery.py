"""Who is delivered to, for how much and from which amount: a zone is a set of postcodes."""

from __future__ import annotations

import re

from domain.errors import Refused
from domain.number_words import spoken_numbers
from domain.restaurant import DeliveryZone, Restaurant

MAX_ALLOWED_POSTCODES = 30
# A full British postcode or Eircode begins with the district that zones are usually drawn by.
_DISTRICT = re.compile(r"^(?:([A-Z]{1,2}[0-9][A-Z0-9]?)[0-9][A-Z]{2}|([A-Z][0-9][0-9W])[A-Z0-9]{4})$")
# Dublin's postal districts are said in many ways ("Dublin 3", "D 3", "D oh three") and written as routing keys
# of two digits (D03), but for D6W.
_DUBLIN_DISTRICT = re.compile(r"^D(?:UBLIN)?(?:(?:0|O|OH)?([1-9])|([1-9][0-9])|(?:0|O|OH)?(6W)(?:EST)?)$")
_COUNTY = re.compile(r"^(?:CO|COUNTY)(?=DUBLIN)")
_DUBLIN_BEFORE_EIRCODE = re.compile(r"^DUBLIN(?=[A-Z][0-9])")
# A French postcode has five digits, whatever town is said beside it; three cities have one for each arrondissement.
_FIVE_DIGITS = re.compile(r"(?<!\d)\d{5}(?!\d)")
_ARRONDISSEMENT = re.compile(r"^(PARIS|LYON|MARSEILLE)0?(\d{1,2})(?:ER?|EME|IEME)?(?:ARRONDISSEMENT)?$")
_BEFORE_ARRONDISSEMENT = {"PARIS": ("750", 20), "LYON": ("690", 9), "MARSEILLE": ("130", 16)}


def normal_postcode(postcode: str, country: str, language: str) -> str:
    """Upper case letters and digits only, number words read: ``sw1a 1aa`` is ``SW1A1AA``, ``75 011`` is ``75011``.

    In Ireland ``Dublin three`` is ``D03``, in France ``Paris 11e`` is ``75011``. ``country`` is an ISO 3166 alpha-2
    code, ``language`` the speaker's.
    """
    code = "".join(spoken_numbers(postcode, language).split()).upper()
    if country == "FR":
        return _french(code)
    if country != "IE":
        return code
    code = _COUNTY.sub("", code)
    code = _DUBLIN_BEFORE_EIRCODE.sub("", code)
    district = _DUBLIN_DISTRICT.match(code)
    if district is None:
        return code
    small, large, west = district.groups()
    return f"D{west or large or small.zfill(2)}"


def _french(code: str) -> str:
    if found := _FIVE_DIGITS.findall(code):
        return str(found[0])
    if district := _ARRONDISSEMENT.match(code):
        prefix, last = _BEFORE_ARRONDISSEMENT[district[1]]
        if 1 <= int(district[2]) <= last:
            return f"{prefix}{district[2].zfill(2)}"
    return code


def zone_for(restaurant: Restaurant, postcode: str) -> DeliveryZone | None:
    """The first zone that names this postcode, or else its district; None outside every zone."""
    code = _normal(restaurant, postcode)
    if not code:
        return None
    match = _DISTRICT.match(code)
    district = next((part for part in match.groups() if part), "") if match else ""
    for wanted in filter(None, (code, district)):
        for zone in restaurant.delivery_zones:
            if any(wanted == _normal(restaurant, one) for one in zone.postcodes):
                return zone
    return None


def _normal(restaurant: Restaurant, postcode: str) -> str:
    return normal_postcode(postcode, restaurant.country, restaurant.language)


def require_zone(restaurant: Restaurant, postcode: str) -> DeliveryZone:
    """As ``zone_for``; raises Refused ``outside_zone`` with the postcodes that are delivered to."""
    zone = zone_for(restaurant, postcode)
    if zone is None:
        known = dict.fromkeys(code for zone in restaurant.delivery_zones for code in zone.postcodes)
        message = "The restaurant does not deliver to this postcode: offer pickup, or ask for the postcode again."
        raise Refused("outside_zone", message, tuple(known)[:MAX_ALLOWED_POSTCODES], "postcode", subject=postcode)
    return zone
