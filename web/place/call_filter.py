"""What the list of calls is narrowed to: a day in the restaurant's zone, an outcome, missed ones, a caller's number.

Numbers are encrypted and found by their keyed hash, so by the whole number and not by a part of it.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import cast, get_args

from flask import request

from domain.calls import Outcome
from domain.phone_numbers import InvalidNumberError, one_form
from domain.restaurant import Restaurant
from stores.calls import CallFilter, LoggedOutcome
from stores.ciphers import PiiCipher
from web import formats
from web.words import _

LONGEST_NUMBER = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was typed; ``problems`` by field."""

    day: date | None = None
    typed_day: str = ""
    outcome: LoggedOutcome | None = None
    missed: bool = False
    number: str = ""
    dialled: str = ""
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def link(self) -> dict[str, str]:
        """What a link to the next page carries on."""
        missed = "yes" if self.missed else ""
        given = {"day": self.typed_day, "outcome": self.outcome or "", "missed": missed, "number": self.number}
        return {name: value for name, value in given.items() if value}

    def filter(self, place: Restaurant, pii: PiiCipher) -> CallFilter:
        since, until = formats.day_span(self.day, place.zone) if self.day else (None, None)
        return CallFilter(
            since=since,
            until=until,
            outcome=self.outcome,
            missed=self.missed,
            caller_hashes=pii.phone_hashes(place.id, self.dialled) if self.dialled else None,
        )


def asked(place: Restaurant) -> Asked:
    """What the request's link or form asks for."""
    outcome, day = request.args.get("outcome", ""), request.args.get("day", "").strip()
    number = request.args.get("number", "").strip()[:LONGEST_NUMBER]
    found = Asked(
        day=formats.parse_day(day),
        typed_day=day,
        outcome=cast(LoggedOutcome, outcome) if outcome in (*get_args(Outcome), "in_progress") else None,
        missed=request.args.get("missed") == "yes",
        number=number,
    )
    problems = {}
    if day and found.day is None:
        problems["day"] = _("Day: this is no date. Write one like 2026-11-21.")
    if number:
        try:
            found = replace(found, dialled=one_form(number, place.country))
        except InvalidNumberError:
            problems["number"] = _("Number: this is no phone number. Write all of it, like 06 12 34 56 78.")
    return replace(found, problems=tuple(problems.items()))
