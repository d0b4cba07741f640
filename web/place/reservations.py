"""The day's reservations, by time and by table: made by hand, changed, seated, cancelled; and who waits for a table.

Two may act on one reservation. Each sends the status that the page showed, and the slower one is told how it stands now
(409). A change, its event and its audit entry are one transaction; the live feed is told afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import cast, get_args

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain import hours
from domain.calendars import Span
from domain.errors import Refused
from domain.reservations import MOVES, Book, CancelReason, Status
from eventing import deposit_settling, depositing, reserving
from eventing.reserving import NoTableFreeError
from stores import connections, deposits, dining, errands, live, reservations, waiting_list
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.reservations import Reservation, StatusChangedError, TableTakenError
from stores.waiting_list import WaitingParty
from web import connection_words, context, formats, language, words
from web.access import managers, staff
from web.database import Work
from web.forms import Form
from web.live.news import tell
from web.place import reservation_form
from web.place.reservation_days import plan
from web.place.reservation_form import LONGEST_NOTE, Typed
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("reservations", __name__)

SOURCE = "/web"
MOST = 500  # reservations of a day
MOST_WAITING = 60
_KINDS = (live.ReservationChanged,)


# --- A day ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """What is written of a day; ``waiting`` are those who wait for a table on it."""

    day: date
    book: Book
    reservations: tuple[Reservation, ...]
    waiting: tuple[WaitingParty, ...]


@blueprint.get("/reservations")
@staff
def index() -> ResponseReturnValue:
    return render_template("place/reservations/day.html", **_day(_asked_day()))


@blueprint.get("/reservations/stream")
@staff
def stream() -> Response:
    day = _asked_day()
    return context.streams().response(
        restaurant().id, _KINDS, lambda: render_template("place/reservations/_day.html", **_day(day))
    )


def _asked_day() -> date:
    today = formats.local_day(datetime.now(UTC), restaurant().zone)
    typed = request.args.get("day", "")
    return (formats.parse_day(typed) or today) if typed else today


def _day(day: date) -> dict[str, object]:
    place, now = restaurant(), datetime.now(UTC)
    since, until = formats.day_span(day, place.zone)

    async def work(connection: Connection) -> Day:
        # Around noon: what an answer looks at reaches from before the day's first hour to after its last.
        book = await dining.book(connection, place.id, since + (until - since) / 2)
        pii = context.pii()
        found = await reservations.between(connection, place.id, since, until, limit=MOST, pii=pii)
        waiting = await waiting_list.between(connection, place.id, since, until, limit=MOST_WAITING, pii=pii)
        return Day(day, book, found, waiting)

    found = in_restaurant(work)
    # Not within the work above: whose tables are many and all taken takes a while to look through, and the loop that
    # asks Postgres is everybody's. None while nothing is free.
    offers = tuple((one, reservation_form.offer(place, found.book, now, one)) for one in found.waiting)
    here = [one for one in found.reservations if one.starts_at >= since]
    opening = hours.openings_between(place, since, until - timedelta(seconds=1))
    over = ("cancelled", "no_show", "finished")
    return {
        "day": day,
        "long_day": formats.long_date(day, language.current()).capitalize(),
        "today": formats.local_day(now, place.zone),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "open": [one for one in here if one.status not in over],
        "over": [one for one in here if one.status in over],
        "covers": sum(one.covers for one in here if one.status not in ("cancelled", "no_show")),
        "waiting": offers,
        "opening": opening,
        "closed": _closed(found.book, now, since, until),
        "open_all_day": any(opens <= since and closes >= until for opens, closes in opening),
        "plan": plan(place, found.book.tables, found.reservations, since, until),
        "table_names": {table.id: table.name for table in found.book.tables},
        "now": now,
    }


def _closed(book: Book, now: datetime, since: datetime, until: datetime) -> tuple[Span, ...]:
    """When the restaurant's calendar has something on the day, in so far as that is known."""
    calendar = book.calendar
    if calendar is None or calendar.busy is None or not calendar.tells(now, max(now, since)):
        return ()
    met = (one for one in calendar.busy.spans if one.starts_at < until and since < one.ends_at)
    return tuple(Span(max(one.starts_at, since), min(one.ends_at, until)) for one in met)


# --- A new one -----------------------------------------------------------------------------------------------------


@blueprint.get("/reservations/new")
@staff
def new() -> ResponseReturnValue:
    saved = {"day": _asked_day().isoformat(), "covers": 2}
    return _form_page(Typed.saved(saved, request.args.getlist("table")))


@blueprint.post("/reservations/new")
@staff
def create() -> ResponseReturnValue:
    """With ``use_time``, a time that was proposed, in place of the one that is in the form."""
    typed = Typed.sent(request.form, restaurant())
    if typed.asked is None:
        return _form_page(typed, status=422)
    asked, place, pii = typed.asked, restaurant(), context.pii()

    async def work(connection: Connection) -> Reservation:
        made = await reserving.reserve(connection, place, asked, datetime.now(UTC), pii, source=SOURCE)
        await audit(connection, "reservations.created", subject=made.id, after=_shown(made))
        return made

    made = _try(typed, work)
    if made is None:
        return _form_page(typed, status=409 if typed.is_full else 422)
    flash(_("The reservation is made."), "good")
    return _back_to(made)


@blueprint.post("/reservations/waiting")
@staff
def wait() -> ResponseReturnValue:
    """What was typed for a reservation goes on the waiting list."""
    typed = Typed.sent(request.form, restaurant())
    if typed.asked is None:
        return _form_page(typed, status=422)
    asked, owner, pii = typed.asked, restaurant().id, context.pii()

    async def work(connection: Connection) -> None:
        party = await waiting_list.add(
            connection,
            owner,
            asked.starts_at,
            asked.covers,
            name=asked.name,
            phone=asked.phone,
            note=asked.note,
            pii=pii,
        )
        after = {"covers": asked.covers, "wanted_at": asked.starts_at}
        await audit(connection, "reservations.waiting", subject=party, after=after)

    in_restaurant(work)
    tell(owner, live.ReservationChanged())
    flash(_("They are on the waiting list."), "good")
    day = formats.local_day(asked.starts_at, restaurant().zone)
    return redirect(url_for(".index", day=day.isoformat(), _anchor="waiting"), 303)


@blueprint.post("/reservations/waiting/<uuid:party_id>/offer")
@staff
def offer(party_id: str) -> ResponseReturnValue:
    """Hold the table that is free for them now, until they have said yes."""
    place, pii, now = restaurant(), context.pii(), datetime.now(UTC)

    async def work(connection: Connection) -> tuple[WaitingParty, Reservation | None]:
        await dining.lock(connection, place.id)
        party = await waiting_list.get(connection, str(party_id), pii=pii)
        asked = reservation_form.asked_for(party)
        try:
            made = await reserving.reserve(connection, place, asked, now, pii, source=SOURCE)
        except (NoTableFreeError, Refused):  # or no table is given at that time any more
            return party, None
        await waiting_list.offered(connection, party.id, made.id)
        await audit(connection, "reservations.offered", subject=made.id, after=_shown(made))
        return party, made

    try:
        party, made = in_restaurant(work)
    except NotFoundError:
        abort(404)
    day = formats.local_day(party.wanted_at, place.zone).isoformat()
    if made is None:
        flash(_("Nothing is free for them any more."), "error")
        return redirect(url_for(".index", day=day, _anchor="waiting"), 303)
    tell(place.id, live.ReservationChanged(reservation_id=made.id))
    flash(_("The table is held. Call them, then confirm or release it."), "good")
    return redirect(url_for(".show", reservation_id=made.id), 303)


@blueprint.post("/reservations/waiting/<uuid:party_id>/leave")
@staff
def leave(party_id: str) -> ResponseReturnValue:
    owner, now = restaurant().id, datetime.now(UTC)

    async def work(connection: Connection) -> WaitingParty:
        party = await waiting_list.get(connection, str(party_id))
        await waiting_list.leave(connection, party.id, now)
        await audit(connection, "reservations.left_waiting", subject=party.id)
        return party

    try:
        party = in_restaurant(work)
    except NotFoundError:
        abort(404)
    tell(owner, live.ReservationChanged())
    day = formats.local_day(party.wanted_at, restaurant().zone).isoformat()
    return redirect(url_for(".index", day=day, _anchor="waiting"), 303)


# --- One that there is ---------------------------------------------------------------------------------------------


@blueprint.get("/reservations/<uuid:reservation_id>")
@staff
def show(reservation_id: str) -> ResponseReturnValue:
    return _one_page(str(reservation_id))


@blueprint.post("/reservations/<uuid:reservation_id>")
@staff
def change(reservation_id: str) -> ResponseReturnValue:
    key, place, pii = str(reservation_id), restaurant(), context.pii()
    typed = Typed.sent(request.form, place)
    if typed.asked is None:
        return _one_page(key, typed=typed, status=422)
    asked = typed.asked

    async def work(connection: Connection) -> Reservation:
        before = await reservations.get(connection, key)
        changed = await reserving.change(connection, place, key, asked, datetime.now(UTC), pii, source=SOURCE)
        await audit(connection, "reservations.changed", subject=key, before=_shown(before), after=_shown(changed))
        return changed

    try:
        changed = _try(typed, work)
    except StatusChangedError:
        return _one_page(key, typed=typed, conflict=True, status=409)
    except NotFoundError:
        abort(404)
    if changed is None:
        return _one_page(key, typed=typed, status=409 if typed.is_full else 422)
    flash(_("The reservation is changed."), "good")
    return _back_to(changed)


@blueprint.post("/reservations/<uuid:reservation_id>/refund")
@managers
def refund(reservation_id: str) -> ResponseReturnValue:
    """Send back the deposit of a booking that its guest has cancelled."""
    key, place, pii = str(reservation_id), restaurant(), context.pii()

    async def work(connection: Connection) -> bool:
        paid = await depositing.latest(connection, place.id, key)
        deposit = await depositing.lock(connection, place.id, paid.id) if paid else None
        if deposit is None or not await deposit_settling.give_back(connection, deposit, pii):
            return False
        after = {"deposit": deposit.amount_cents, "state": "refund_due"}
        await audit(connection, "reservations.deposit_refunded", subject=key, after=after)
        return True

    try:
        if not in_restaurant(work):
            flash(_("There is nothing that could be sent back."), "error")
    except NotFoundError:
        flash(_("The payment service is no longer connected. Send the money back on its own pages."), "error")
    return redirect(url_for(".show", reservation_id=key), 303)


@blueprint.post("/reservations/<uuid:reservation_id>/status")
@staff
def set_status(reservation_id: str) -> ResponseReturnValue:
    """``move`` is ``<status seen>:<status wanted>``."""
    seen, _colon, to = request.form.get("move", "").partition(":")
    if to == "cancelled" or to not in MOVES.get(cast(Status, seen), ()):
        abort(400)
    return _move(str(reservation_id), cast(Status, seen), to)


@blueprint.post("/reservations/<uuid:reservation_id>/cancel")
@staff
def cancel(reservation_id: str) -> ResponseReturnValue:
    form, seen = Form(request.form), request.form.get("seen", "")
    if "cancelled" not in MOVES.get(cast(Status, seen), ()):
        abort(400)
    reason = form.choice("reason", _("Reason"), get_args(CancelReason))
    note = form.text("cancel_note", _("In words"), most=LONGEST_NOTE)
    if reason == "other" and not note:
        form.refuse("cancel_note", _("In words: it is empty. Write why the reservation is cancelled."))
    if form.problems:
        return _one_page(str(reservation_id), cancelling=form, status=422)
    return _move(str(reservation_id), cast(Status, seen), "cancelled", cast(CancelReason, reason), note)


def _move(
    key: str, seen: Status, to: Status, reason: CancelReason | None = None, note: str = ""
) -> ResponseReturnValue:
    owner, now = restaurant().id, datetime.now(UTC)
    action = "reservations.cancelled" if to == "cancelled" else "reservations.moved"

    async def work(connection: Connection) -> Reservation:
        moved = await reserving.move(connection, owner, key, seen, to, now, reason=reason, note=note, source=SOURCE)
        after = {"status": to} | ({"reason": reason} if reason else {})
        await audit(connection, action, subject=key, before={"status": seen}, after=after)
        return moved

    try:
        moved = in_restaurant(work)
    except NotFoundError:
        abort(404)
    except StatusChangedError:
        return _one_page(key, conflict=True, status=409)
    except TableTakenError:
        return _one_page(key, taken=True, status=409)
    tell(owner, live.ReservationChanged(reservation_id=key))
    return _back_to(moved)


def _try(typed: Typed, work: Work[Reservation]) -> Reservation | None:
    """What was written; None when it could not be, with the reason at its field and other times in ``typed``."""
    written = typed.tried(lambda: in_restaurant(work))
    if written is not None:
        tell(restaurant().id, live.ReservationChanged(reservation_id=written.id))
    return written


def _back_to(one: Reservation) -> ResponseReturnValue:
    day = formats.local_day(one.starts_at, restaurant().zone)
    return redirect(url_for(".index", day=day.isoformat(), _anchor=f"r-{one.id}"), 303)


def _shown(one: Reservation) -> dict[str, object]:
    """For the log: nothing personal."""
    return {"starts_at": one.starts_at, "covers": one.covers, "tables": len(one.table_ids), "status": one.status}


def _form_page(typed: Typed, status: int = 200) -> ResponseReturnValue:
    owner = restaurant().id
    tables = in_restaurant(lambda connection: dining.tables(connection, owner))
    return render_template("place/reservations/new.html", typed=typed, tables=tables), status


def _one_page(
    key: str,
    *,
    typed: Typed | None = None,
    cancelling: Form | None = None,
    conflict: bool = False,
    taken: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    place, pii = restaurant(), context.pii()

    async def work(connection: Connection) -> dict[str, object]:
        one = await reservations.get(connection, key, pii=pii)
        asked = await deposits.of_reservation(connection, place.id, key)
        told = [await errands.about(connection, place.id, subject) for subject in (key, *(one.id for one in asked))]
        return {
            "one": one,
            "tables": await dining.tables(connection, place.id),
            "deposit": asked[-1] if asked else None,
            "steps": sorted(chain.from_iterable(told), key=lambda step: step.created_at),
            "connected": {one.id: one for one in await connections.of_restaurant(connection, place.id)},
        }

    try:
        found = in_restaurant(work)
    except NotFoundError:
        abort(404)
    one = cast(Reservation, found["one"])
    page = render_template(
        "place/reservations/reservation.html",
        **found,
        typed=typed or Typed.of(one, place),
        cancelling=cancelling or Form(saved={}),
        cancel_choices={"": _("Choose")} | words.booking_cancel_reasons(),
        conflict=conflict,
        taken=taken,
        moves=MOVES[one.status],
        day=formats.local_day(one.starts_at, place.zone),
    )
    return page, status


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {
        "statuses": words.reservation_statuses(),
        "cancel_reasons": words.booking_cancel_reasons(),
        "next_moves": MOVES,
        "move_word": _move_word,
        "names_of": _names_of,
        "deposit_states": words.deposit_states(),
        "step_kinds": connection_words.kinds(),
        "step_states": connection_words.states(),
    }


def _move_word(seen: Status, to: Status) -> str:
    found = words.booking_moves()
    if to == "confirmed" and seen in ("seated", "no_show"):
        return found["back"]
    return found["seated_again"] if seen == "finished" else found[to]


def _names_of(table_ids: tuple[str, ...], names: Mapping[str, str]) -> str:
    return " + ".join(names[one] for one in table_ids if one in names)
