"""As much of iCalendar (RFC 5545) as a booking needs: an event is written, busy times are read.

A booking is TRANSPARENT: it takes a table and not the house. So what somebody enters by hand in the same calendar, a
wedding or a closed evening, is what counts as busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from domain.calendars import Span
from domain.errands import KeepInCalendar

PRODUCT = "-//AlloResto//AlloResto//EN"
_LONGEST = 75  # octets of a line, RFC 5545 3.1
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def event(work: KeepInCalendar, uid: str) -> str:
    """The booking as a calendar object of one event; the same for the same work."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{stamp(work.starts_at)}",
        f"SEQUENCE:{work.version}",
        f"DTSTART:{stamp(work.starts_at)}",
        f"DTEND:{stamp(work.ends_at)}",
        f"SUMMARY:{_escaped(work.title)}",
        f"STATUS:{'TENTATIVE' if work.tentative else 'CONFIRMED'}",
        "TRANSP:TRANSPARENT",
    ]
    if work.details:
        lines.append(f"DESCRIPTION:{_escaped(work.details)}")
    lines += ["END:VEVENT", "END:VCALENDAR"]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def busy_times(text: str) -> tuple[Span, ...]:
    """What VFREEBUSY says is not free. Raises ValueError for what is no iCalendar, or not all of one."""
    lines = re.sub(r"\r?\n[ \t]", "", text).strip().splitlines()
    if not lines or (lines[0].strip().upper(), lines[-1].strip().upper()) != ("BEGIN:VCALENDAR", "END:VCALENDAR"):
        raise ValueError("no iCalendar")
    found: list[Span] = []
    for line in lines:
        name, _, value = line.partition(":")
        property_name, *parameters = name.upper().split(";")
        if property_name == "FREEBUSY" and "FBTYPE=FREE" not in parameters:
            found += _periods(value)
    return tuple(found)


def _periods(value: str) -> Iterator[Span]:
    for period in value.split(","):
        begins, _, ends = period.strip().partition("/")
        starts_at = _instant(begins)
        yield Span(starts_at, starts_at + _duration(ends) if ends.startswith("P") else _instant(ends))


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise ValueError("no duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _escaped(text: str) -> str:
    plain = "".join(one for one in text if one == "\n" or one.isprintable())
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """In lines of at most 75 octets, no character torn apart."""
    part, size = "", 0
    for one in line:
        octets = len(one.encode())
        if size + octets > _LONGEST:
            yield part
            part, size = " ", 1
        part, size = part + one, size + octets
    yield part
