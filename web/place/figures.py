"""The restaurant's figures over a stretch of its own days: calls, what came of them, orders, bookings.

Everything is read from the sums by day and hour (``stores.figures``), and what is longer than a quarter from those by
week, so that five years cost what a day does.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from stores import figures
from stores.figures import Sums
from stores.postgres import Connection
from web import formats, language, words
from web.access import managers
from web.place import plots
from web.place.tenancy import figures_of_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("figures", __name__)

STRETCHES = (1, 7, 30)  # days, today the last
MOST_DAYS = 1827
HOURLY_DAYS = 366  # a spreadsheet of more has a line for each week
DAILY_DAYS = 92  # what is longer is told by weeks


@dataclass(frozen=True, slots=True)
class Stretch:
    """Both days are in it. ``days`` is one of STRETCHES, or 0 for days of one's own."""

    first: date
    last: date
    days: int = 0
    typed: tuple[str, str] = ("", "")
    problem: str = ""

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def by_week(self) -> bool:
        return self.length > DAILY_DAYS

    @property
    def link(self) -> dict[str, str]:
        if self.days:
            return {"days": str(self.days)}
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


@blueprint.get("/figures")
@managers
def show() -> ResponseReturnValue:
    stretch = _asked()
    found, bookings = _read(stretch)
    days = _every_week(stretch, found) if stretch.by_week else _every_day(stretch, found)
    by_hour = {one.hour: one for one in found if one.day is None and one.hour is not None}
    hours = [by_hour.get(hour, Sums(None, hour)) for hour in _open_hours(by_hour)]
    page = render_template(
        "place/figures/figures.html",
        stretch=stretch,
        stretches=STRETCHES,
        total=_total(days),
        days=days,
        hours=hours,
        bookings=bookings,
        calls_plot=plots.bars(
            [f"{one.hour}" for one in hours],
            {"answered": [one.answered for one in hours], "missed": [one.missed for one in hours]},
        ),
        revenue_plot=plots.bars(
            [formats.short_day(one.day, language.current()) for one in days if one.day],
            {"revenue": [one.total_cents for one in days]},
        ),
        booking_words=words.booking_statuses(),
    )
    return page, 422 if stretch.problem else 200


@blueprint.get("/figures.csv")
@managers
def download() -> ResponseReturnValue:
    """Every hour in which something happened, for a spreadsheet; every week of more than HOURLY_DAYS."""
    stretch, place = _asked(), restaurant()

    async def work(connection: Connection) -> tuple[Sums, ...]:
        asked = (connection, place.id, stretch.first, stretch.last, place.currency)
        if stretch.length <= HOURLY_DAYS:
            return await figures.sums(*asked, apart=True)
        return tuple(one for one in await figures.sums_by_week(*asked) if one.day is not None)

    rows = figures_of_restaurant(work)
    name = f"{stretch.first.isoformat()}_{stretch.last.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(_csv(rows, place.currency), content_type="text/csv; charset=utf-8", headers=headers)


def _asked() -> Stretch:
    today = formats.local_day(datetime.now(UTC), restaurant().zone)
    first, last = request.args.get("from", "").strip(), request.args.get("to", "").strip()
    days = request.args.get("days", "7")
    length = int(days) if days in map(str, STRETCHES) else 7
    chosen = Stretch(today - timedelta(days=length - 1), today, length, typed=(first, last))
    if not first and not last:
        return chosen
    begins, ends = formats.parse_day(first), formats.parse_day(last or first)
    problem = ""
    if begins is None or ends is None:
        problem = _("Days: one of them is no date. Write them like 2026-11-21.")
    elif ends < begins:
        problem = _("Days: the last one is before the first. Swap them.")
    elif (ends - begins).days >= MOST_DAYS:
        problem = _("Days: at most %(limit)s at once. Choose a later first day.", limit=MOST_DAYS)
    if problem or begins is None or ends is None:
        return Stretch(chosen.first, chosen.last, chosen.days, (first, last), problem)
    return Stretch(begins, ends, 0, (first, last))


def _read(stretch: Stretch) -> tuple[tuple[Sums, ...], dict[str, int]]:
    place = restaurant()
    since, until = formats.day_span(stretch.first, place.zone)[0], formats.day_span(stretch.last, place.zone)[1]

    async def work(connection: Connection) -> tuple[tuple[Sums, ...], dict[str, int]]:
        asked = figures.sums_by_week if stretch.by_week else figures.sums
        found = await asked(connection, place.id, stretch.first, stretch.last, place.currency)
        return found, await figures.bookings(connection, place.id, since, until)

    return figures_of_restaurant(work)


def _every_day(stretch: Stretch, found: Iterable[Sums]) -> list[Sums]:
    """Days without anything, too."""
    by_day = {one.day: one for one in found if one.day is not None}
    days = (stretch.first + timedelta(days=n) for n in range(stretch.length))
    return [by_day.get(day, Sums(day, None)) for day in days]


def _every_week(stretch: Stretch, found: Iterable[Sums]) -> list[Sums]:
    """Weeks without anything, too; the first may begin within one."""
    by_week = {one.day: one for one in found if one.day is not None}
    monday = stretch.first - timedelta(days=stretch.first.weekday())
    begins = [max(monday + timedelta(weeks=n), stretch.first) for n in range((stretch.last - monday).days // 7 + 1)]
    return [by_week.get(week, Sums(week, None)) for week in begins]


def _open_hours(by_hour: dict[int, Sums]) -> range:
    """From the first hour in which anything happened to the last one."""
    return range(min(by_hour), max(by_hour) + 1) if by_hour else range(0)


def _total(days: list[Sums]) -> Sums:
    names = [name for name in Sums.__dataclass_fields__ if name not in ("day", "hour")]
    return Sums(None, None, **{name: sum(getattr(one, name) for one in days) for name in names})


def _csv(rows: Iterable[Sums], currency: str) -> str:
    """Amounts as plain decimals, whatever the language: programs read this."""
    out = io.StringIO()
    writer = csv.writer(out)
    heads = "day hour calls answered missed calls_with_order bookings transferred messages call_seconds orders items"
    writer.writerow(
        [*heads.split(), f"revenue_{currency.lower()}", "cancelled_orders", "voice_usd", "offered", "taken"]
    )
    for one in rows:
        of_calls = (one.calls, one.answered, one.missed, one.ordered, one.booked, one.transferred, one.messages)
        of_orders = (one.orders, one.items, f"{one.total_cents / 100:.2f}", one.cancelled)
        seconds = round(one.duration_ms / 1000)
        writer.writerow(
            [one.day, one.hour, *of_calls, seconds, *of_orders, f"{one.cost_dollars:.2f}", one.offered, one.accepted]
        )
    return out.getvalue()
