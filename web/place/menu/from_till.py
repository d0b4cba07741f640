"""The till's menu beside the restaurant's: what would be new, different and gone, and what has no place here.

What was looked at is what is taken over: when the till or somebody here has changed something since, it is shown anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu_changes import Change, changes
from domain.menu_rules import Problem, problems
from domain.till_menus import Loss
from eventing import till_menus as taking
from eventing.menus import Changed, InvalidMenuError
from integrations.catalogue import PROVIDERS
from stores import connections, menu_versions, menus, till_menus
from stores.connections import Connection as Connected
from stores.postgres import Connection
from stores.till_menus import Told
from web.access import managers
from web.place.menu.area import SOURCE, blueprint
from web.place.menu.problem_words import change_words, loss_said, said
from web.place.tenancy import actor, in_restaurant, restaurant
from web.words import _


@dataclass(frozen=True, slots=True)
class Beside:
    """``till`` None: none is connected. ``told`` None: it has said nothing yet."""

    till: Connected | None
    told: Told | None = None
    version: int = 0
    differing: tuple[Change, ...] = ()
    losses: tuple[Loss, ...] = ()
    wrong: tuple[Problem, ...] = ()


@blueprint.get("/menu/till")
@managers
def show_till() -> ResponseReturnValue:
    return _page()


@blueprint.post("/menu/till")
@managers
def take_till() -> ResponseReturnValue:
    owner, who = restaurant(), actor()
    seen = request.form.get("digest", ""), request.form.get("version", type=int)

    async def work(connection: Connection) -> Changed | None:
        await menus.lock(connection, owner.id)
        till = await _till(connection)
        told = await till_menus.get(connection, till.id) if till else None
        if told is None or seen != (told.digest, await menu_versions.newest_number(connection, owner.id)):
            return None
        return await taking.take_over(connection, owner, told, who, source=SOURCE)

    try:
        changed = in_restaurant(work)
    except InvalidMenuError:
        changed = None
    if changed is None:
        return _page(_("Something has changed meanwhile: look at it once more.")), 409
    number = len(changed.changes)
    flash(_("The till’s menu is yours now: %(number)s changes. Undo takes them all back.", number=number), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/menu/till/read")
@managers
def read_till() -> ResponseReturnValue:
    owner = restaurant().id

    async def work(connection: Connection) -> bool:
        till = await _till(connection)
        if till is None or till.provider not in PROVIDERS or not PROVIDERS[till.provider].reads_menu:
            return False
        await taking.have_read(connection, owner, till.id, source=SOURCE)
        return True

    if in_restaurant(work):
        flash(_("The till is asked: its menu stands here in a few seconds."), "good")
    return redirect(url_for(".show_till"), 303)


async def _till(connection: Connection) -> Connected | None:
    on = await connections.in_use(connection, restaurant().id)
    return next((one for one in on if one.service == "till"), None)


async def _beside(connection: Connection) -> Beside:
    owner = restaurant()
    till = await _till(connection)
    told = await till_menus.get(connection, till.id) if till else None
    if told is None:
        return Beside(till)
    before, taken = await taking.preview(connection, owner, told)
    known = set(problems(before))
    return Beside(
        till,
        told,
        await menu_versions.newest_number(connection, owner.id),
        changes(before, taken.menu),
        taken.losses,
        tuple(one for one in problems(taken.menu) if one not in known),
    )


def _page(problem: str = "") -> str:
    beside = in_restaurant(_beside)
    return render_template(
        "place/menu/till.html",
        beside=beside,
        provider=PROVIDERS.get(beside.till.provider) if beside.till else None,
        problem=problem,
        said=said,
        loss_said=loss_said,
        **change_words(beside.differing),
    )
