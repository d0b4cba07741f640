"""The menu to a spreadsheet and back: every mistake and every change is shown before anything is written.

Between the preview and the yes the rows wait in Redis for a quarter of an hour, under a name that nobody can guess.
"""

from __future__ import annotations

import secrets
import zlib
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain import menu_reading, menu_rows
from domain.menu import Menu
from domain.menu_cells import RowError
from domain.menu_changes import Change, changes
from domain.menu_rules import problems
from eventing.menus import InvalidMenuError
from web import context, language
from web.access import managers
from web.place.menu import pictures, spreadsheets
from web.place.menu.area import blueprint, change, load
from web.place.menu.problem_words import change_words, said
from web.place.menu.spreadsheets import FileError
from web.place.tenancy import restaurant
from web.words import _

WAITING_S = 900
FORM_BYTES = 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
UPLOADS = {
    "menu.preview_import": spreadsheets.MAX_BYTES + FORM_BYTES,
    "menu.put_photo": pictures.MAX_BYTES + FORM_BYTES,
}


class ChangedMeanwhileError(Exception):
    """The rows, read against the menu of now, have mistakes."""


@blueprint.url_value_preprocessor
def allow_uploads(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Before the form is looked at for its token: only these requests may be larger than a form."""
    if endpoint in UPLOADS:
        request.max_content_length = UPLOADS[endpoint]


@blueprint.get("/menu/import")
@managers
def show_import() -> ResponseReturnValue:
    return _page()


@blueprint.get("/menu/export.<any(csv, xlsx):kind>")
@managers
def export_menu(kind: str) -> ResponseReturnValue:
    rows = menu_rows.written(load().menu)
    reader = language.current()
    if kind == "csv":
        body, mimetype = spreadsheets.csv_of(rows, ";" if reader == "fr" else ","), "text/csv; charset=utf-8"
    else:
        body, mimetype = spreadsheets.xlsx_of(rows, _("Menu")), XLSX
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return Response(
        body, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="menu-{day}.{kind}"'}
    )


@blueprint.post("/menu/import")
@managers
def preview_import() -> ResponseReturnValue:
    upload = request.files.get("file")
    try:
        rows = spreadsheets.rows_of(upload.read(spreadsheets.MAX_BYTES + 1) if upload else b"")
    except FileError as refused:
        return _page(problem=_file_problems()[refused.reason]), 422
    menu = load().menu
    found = menu_reading.read(rows, menu)
    mistakes = [(one.row, one.column, _row_problem(one)) for one in found.errors]
    differing: tuple[Change, ...] = ()
    if found.menu is not None:
        known = set(problems(menu))
        mistakes = [(found.rows.get(one.id, 0), "name", said(one)) for one in problems(found.menu) if one not in known]
        differing = changes(menu, found.menu)
    if mistakes:
        return _page(mistakes=sorted(mistakes)), 422
    if not differing:
        return _page(notice=_("The file says what the menu says already: nothing would change."))
    token = secrets.token_urlsafe(24)
    packed = zlib.compress(msgspec.json.encode(rows))
    context.database().redis(lambda redis: redis.set(_key(token), packed, ex=WAITING_S))
    return _page(differing=differing, token=token)


@blueprint.post("/menu/import/<token>")
@managers
def apply_import(token: str) -> ResponseReturnValue:
    packed = context.database().redis(lambda redis: redis.get(_key(token)))
    if not isinstance(packed, bytes):
        return _page(problem=_("The preview is too old. Choose the file again.")), 410
    rows = msgspec.json.decode(zlib.decompress(packed), type=list[list[str]])

    def edit(menu: Menu) -> Menu:
        found = menu_reading.read(rows, menu)
        if found.menu is None:
            raise ChangedMeanwhileError
        return found.menu

    try:
        changed = change(edit, "menu_imported")
    except (InvalidMenuError, ChangedMeanwhileError):
        return _page(problem=_("The menu was changed meanwhile. Choose the file again.")), 409
    context.database().redis(lambda redis: redis.delete(_key(token)))
    flash(_("The menu is imported: %(number)s changes. Undo takes them all back.", number=len(changed.changes)), "good")
    return redirect(url_for(".index"), 303)


def _key(token: str) -> str:
    if len(token) > 64 or not token.isascii():
        abort(404)
    return f"web:menu_import:{restaurant().id}:{token}"


def _page(
    *,
    problem: str = "",
    notice: str = "",
    mistakes: list[tuple[int, str, str]] | None = None,
    differing: tuple[Change, ...] = (),
    token: str = "",
) -> str:
    return render_template(
        "place/menu/import.html",
        problem=problem,
        notice=notice,
        mistakes=mistakes or [],
        differing=differing,
        token=token,
        columns=menu_rows.COLUMNS,
        **change_words(differing),
    )


def _file_problems() -> dict[str, str]:
    return {
        "empty": _("Choose a file first: a spreadsheet (.xlsx) or a CSV file."),
        "too_large": _("The file is too large: at most 2 MB."),
        "no_spreadsheet": _("This is no spreadsheet. Save it as .xlsx or CSV and choose it again."),
        "damaged": _("The file cannot be read. Save it again as .xlsx or CSV."),
    }


def _row_problem(error: RowError) -> str:
    """What is wrong in a cell, and the fix."""
    value = error.value
    sentences = {
        "unknown_row": _(
            "“%(value)s” is no kind of row. Use one of: %(kinds)s.", value=value, kinds=", ".join(menu_rows.KINDS)
        ),
        "no_header": _("The first row must name the columns, with “row” and “name” among them: start from an export."),
        "column_twice": _("This column is there twice: remove one."),
        "no_place": _("A row “%(value)s” must stand behind what it belongs to.", value=value or error.column),
        "no_name": _("A name is missing."),
        "text": _("“%(value)s” is too long, or has signs that cannot be read out.", value=value),
        "price": _("“%(value)s” is no price. Type one like 12.50.", value=value),
        "percent": _("“%(value)s” is no rate in percent. Type one from 0 to 100, like 5.5.", value=value),
        "number": _("“%(value)s” is no whole number.", value=value),
        "yes_no": _("“%(value)s” must be yes or no.", value=value),
        "hours": _("“%(value)s” are no hours. Type days from 1 for Monday, and times: 12345 11:30-14:30.", value=value),
        "halves": _("“%(value)s” is no rule for halves. Use dearer, average or half_each.", value=value),
        "amounts": _("“%(value)s” are no amounts. Use light, extra, side.", value=value),
        "unknown_choice": _("No choice is called “%(value)s”. Add a row for it, or correct the name.", value=value),
        "unknown_item": _("No item is called “%(value)s”. Add a row for it, or correct the name.", value=value),
        "too_many_rows": _("At most %(value)s rows.", value=value),
    }
    return sentences[error.reason]
