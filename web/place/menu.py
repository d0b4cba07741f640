"""The menu as the callers hear it: prices edited in place, items taken off for today (86'd) and put back.

Each change and its event are one transaction, so that what the next caller is told always follows.
"""

from collections.abc import Awaitable, Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu import ItemSize, Menu, MenuItem
from eventing import outbox
from eventing.catalogue import MenuChanged
from stores import menus
from stores.errors import NotFoundError
from stores.postgres import Connection
from web import words
from web.access import managers, staff
from web.formats import PriceError, parse_price
from web.place.tenancy import in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("menu", __name__)

SOURCE = "/web"


@blueprint.get("/menu")
@staff
def index() -> ResponseReturnValue:
    return render_template("place/menu/menu.html", menu=_load())


@blueprint.post("/menu/sizes/<uuid:size_id>/price")
@managers
def set_price(size_id: str) -> ResponseReturnValue:
    typed = request.form.get("price", "")
    try:
        cents = parse_price(typed)
    except PriceError as refused:
        item, size = _find(str(size_id))
        return _price_answer(item, size, typed=typed, problem=words.price_problems()[refused.reason])
    _change(lambda connection: menus.set_price(connection, str(size_id), cents), "price")
    item, size = _find(str(size_id))
    return _price_answer(item, size)


@blueprint.post("/menu/items/<uuid:item_id>/availability")
@staff
def set_available(item_id: str) -> ResponseReturnValue:
    available = request.form.get("available") == "yes"

    async def change(connection: Connection) -> str:
        await menus.set_item_available(connection, str(item_id), available)
        return str(item_id)

    _change(change, "availability")
    if "HX-Request" not in request.headers:
        return redirect(url_for(".index", _anchor=f"item-{item_id}"), 303)
    item = next(item for item in _load().items if item.id == str(item_id))
    return render_template("place/menu/_item.html", item=item, currency=restaurant().currency)


def _change(change: Callable[[Connection], Awaitable[str]], reason: str) -> None:
    """Run ``change``, which returns the item's id, and emit the event in the same transaction; 404 when not there."""

    async def work(connection: Connection) -> None:
        item_id = await change(connection)
        event = MenuChanged(restaurant_id=restaurant_id, item_ids=(item_id,), reason=reason)
        await outbox.emit(connection, event, source=SOURCE, subject=item_id)

    restaurant_id = restaurant().id
    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)


def _load() -> Menu:
    restaurant_id = restaurant().id
    return in_restaurant(lambda connection: menus.load(connection, restaurant_id))


def _find(size_id: str) -> tuple[MenuItem, ItemSize]:
    found = ((item, size) for item in _load().items for size in item.sizes if size.id == size_id)
    return next(found, None) or abort(404)


def _price_answer(
    item: MenuItem, size: ItemSize, *, typed: str | None = None, problem: str | None = None
) -> ResponseReturnValue:
    """The size's form for htmx; for a browser without scripts the page, with the message on top."""
    status = 200 if problem is None else 422
    if "HX-Request" in request.headers:
        fragment = render_template(
            "place/menu/_price.html", item=item, size=size, typed=typed, problem=problem, saved=problem is None
        )
        return fragment, status
    if problem is None:
        flash(_("%(item)s: the price is saved.", item=item.name), "good")
        return redirect(url_for(".index", _anchor=f"item-{item.id}"), 303)
    flash(f"{item.name} {size.name}: {problem}", "error")
    return render_template("place/menu/menu.html", menu=_load()), status
