"""Who changed what on the menu, and how it was before: one step back, or to any state that is kept."""

from datetime import UTC, datetime

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu import Menu
from domain.menu_changes import changes
from eventing import menus as menu_changes
from eventing.menus import Changed, InvalidMenuError
from stores import menu_versions, menus
from stores.errors import NotFoundError
from stores.menu_versions import MenuVersion
from stores.postgres import Connection
from web.access import managers
from web.place.menu.area import SOURCE, blueprint
from web.place.menu.problem_words import fields_of, kinds, reasons
from web.place.tenancy import actor, in_restaurant, restaurant
from web.words import _

PAGE = 30


@blueprint.get("/menu/versions")
@managers
def list_versions() -> ResponseReturnValue:
    below = request.args.get("below", type=int)
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> tuple[tuple[MenuVersion, ...], int]:
        found = await menu_versions.recent(connection, restaurant_id, PAGE + 1, below)
        return found, await menu_versions.newest_number(connection, restaurant_id)

    found, newest = in_restaurant(work)
    return render_template(
        "place/menu/versions.html",
        versions=found[:PAGE],
        newest=newest,
        more=found[PAGE - 1].number if len(found) > PAGE else None,
        reasons=reasons(),
        kinds=kinds(),
        fields_of=fields_of,
    )


@blueprint.get("/menu/versions/at")
@managers
def version_at() -> ResponseReturnValue:
    """The menu that callers were told at ``moment`` (ISO 8601, with its zone)."""
    restaurant_id = restaurant().id
    try:
        moment = datetime.fromisoformat(request.args.get("moment", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        abort(400)
    number = in_restaurant(lambda connection: menu_versions.live_at(connection, restaurant_id, moment))
    if number is None:
        flash(_("No version of that time is kept: this is the menu of today."), "good")
        return redirect(url_for(".index"), 303)
    return redirect(url_for(".show_version", number=number), 303)


@blueprint.get("/menu/versions/<int:number>")
@managers
def show_version(number: int) -> ResponseReturnValue:
    """The menu as it was, and what putting it back would change."""
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> tuple[Menu, Menu, int]:
        then = await menu_versions.snapshot(connection, restaurant_id, number)
        now = await menus.load(connection, restaurant_id)
        return then, now, await menu_versions.newest_number(connection, restaurant_id)

    try:
        then, now, newest = in_restaurant(work)
    except NotFoundError:
        abort(404)
    differing = changes(now, menu_changes.as_available(then, now))
    return render_template(
        "place/menu/version.html",
        number=number,
        menu=then,
        newest=newest,
        differing=differing,
        kinds=kinds(),
        fields_of=fields_of,
    )


@blueprint.post("/menu/versions/<int:number>/restore")
@managers
def restore_version(number: int) -> ResponseReturnValue:
    return _put_back(number, "restore", _("The menu is as it was in version %(number)s.", number=number))


@blueprint.post("/menu/versions/<int:number>/undo")
@managers
def undo_version(number: int) -> ResponseReturnValue:
    return _put_back(number, "undo", _("The last change is undone."))


def _put_back(number: int, how: str, done: str) -> ResponseReturnValue:
    restaurant_id, who = restaurant().id, actor()
    work = menu_changes.undo if how == "undo" else menu_changes.restore

    async def change(connection: Connection) -> Changed:
        return await work(connection, restaurant_id, who, number, source=SOURCE)

    try:
        in_restaurant(change)
    except NotFoundError:
        flash(_("Somebody has changed the menu since: look at the versions and choose."), "error")
        return redirect(url_for(".list_versions"), 303)
    except InvalidMenuError:
        flash(_("That version cannot be put back: it breaks rules that hold today."), "error")
        return redirect(url_for(".list_versions"), 303)
    flash(done, "good")
    return redirect(url_for(".index"), 303)
