"""The dining rooms: their tables, which of those are joined, what is closed; and what the restaurant books by."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from domain.deposits import LONGEST_MINUTES, SHORTEST_MINUTES
from domain.money import decimal_text
from domain.reservations import MAX_COVERS, DiningTable, Rules
from stores import connections, dining
from stores.dining import Room, RoomExistsError, TableInUseError
from stores.errors import NotFoundError
from stores.postgres import Connection
from web import formats, language
from web.access import managers
from web.forms import Form
from web.place import changes
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("rooms", __name__)

MAX_ROOMS = 20
MAX_TABLES = 60  # in a room
MAX_JOINS = 6
BLANK_ROWS = 3
LONGEST_NAME = 40
MAX_SEATS = 100
MOST_DEPOSIT = 50_000  # cents
_STAYS = ("stay_2", "stay_4", "stay_6", "stay_more")


@blueprint.get("/rooms")
@managers
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/rooms/rules")
@managers
def save_rules() -> ResponseReturnValue:
    form, owner = Form(request.form), restaurant().id
    stays = [form.integer(name, label, 15, 600) for name, label in zip(_STAYS, _stay_labels(), strict=True)]
    wanted = Rules(
        taken=form.is_on("taken"),
        notice_minutes=form.integer("notice_minutes", _("How short before"), 0, 10_080),
        horizon_days=form.integer("horizon_days", _("How far ahead"), 1, 365),
        max_covers=form.integer("max_covers", _("Largest party"), 1, MAX_COVERS),
        last_seating_minutes=form.integer("last_seating_minutes", _("Last seating"), 0, 300),
        stay_minutes=tuple(stays),
        deposit_cents=form.cents("deposit", _("Deposit for each guest")) if form.typed("deposit").strip() else 0,
        deposit_from_covers=form.integer("deposit_from_covers", _("From so many guests on"), 1, MAX_COVERS),
        deposit_minutes=form.integer("deposit_minutes", _("To be paid within"), SHORTEST_MINUTES, LONGEST_MINUTES),
    )
    if wanted.deposit_cents > MOST_DEPOSIT:
        most = formats.money(MOST_DEPOSIT, restaurant().currency, language.current())
        form.refuse("deposit", _("Deposit for each guest: at most %(most)s.", most=most))
    if form.problems:
        return _page(rules=form, status=422)

    async def work(connection: Connection) -> None:
        before = await dining.rules(connection, owner)
        if before == wanted:
            return
        await dining.set_rules(connection, owner, wanted)
        await audit(connection, "rooms.rules_changed", subject=owner, before=asdict(before), after=asdict(wanted))
        await changes.tell(connection, owner, "reservation_rules")

    in_restaurant(work)
    flash(_("Saved. It holds from the next reservation on."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/rooms")
@managers
def add_room() -> ResponseReturnValue:
    form, owner = Form(request.form), restaurant().id
    name = form.text("new_room", _("Name"), most=LONGEST_NAME, required=True)
    if form.problems:
        return _page(adding=form, status=422)

    async def work(connection: Connection) -> str:
        await dining.lock(connection, owner)
        if len(await dining.rooms(connection, owner)) >= MAX_ROOMS:
            return _("Rooms: at most %(most)s.", most=MAX_ROOMS)
        try:
            room_id = await dining.add_room(connection, owner, name)
        except RoomExistsError:
            return _taken()
        await audit(connection, "rooms.added", subject=room_id, after={"name": name})
        await changes.tell(connection, owner, "rooms")
        return ""

    problem = in_restaurant(work)
    if problem:
        form.refuse("new_room", problem)
        return _page(adding=form, status=422)
    flash(_("The room is added. Now give it its tables."), "good")
    return redirect(url_for(".index", _anchor="new-room"), 303)


@blueprint.post("/rooms/<uuid:room_id>")
@managers
def save_room(room_id: str) -> ResponseReturnValue:
    """The room and all its tables at once. A table whose name is emptied is gone."""
    form, key, owner = Form(request.form), str(room_id), restaurant().id
    wanted = _sent_room(form, key)
    if form.problems:
        return _page(room_id=key, room=form, status=422)

    async def work(connection: Connection) -> str:
        try:
            before = await dining.save_room(connection, owner, wanted, datetime.now(UTC))
        except RoomExistsError:
            form.refuse(f"{key}-name", _taken())
        except TableInUseError as used:
            form.refuse(f"{key}-name", _in_use(used))
        else:
            after = await dining.get_room(connection, owner, key)
            if after != before:
                shown = {"before": _shown(before), "after": _shown(after)}
                await audit(connection, "rooms.changed", subject=key, **shown)
                await changes.tell(connection, owner, "rooms")
        return ""

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    if form.problems:
        return _page(room_id=key, room=form, status=422)
    flash(_("The room is saved."), "good")
    return redirect(url_for(".index", _anchor=f"room-{key}"), 303)


@blueprint.post("/rooms/<uuid:room_id>/remove")
@managers
def remove_room(room_id: str) -> ResponseReturnValue:
    key, owner = str(room_id), restaurant().id

    async def work(connection: Connection) -> None:
        before = await dining.remove_room(connection, owner, key, datetime.now(UTC))
        await audit(connection, "rooms.removed", subject=key, before=_shown(before))
        await changes.tell(connection, owner, "rooms")

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    except TableInUseError as used:
        flash(_in_use(used), "error")
        return redirect(url_for(".index", _anchor=f"room-{key}"), 303)
    flash(_("The room is removed."), "good")
    return redirect(url_for(".index"), 303)


# --- What is typed -------------------------------------------------------------------------------------------------


def _sent_room(form: Form, key: str) -> Room:
    """As typed; a new table's id is its row until it is saved."""
    name = form.text(f"{key}-name", _("Name"), most=LONGEST_NAME, required=True)
    rows = [number for number in range(MAX_TABLES + BLANK_ROWS) if form.typed(f"{key}-{number}-name").strip()]
    if len(rows) > MAX_TABLES:
        form.refuse(f"{key}-{rows[-1]}-name", _("Tables: at most %(most)s in a room.", most=MAX_TABLES))
    tables = [_sent_table(form, f"{key}-{number}-", name) for number in rows]
    by_name: dict[str, DiningTable] = {}
    for number, table in zip(rows, tables, strict=True):
        if table.name.casefold() in by_name:
            form.refuse(f"{key}-{number}-name", _("Name: another table of this room has it."))
        by_name[table.name.casefold()] = table
    joined = tuple(
        replace(table, joins=_sent_joins(form, f"{key}-{number}-joins", table, by_name))
        for number, table in zip(rows, tables, strict=True)
    )
    for number, table in zip(rows, joined, strict=True):
        # Who is beside whom holds for both, whichever row says so.
        if len(table.joins | {other.id for other in joined if table.id in other.joins}) > MAX_JOINS:
            form.refuse(f"{key}-{number}-joins", _too_many_joins())
    return Room(key, name, form.is_on(f"{key}-open"), joined)


def _sent_table(form: Form, prefix: str, room: str) -> DiningTable:
    most = form.integer(f"{prefix}seats", _("Seats"), 1, MAX_SEATS)
    least = form.integer(f"{prefix}least", _("At least"), 1, MAX_SEATS) if form.typed(f"{prefix}least").strip() else 1
    if least > most:
        form.refuse(f"{prefix}least", _("At least: not more than the table seats."))
    name = form.text(f"{prefix}name", _("Name"), most=LONGEST_NAME)
    return DiningTable(form.typed(f"{prefix}id") or prefix, room, name, most, least)


def _sent_joins(form: Form, field: str, table: DiningTable, by_name: dict[str, DiningTable]) -> frozenset[str]:
    names = [name.strip() for name in form.typed(field).split(",") if name.strip()]
    unknown = [name for name in names if name.casefold() not in by_name or by_name[name.casefold()] is table]
    if unknown:
        form.refuse(field, _("Beside: “%(name)s” is no other table of this room.", name=unknown[0][:LONGEST_NAME]))
        return frozenset()
    if len(names) > MAX_JOINS:
        form.refuse(field, _too_many_joins())
    return frozenset(by_name[name.casefold()].id for name in names)


# --- What is shown -------------------------------------------------------------------------------------------------


def _page(
    *,
    rules: Form | None = None,
    adding: Form | None = None,
    room_id: str = "",
    room: Form | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """``room`` is what was sent for the room ``room_id``, the other forms hold what is saved."""
    owner = restaurant().id

    async def work(connection: Connection) -> tuple[Rules, tuple[Room, ...], bool]:
        on = {one.service for one in await connections.in_use(connection, owner)}
        by_link = {"payments", "messages"} <= on
        return await dining.rules(connection, owner), await dining.rooms(connection, owner), by_link

    present, found, by_link = in_restaurant(work)
    if room_id and room_id not in {one.id for one in found}:
        abort(404)
    page = render_template(
        "place/rooms/rooms.html",
        rules=rules or Form(saved=_saved_rules(present)),
        asks_by_link=by_link,
        stay_labels=dict(zip(_STAYS, _stay_labels(), strict=True)),
        adding=adding or Form(MultiDict()),
        rooms=[(one, room if room and one.id == room_id else Form(saved=_saved(one)), _rows(one)) for one in found],
        full=len(found) >= MAX_ROOMS,
        seats=sum(table.seats for one in found for table in one.tables if one.open),
    )
    return page, status


def _saved_rules(rules: Rules) -> dict[str, object]:
    deposit = decimal_text(rules.deposit_cents) if rules.deposit_cents else ""
    return asdict(rules) | dict(zip(_STAYS, rules.stay_minutes, strict=True)) | {"deposit": deposit}


def _rows(room: Room) -> range:
    """A row for each table, and some that are blank."""
    return range(min(len(room.tables) + BLANK_ROWS, MAX_TABLES))


def _saved(room: Room) -> dict[str, object]:
    names = {table.id: table.name for table in room.tables}
    saved: dict[str, object] = {f"{room.id}-name": room.name, f"{room.id}-open": room.open}
    for number, table in enumerate(room.tables):
        prefix = f"{room.id}-{number}-"
        beside = sorted((names[other] for other in table.joins if other in names), key=lambda name: (len(name), name))
        saved |= {
            f"{prefix}id": table.id,
            f"{prefix}name": table.name,
            f"{prefix}seats": table.seats,
            f"{prefix}least": table.seats_min,
            f"{prefix}joins": ", ".join(beside),
        }
    return saved


def _shown(room: Room) -> dict[str, object]:
    """For the log."""
    tables = [{"name": one.name, "seats": one.seats, "at_least": one.seats_min} for one in room.tables]
    return {"name": room.name, "open": room.open, "tables": tables}


def _stay_labels() -> tuple[str, ...]:
    return (_("Up to 2 guests"), _("Up to 4 guests"), _("Up to 6 guests"), _("Larger parties"))


def _too_many_joins() -> str:
    return _("Beside: at most %(most)s tables.", most=MAX_JOINS)


def _taken() -> str:
    return _("Name: another room has it.")


def _in_use(used: TableInUseError) -> str:
    names = ", ".join(used.names)
    return _("Still reserved: %(names)s. Give those reservations another table first, or cancel them.", names=names)
