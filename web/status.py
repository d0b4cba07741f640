"""The public status page: how each part of the service stands, how it stood, and what the operator says of it.

Everybody may read it, so it asks the database at most every few seconds, however many read it, and shows nothing of a
restaurant. Where the database is away it says that it does not know.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from domain import status as rules
from domain.status import Component, Day, State
from stores import status
from stores.postgres import NO_RESTAURANT
from stores.status import Incident, Overview
from web import context, language
from web.access import anyone
from web.database import UnavailableError
from web.words import _

blueprint = Blueprint("status", __name__)

KEPT = "alloresto.status"
KEPT_S = 10.0


@dataclass(frozen=True, slots=True)
class ShownDay:
    day: date
    state: State | None
    down_minutes: int


@dataclass(frozen=True, slots=True)
class ShownComponent:
    """``state`` is None where nobody has looked lately. ``days`` are DAYS, the oldest first."""

    name: Component
    state: State | None
    days: tuple[ShownDay, ...]
    uptime: float | None

    @property
    def unknown_days(self) -> int:
        return sum(day.state is None for day in self.days)

    @property
    def bad_days(self) -> tuple[ShownDay, ...]:
        return tuple(day for day in self.days if day.state in ("degraded", "down"))


class _Kept:
    """The last answer of the database, for a few seconds, by one thread for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = 0.0
        self._overview: Overview | None = None

    def overview(self) -> Overview | None:
        """None while the database is away."""
        with self._lock:
            if self._at and time.monotonic() - self._at < KEPT_S:
                return self._overview
            first = datetime.now(UTC).date() - timedelta(days=rules.DAYS - 1)
            try:
                self._overview = context.database().tenant(NO_RESTAURANT, lambda conn: status.overview(conn, first))
            except UnavailableError:
                self._overview = None
            self._at = time.monotonic()
            return self._overview

    def forget(self) -> None:
        with self._lock:
            self._at = 0.0


def kept() -> _Kept:
    """This process's."""
    made: _Kept = current_app.extensions.setdefault(KEPT, _Kept())
    return made


@blueprint.get("/status")
@anyone
def show() -> ResponseReturnValue:
    found, now = kept().overview(), datetime.now(UTC)
    incidents: Sequence[Incident] = found.incidents if found else ()
    body = render_template(
        "status.html",
        components=shown(found, now),
        open=[one for one in incidents if one.ended_at is None],
        over=[one for one in incidents if one.ended_at is not None],
        known=found is not None,
        days=rules.DAYS,
        now=now,
        names=names(),
        states=states(),
        impacts=impacts(),
        zone="UTC",
        told=told,
    )
    return body, 200 if found else 503


def shown(found: Overview | None, now: datetime) -> tuple[ShownComponent, ...]:
    dates = [now.date() - timedelta(days=ago) for ago in reversed(range(rules.DAYS))]
    return tuple(_component(component, found, dates, now) for component in rules.COMPONENTS)


def _component(name: Component, found: Overview | None, dates: Sequence[date], now: datetime) -> ShownComponent:
    if found is None:
        return ShownComponent(name, None, tuple(ShownDay(day, None, 0) for day in dates), None)
    standing = found.standing.get(name)
    fresh = standing is not None and (now - standing.looked_at).total_seconds() < rules.LOOKED_WITHIN_S
    history: Mapping[date, Day] = found.days.get(name, {})
    days = [history.get(day, Day()) for day in dates]
    return ShownComponent(
        name,
        standing.state if standing is not None and fresh else None,
        tuple(ShownDay(day, one.state, round(one.down_s / 60)) for day, one in zip(dates, days, strict=True)),
        rules.uptime(days),
    )


def told(french: str, english: str) -> tuple[str, str]:
    """The text in the reader's language, or the one that there is, and which that is."""
    first, other = ("fr", "en") if language.current() == "fr" else ("en", "fr")
    texts = {"fr": french, "en": english}
    return (texts[first], first) if texts[first] else (texts[other], other)


def names() -> dict[Component, str]:
    return {
        "lines": _("Phone lines"),
        "answering": _("Call answering"),
        "orders": _("Orders"),
        "admin": _("Restaurants' pages"),
        "messages": _("Messages and webhooks"),
    }


def states() -> dict[State | None, str]:
    return {"up": _("Working"), "degraded": _("Disturbed"), "down": _("Out of service"), None: _("Not known")}


def impacts() -> dict[str, str]:
    return {"degraded": _("Disturbance"), "down": _("Outage"), "maintenance": _("Maintenance")}
