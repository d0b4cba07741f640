"""The restaurant's chain: its houses in the order in which they are offered, and when this one offers a sister.

Each house is a restaurant of its own: what is done to a sister is done for an account that owns her too, and written in
her own history.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import asyncpg
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.chains import MAX_HOUSES
from stores import audit as audit_log
from stores import chains
from stores.chains import ListedHouse, OwnHouse, WhyNotJoined
from stores.postgres import Connection
from web import context
from web.access import owners
from web.forms import Form
from web.place import changes
from web.place.tenancy import audit, in_restaurant, member, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("chain", __name__)

LONGEST_NAME = 60
LONGEST_CHAIN_NAME = 80


@blueprint.get("/chain")
@owners
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/chain")
@owners
def save() -> ResponseReturnValue:
    form, place = Form(request.form), restaurant()
    wanted = OwnHouse(
        called=form.text("called", _("Name of the house"), most=LONGEST_NAME, required=True),
        asks=form.is_on("asks"),
        serves=form.is_on("serves"),
        offers_closed=form.is_on("offers_closed"),
        offers_full=form.is_on("offers_full"),
        offers_outside=form.is_on("offers_outside"),
    )
    if form.problems:
        return _page(own=form)

    async def work(connection: Connection) -> bool:
        before = await chains.own_house(connection, place.id)
        if before is not None and before != wanted:
            await chains.update(connection, place.id, wanted)
            await audit(connection, "chain.changed", subject=place.id, before=asdict(before), after=asdict(wanted))
            await changes.tell(connection, place.id, "chain")
        return before is not None

    try:
        is_in_chain = in_restaurant(work)
    except asyncpg.UniqueViolationError:
        form.refuse("called", _("Name of the house: a sister is called so. Choose another one."))
        return _page(own=form)
    if is_in_chain:
        flash(_("Saved. It holds from the next call on."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/chain/name")
@owners
def rename() -> ResponseReturnValue:
    """The same for all of its houses."""
    form, place, who = Form(request.form), restaurant(), member()
    wanted = form.text("name", _("Name of the chain"), most=LONGEST_CHAIN_NAME, required=True)
    if form.problems:
        return _page(naming=form)

    async def work(connection: Connection) -> None:
        before = await chains.name_of(connection, place.id)
        if await chains.rename(connection, who.id, wanted):
            await audit(connection, "chain.renamed", subject=place.id, before={"name": before}, after={"name": wanted})
            await changes.tell(connection, place.id, "chain")

    in_restaurant(work)
    flash(_("Saved. It holds from the next call on."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/chain/houses")
@owners
def join() -> ResponseReturnValue:
    """Begin a chain with this restaurant; in a chain, bring another of the owner's into it."""
    form, place, who = Form(request.form), restaurant(), member()
    joining = place.id
    if in_restaurant(lambda connection: chains.own_house(connection, place.id)) is not None:
        joining = form.choice("joining", _("Restaurant"), _owned() or {"": ""})
    called = form.text("joining_called", _("Name of the house"), most=LONGEST_NAME, required=True)
    if form.problems:
        return _page(joining=form)

    async def work(connection: Connection) -> WhyNotJoined:
        name = place.name[:LONGEST_CHAIN_NAME]
        why = await chains.join(connection, who.id, who.email, joining, called, name)
        if not why:
            await audit(connection, "chain.joined", subject=joining, after={"called": called})
            await changes.tell(connection, place.id, "chain")
        return why

    why = in_restaurant(work)
    if why:
        _refuse(form, why)
        return _page(joining=form)
    if joining != place.id:
        _in_sister(joining, _written(joining, "chain.joined", after={"called": called}))
    flash(_("The house is in the chain."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/chain/houses/<uuid:house_id>/leave")
@owners
def leave(house_id: str) -> ResponseReturnValue:
    """This restaurant, or a sister of the same owner."""
    place, who, leaving = restaurant(), member(), str(house_id)

    async def work(connection: Connection) -> tuple[ListedHouse, ...] | None:
        before = await chains.listed(connection, place.id)
        if leaving == place.id:
            gone = await chains.leave(connection, place.id)
        else:
            gone = await chains.remove(connection, who.id, leaving)
        if not gone:
            return None
        called = next((one.called for one in before if one.id == leaving), "")
        await audit(connection, "chain.left", subject=leaving, before={"called": called})
        await changes.tell(connection, place.id, "chain")
        return before

    before = in_restaurant(work)
    if before is None:
        abort(404)
    if leaving != place.id:
        _in_sister(leaving, _written(leaving, "chain.left"))
    else:
        # The event of a house that is no sister any more does not reach those that tell of it.
        for one in before:
            if one.id != place.id:
                _in_sister(one.id, _told(one.id))
    flash(_("The house has left the chain."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/chain/houses/<uuid:house_id>/up")
@owners
def move_up(house_id: str) -> ResponseReturnValue:
    """This house is offered before the one that it stood behind."""
    place, who, wanted = restaurant(), member(), str(house_id)

    async def work(connection: Connection) -> bool:
        before = await chains.listed(connection, place.id)
        ids = [one.id for one in before]
        if wanted not in ids:
            return False
        at = ids.index(wanted)
        if at:
            ids[at - 1 : at + 1] = [wanted, ids[at - 1]]
            await chains.set_order(connection, who.id, ids)
            names = {one.id: one.called for one in before}
            order = {"before": [one.called for one in before], "after": [names[one] for one in ids]}
            await audit(connection, "chain.ordered", subject=wanted, **order)
            await changes.tell(connection, place.id, "chain")
        return True

    if not in_restaurant(work):
        abort(404)
    return redirect(url_for(".index", _anchor="houses"), 303)


def _refuse(form: Form, why: WhyNotJoined) -> None:
    match why:
        case "same_name":
            form.refuse("joining_called", _("Name of the house: a sister is called so. Choose another one."))
        case "in_a_chain":
            form.refuse("joining", _("Restaurant: it is in a chain already. Take it out of that one first."))
        case "too_many":
            form.refuse("joining", _("Restaurant: a chain has at most %(most)s houses.", most=MAX_HOUSES))
        case _:
            form.refuse("joining", _("Restaurant: only somebody who owns both can bring it in. Ask for that role."))


# --- In a sister's own rows ------------------------------------------------------------------------------------------


def _in_sister(restaurant_id: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    context.database().tenant(restaurant_id, work)


def _told(restaurant_id: str) -> Callable[[Connection], Awaitable[None]]:
    return lambda connection: changes.tell(connection, restaurant_id, "chain")


def _written(
    restaurant_id: str, action: str, after: dict[str, str] | None = None
) -> Callable[[Connection], Awaitable[None]]:
    who = member().as_actor(restaurant_id)

    async def work(connection: Connection) -> None:
        await audit_log.record(connection, restaurant_id, who, action, subject=restaurant_id, after=after)
        await changes.tell(connection, restaurant_id, "chain")

    return work


# --- The page --------------------------------------------------------------------------------------------------------


def _owned() -> dict[str, str]:
    """The other restaurants that the member owns, by id."""
    own = restaurant().id
    mine = (one for one in member().memberships if one.role == "owner" and one.restaurant_id != own)
    return {one.restaurant_id: one.restaurant_name for one in mine}


def _page(*, own: Form | None = None, joining: Form | None = None, naming: Form | None = None) -> ResponseReturnValue:
    """``own``, ``joining`` or ``naming`` is the form that was refused."""
    place = restaurant()

    async def work(connection: Connection) -> tuple[OwnHouse | None, tuple[ListedHouse, ...], str]:
        house, houses = await chains.own_house(connection, place.id), await chains.listed(connection, place.id)
        return house, houses, await chains.name_of(connection, place.id)

    house, houses, name = in_restaurant(work)
    owned, inside = _owned(), {one.id for one in houses}
    page = render_template(
        "place/chain/chain.html",
        house=house,
        houses=houses,
        name=name,
        naming=naming or Form(saved={"name": name}),
        own=own or Form(saved=asdict(house) if house is not None else {}),
        joining=joining or Form(saved={} if house is not None else {"joining_called": place.name[:LONGEST_NAME]}),
        joinable={one: name for one, name in owned.items() if one not in inside},
        owned=owned,
    )
    return page, 422 if own or joining or naming else 200
