"""Which country a time zone lies in, by the table that comes with the time zone database."""

from functools import cache
from importlib import resources


def country_of_zone(zone: str) -> str:
    """ISO 3166 alpha-2; empty for a zone without a country, such as UTC, and for an old name of one."""
    return _countries().get(zone, "")


@cache
def _countries() -> dict[str, str]:
    # Tab-separated: country, coordinates, zone, remarks. This older table has one country a row.
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
