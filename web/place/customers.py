"""The callers whom the restaurant knows: what they ordered, and what the law lets them ask for, export and erasure.

A number is looked up by its keyed hash, so in the spellings that it may be kept in. What is logged of an export or an
erasure is that it happened, and never whose it was beyond an id.
"""

import contextlib
import uuid

import msgspec
from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.phone_numbers import InvalidNumberError, one_form
from eventing import forgetting
from stores import customers, erasures, orders, reservations
from stores.customers import Customer
from stores.erasures import Erasure
from stores.errors import NotFoundError
from stores.orders import Order, OrderFilter
from stores.postgres import Connection
from stores.reservations import Reservation
from web import context, paging, words
from web.access import managers, staff
from web.place import customer_export
from web.place.calls import recording_of
from web.place.tenancy import actor, audit, in_restaurant, may_edit, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("customers", __name__)

PAGE = 50
ORDERS_SHOWN = 50
ERASURES_SHOWN = 10
ORDERS_EXPORTED = 1000
LONGEST_SEARCH = 40


@blueprint.get("/customers")
@staff
def index() -> ResponseReturnValue:
    searched = " ".join(request.args.get("phone", "").split())[:LONGEST_SEARCH]
    after = paging.asked_for(_uuid)
    place = restaurant()

    async def work(connection: Connection) -> tuple[tuple[Customer, ...], tuple[Erasure, ...]]:
        if searched:
            return await customers.by_phone(connection, place.id, _spellings(searched), pii=context.pii()), ()
        found = await customers.recent(connection, PAGE + 1, after, pii=context.pii())
        shown = await erasures.recent(connection, place.id, ERASURES_SHOWN) if after is None and may_edit() else ()
        return found, shown

    found, erased = in_restaurant(work)
    return render_template(
        "place/customers/list.html",
        customers=found[:PAGE],
        more=found[PAGE - 1] if len(found) > PAGE else None,
        erased=erased,
        searched=searched,
        first=after is None,
        link_after=paging.link_after,
    )


@blueprint.get("/customers/<uuid:customer_id>")
@staff
def show(customer_id: str) -> ResponseReturnValue:
    customer, found, booked = _load(str(customer_id), ORDERS_SHOWN)
    allergies = next((order.allergies for order in found if order.allergies), "")
    return render_template(
        "place/customers/customer.html",
        customer=customer,
        orders=found,
        reservations=booked,
        allergies=allergies,
        statuses=words.order_statuses(),
        reservation_statuses=words.reservation_statuses(),
    )


@blueprint.post("/customers/<uuid:customer_id>/export")
@managers
def export(customer_id: str) -> ResponseReturnValue:
    """All that is kept of them, as JSON. A POST, as it is logged."""
    customer, found, booked = _load(str(customer_id), ORDERS_EXPORTED)
    owner, pii = restaurant().id, context.pii()

    async def work(connection: Connection) -> customer_export.Held:
        held = await customer_export.read(connection, owner, customer, found, booked, pii)
        await audit(connection, "customers.exported", subject=customer.id)
        return held

    held = in_restaurant(work)
    recorded = {call.id for call in held.calls if recording_of(call.id) is not None}
    document = customer_export.document(customer, found, booked, held, recorded)
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    headers = {"Content-Disposition": f'attachment; filename="customer-{customer.id}.json"'}
    return Response(body, mimetype="application/json", headers=headers)


@blueprint.post("/customers/<uuid:customer_id>/erase")
@managers
def erase(customer_id: str) -> ResponseReturnValue:
    """Asked for twice: the box that says so has to be ticked."""
    if request.form.get("sure") != "yes":
        flash(_("Nothing was erased: tick the box first."), "error")
        return redirect(url_for(".show", customer_id=customer_id), 303)

    owner, pii, by = restaurant().id, context.pii(), actor().name

    async def work(connection: Connection) -> None:
        await forgetting.forget(connection, owner, str(customer_id), by, pii)
        await audit(connection, "customers.erased", subject=str(customer_id))

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    flash(_("Erased: name, number, addresses and words are gone. The orders keep their figures."), "good")
    return redirect(url_for(".index"), 303)


def _load(customer_id: str, limit: int) -> tuple[Customer, tuple[Order, ...], tuple[Reservation, ...]]:
    """At most ``limit`` of their orders and as many reservations."""
    pii = context.pii()

    async def work(connection: Connection) -> tuple[Customer, tuple[Order, ...], tuple[Reservation, ...]]:
        customer = await customers.get(connection, customer_id, pii=pii)
        wanted = OrderFilter(customer_hashes=(customer.phone_hash,))
        ordered = await orders.recent(connection, limit, wanted=wanted, pii=pii)
        return customer, ordered, await reservations.of_customer(connection, customer_id, limit, pii=pii)

    try:
        return in_restaurant(work)
    except NotFoundError:
        abort(404)


def _spellings(typed: str) -> set[str]:
    found = {typed}
    with contextlib.suppress(InvalidNumberError):
        found.add(one_form(typed, restaurant().country))
    return found


def _uuid(text: str) -> object:
    return uuid.UUID(text)
