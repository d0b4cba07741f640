"""What is typed of a reservation, in the restaurant's time; and why it can't be had, at its field, with other times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from domain import hours
from domain import reservations as rules
from domain.errors import Refused
from domain.phone_numbers import InvalidNumberError, one_form
from domain.reservations import MAX_COVERS, Book
from domain.restaurant import Restaurant
from eventing.reserving import Asked, NoTableFreeError
from stores import customers
from stores.reservations import Reservation
from stores.waiting_list import WaitingParty
from web import formats
from web.forms import Form
from web.words import _

LONGEST_NOTE = 200
LONGEST_NAME = 120
LONGEST_PHONE = 32
MOST_TABLES = 12


class Typed:
    """``form`` holds the fields, ``tables`` the ids of those that were ticked; ``asked`` is None while one is wrong.

    ``others`` are the nearest times at which a table is free, once the one that was typed was refused (``is_full``).
    """

    def __init__(self, form: Form, tables: Sequence[str], asked: Asked | None = None) -> None:
        self.form = form
        self.tables = tuple(tables)
        self.asked = asked
        self.others: tuple[datetime, ...] = ()
        self.is_full = False

    @classmethod
    def saved(cls, values: Mapping[str, object], tables: Sequence[str] = ()) -> Typed:
        return cls(Form(saved=values), tables)

    @classmethod
    def of(cls, one: Reservation, place: Restaurant) -> Typed:
        local = hours.local_time(place, one.starts_at)
        minutes = int((one.ends_at - one.starts_at).total_seconds() // 60)
        saved = {
            "day": local.date().isoformat(),
            "time": f"{local:%H:%M}",
            "covers": one.covers,
            "minutes": minutes,
            "name": one.name,
            "phone": one.phone,
            "note": one.note,
        }
        return cls.saved(saved, one.table_ids)

    @classmethod
    def sent(cls, sent: MultiDict[str, str], place: Restaurant) -> Typed:
        """``use_time`` is a moment in UTC that was proposed: it is typed in place of the day and the time."""
        proposed = _proposed(sent.get("use_time", ""))
        if proposed is not None:
            local = hours.local_time(place, proposed)
            sent = MultiDict(sent)
            sent["day"], sent["time"] = local.date().isoformat(), f"{local:%H:%M}"
        form = Form(sent)
        tables = sent.getlist("table")[:MOST_TABLES]
        starts_at = proposed or _moment(form, place)
        covers = form.integer("covers", _("Guests"), 1, MAX_COVERS)
        minutes = form.integer("minutes", _("Minutes"), 15, 600) if form.typed("minutes").strip() else None
        name = form.text("name", _("Name"), most=LONGEST_NAME, required=True)
        phone = _phone(form, place)
        note = form.text("note", _("Wishes"), most=LONGEST_NOTE)
        if form.problems or starts_at is None:
            return cls(form, tables)
        asked = Asked(
            starts_at=starts_at,
            covers=covers,
            name=name,
            phone=phone,
            note=note,
            table_ids=tuple(tables) or None,
            minutes=minutes,
            by_staff=True,
        )
        return cls(form, tables, asked)

    def tried(self, write: Callable[[], Reservation]) -> Reservation | None:
        """What ``write`` writes; None when it is refused, with the reason at its field."""
        try:
            return write()
        except NoTableFreeError as full:
            self.is_full, self.others = True, full.others
            if full.closed:
                said = _("Time: your calendar has something then. Choose a table to reserve it all the same.")
                self.form.refuse("time", said)
            elif self.tables:
                self.form.refuse("tables", _("Tables: somebody has one of them then. Choose others, or none."))
            else:
                self.form.refuse("time", _("Time: no table is free for so many guests then."))
        except Refused as refused:
            self.form.refuse("covers" if refused.field == "covers" else "time", _why(refused))
        return None


def asked_for(party: WaitingParty) -> Asked:
    """The table that somebody waits for, to be held."""
    return Asked(
        starts_at=party.wanted_at,
        covers=party.covers,
        name=party.name,
        phone=party.phone,
        note=party.note,
        by_staff=True,
        hold=True,
    )


def offer(place: Restaurant, book: Book, now: datetime, party: WaitingParty) -> tuple[str, ...] | None:
    """The names of the tables that could be held for them now, none for a request; None while nothing is free."""
    try:
        found = rules.answer(place, book, now, party.wanted_at, party.covers, by_staff=True)
    except Refused:
        return None
    return tuple(table.name for table in found.seating) if found.possible else None


def _moment(form: Form, place: Restaurant) -> datetime | None:
    day, clock = formats.parse_day(form.typed("day").strip()), _clock(form.typed("time").strip())
    if day is None:
        form.refuse("day", _("Day: choose one, such as %(example)s.", example="2026-12-24"))
    if clock is None:
        form.refuse("time", _("Time: hours and minutes, such as 19:30."))
    if day is None or clock is None:
        return None
    moment = _on_the_wall(day, clock, place)
    if moment is None:
        form.refuse("time", _("Time: the clocks go forward that night, and this time is left out."))
    return moment


def _on_the_wall(day: date, clock: time, place: Restaurant) -> datetime | None:
    """In UTC; None for a time that a clock change skips. Of one that comes twice it is the first."""
    zone = ZoneInfo(place.zone)
    local = datetime.combine(day, clock, zone)
    moment = local.astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None) else None


def _clock(typed: str) -> time | None:
    try:
        return datetime.strptime(typed, "%H:%M").time()
    except ValueError:
        return None


def _proposed(typed: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        return None
    if moment.tzinfo is None or not formats.FIRST_YEAR <= moment.year < formats.LAST_YEAR:
        return None
    return moment.astimezone(UTC)


def _phone(form: Form, place: Restaurant) -> str:
    """In one form; a number that is nobody's is not kept, so it is refused."""
    typed = form.text("phone", _("Telephone number"), most=LONGEST_PHONE)
    if not typed:
        return ""
    try:
        number = one_form(typed, place.country)
    except InvalidNumberError:
        number = ""
    if not customers.is_somebodys(number):
        form.refuse("phone", _("Telephone number: type one that can be called back, or leave it empty."))
    return number


def _why(refused: Refused) -> str:
    """For the staff, in their language."""
    if refused.code == "closed_at_booking_time":
        return _("Time: you are closed then. See your hours.")
    if refused.code == "too_many_covers":
        return _("Guests: a whole number from 1 to %(most)s.", most=MAX_COVERS)
    return _("Day: at most a year ahead, and not before yesterday.")
