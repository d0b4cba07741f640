"""When it is open: the week, dates that differ, public holidays, the last order, and what callers get outside."""

from datetime import UTC, date, datetime, timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain import holidays, hours
from domain.holidays import Holiday
from domain.restaurant import OpeningException, Restaurant
from domain.spoken_time import DAY_MINUTES
from stores import restaurants
from stores.errors import NotFoundError
from stores.postgres import Connection
from web import formats, language, words
from web.access import managers, staff
from web.forms import Form
from web.place import changes
from web.place.forwarding import read_number
from web.place.hours_form import (
    TypedDay,
    Week,
    saved_week,
    sent_day,
    sent_week,
    spans,
    spans_text,
    week_text,
)
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("hours", __name__)

HOLIDAYS_AHEAD = timedelta(days=365)
DATES_AHEAD = timedelta(days=2 * 365)
MAX_DATES = 120
MAX_LAST_ORDER_MINUTES = 240
WHOLE_DAY = (0, DAY_MINUTES)
_OUTSIDE = ("when_closed", "last_order_minutes", "orders_ahead", "fallback_number")


@blueprint.get("/hours")
@staff
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/hours/week")
@managers
def save_week() -> ResponseReturnValue:
    """Save the week; ``same_as`` copies one day's hours to all others first and saves nothing."""
    names = formats.weekdays(language.current())
    week = sent_week(request.form, names)
    copied = request.form.get("same_as", "")
    if copied in ("0", "1", "2", "3", "4", "5", "6"):
        week.days = [TypedDay(list(week.days[int(copied)].pairs)) for _day in week.days]
        return _page(week=week, is_copied=True)
    if not week.is_good:
        return _page(week=week, status=422)
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> None:
        before = await restaurants.openings(connection, restaurant_id)
        if sorted(before, key=str) == sorted(week.openings, key=str):
            return
        await restaurants.set_openings(connection, restaurant_id, week.openings)
        await audit(
            connection,
            "hours.week_changed",
            subject=restaurant_id,
            before=week_text(before),
            after=week_text(week.openings),
        )
        await changes.tell(connection, restaurant_id, "openings")

    in_restaurant(work)
    flash(_("The hours are saved. The next caller is told these."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/hours/dates")
@managers
def save_date() -> ResponseReturnValue:
    """One date that differs: closed, or open at other hours."""
    form = Form(request.form)
    day = _date(form)
    typed = sent_day(request.form, "date")
    found: tuple[tuple[int, int], ...] = ()
    if form.choice("is", _("On this date"), ("closed", "open")) == "open":
        try:
            found = spans(typed.pairs, _("Hours"))
            if not found:
                raise ValueError(_("Hours: when is it open? Give two times, such as 18:00 and 22:30."))
        except ValueError as problem:
            typed.problem = str(problem)
    upcoming = [one for one in restaurant().exceptions if one.day >= _today()]
    if len(upcoming) >= MAX_DATES and day not in {one.day for one in upcoming}:
        form.refuse("day", _("Date: at most %(most)s dates ahead. Remove one first.", most=MAX_DATES))
    if form.problems or typed.problem:
        return _page(date_form=form, date_hours=typed, status=422)
    _set_dates(OpeningException(day, found))
    return redirect(url_for(".index", _anchor="dates"), 303)


@blueprint.post("/hours/dates/<day>/remove")
@managers
def remove_date(day: str) -> ResponseReturnValue:
    restaurant_id = restaurant().id
    try:
        removed = date.fromisoformat(day)
    except ValueError:
        abort(404)
    before = next((one for one in restaurant().exceptions if one.day == removed), None)

    async def work(connection: Connection) -> None:
        await restaurants.remove_exception(connection, restaurant_id, removed)
        await audit(
            connection,
            "hours.date_removed",
            subject=removed.isoformat(),
            before=spans_text(before.spans) if before else None,
        )
        await changes.tell(connection, restaurant_id, "exceptions")

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    flash(_("That date follows the week again."), "good")
    return redirect(url_for(".index", _anchor="dates"), 303)


@blueprint.post("/hours/holidays")
@managers
def close_on_holidays() -> ResponseReturnValue:
    """Closed on one public holiday that is still to come, or (``day=all``) on each that has no hours of its own."""
    chosen = request.form.get("day", "")
    coming = _holidays(restaurant())
    days = [one.day for one in coming if chosen == "all" or one.day.isoformat() == chosen]
    if not days:
        abort(404)
    _set_dates(*(OpeningException(day) for day in days))
    return redirect(url_for(".index", _anchor="holidays"), 303)


@blueprint.post("/hours/outside")
@managers
def save_outside() -> ResponseReturnValue:
    """The last order, orders ahead, and what callers get while it is closed."""
    form = Form(request.form)
    most = MAX_LAST_ORDER_MINUTES
    values: dict[str, object] = {
        "last_order_minutes": form.integer("last_order_minutes", _("Last order"), 0, most),
        "orders_ahead": form.is_on("orders_ahead"),
        "when_closed": form.choice("when_closed", _("While you are closed"), words.when_closed()),
    }
    # One number for both: emptied here, it would leave the other without any.
    forwards = "forward" in (values["when_closed"], restaurant().fallback)
    values["fallback_number"] = read_number(form, restaurant().country, required=forwards)
    if form.problems:
        return _page(outside=form, status=422)
    changes.save("hours.outside_changed", values)
    flash(_("Saved. It holds from the next call on."), "good")
    return redirect(url_for(".index", _anchor="outside"), 303)


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {
        "weekdays": formats.weekdays(language.current()),
        "when_closed": words.when_closed(),
        "holiday_names": words.holidays(),
        "hours_text": lambda spans: _("all day") if tuple(spans) == (WHOLE_DAY,) else spans_text(spans),
    }


def _page(
    *,
    week: Week | None = None,
    date_form: Form | None = None,
    date_hours: TypedDay | None = None,
    outside: Form | None = None,
    is_copied: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    place, now = restaurant(), datetime.now(UTC)
    opening = hours.next_opening(place, now)
    known = {one.day: one.name for one in holidays.between(place.country, _today(), _today() + DATES_AHEAD)}
    page = render_template(
        "place/hours/hours.html",
        week=week or saved_week(place.openings),
        is_copied=is_copied,
        dates=[one for one in place.exceptions if one.day >= _today()],
        date_form=date_form or Form(saved={"is": "closed"}),
        date_hours=date_hours or TypedDay([]),
        outside=outside or Form(saved={name: getattr(place, name) for name in _OUTSIDE}),
        coming=_holidays(place),
        names_of_days=known,
        has_holidays=place.country in holidays.COUNTRIES,
        is_open=hours.is_open(place, now),
        closes=hours.closes_at(place, now),
        opens=opening,
        today=_today(),
    )
    return page, status


def _set_dates(*exceptions: OpeningException) -> None:
    restaurant_id = restaurant().id
    before = {one.day: spans_text(one.spans) for one in restaurant().exceptions}

    async def work(connection: Connection) -> None:
        for one in exceptions:
            await restaurants.set_exception(connection, restaurant_id, one)
            await audit(
                connection,
                "hours.date_set",
                subject=one.day.isoformat(),
                before=before.get(one.day),
                after=spans_text(one.spans),
            )
        await changes.tell(connection, restaurant_id, "exceptions")

    in_restaurant(work)
    flash(_("Saved. The next caller is told these hours."), "good")


def _holidays(place: Restaurant) -> tuple[Holiday, ...]:
    """Those of the next year that have no hours of their own yet."""
    decided = {one.day for one in place.exceptions}
    coming = holidays.between(place.country, _today(), _today() + HOLIDAYS_AHEAD)
    return tuple(one for one in coming if one.day not in decided)


def _today() -> date:
    return hours.local_time(restaurant(), datetime.now(UTC)).date()


def _date(form: Form) -> date:
    today = _today()
    try:
        day = date.fromisoformat(form.typed("day").strip())
    except ValueError:
        form.refuse("day", _("Date: which day? Choose it in the calendar, or type it like 2026-12-24."))
        return today
    if not today <= day <= today + DATES_AHEAD:
        form.refuse("day", _("Date: a day from today on, within two years."))
    return day
