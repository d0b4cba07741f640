"""An order's page for whoever ordered: how it stands, what is in it, and its cancellation until the kitchen begins.

The address is the key (``stores.order_links``), it came by text message. It shows neither name, number nor address:
whoever finds the phone learns what was ordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from domain.allergens import of_items
from domain.kitchen import OrderStatus
from domain.restaurant import Restaurant
from eventing.ordering import move_order
from stores import audit, live, menus, orders, payments, restaurants
from stores.audit import GUEST, Actor
from stores.errors import NotFoundError
from stores.kitchen import Move, StatusChangedError
from stores.order_links import OrderLink
from stores.orders import Order
from stores.payments import Payment
from stores.postgres import Connection
from web import context
from web.access import anyone
from web.live.news import tell
from web.words import _, fulfilments

blueprint = Blueprint("guest", __name__)

SOURCE = "/web"
CANCELLABLE: OrderStatus = "confirmed"
"""From the next status on the kitchen is at it."""


@blueprint.get("/o/<token>")
@anyone
def show(token: str) -> ResponseReturnValue:
    return _page(token)


@blueprint.post("/o/<token>/cancel")
@anyone
def cancel(token: str) -> ResponseReturnValue:
    link = _read(token)

    async def work(connection: Connection) -> None:
        move = Move(link.order_id, CANCELLABLE, "cancelled", GUEST, "customer")
        moved = await move_order(connection, move, source=SOURCE)
        after = {"number": moved.number, "status": "cancelled", "reason": "customer"}
        before = {"status": CANCELLABLE}
        who = Actor(GUEST)
        await audit.record(
            connection, link.restaurant_id, who, "order.cancelled", subject=link.order_id, before=before, after=after
        )

    try:
        context.database().tenant(link.restaurant_id, work)
    except NotFoundError:
        abort(404)
    except StatusChangedError as late:
        return (redirect(url_for(".show", token=token), 303)) if late.present.status == "cancelled" else _late(token)
    tell(link.restaurant_id, live.OrderMoved(order_id=link.order_id))
    return redirect(url_for(".show", token=token), 303)


def statuses() -> Mapping[OrderStatus, str]:
    """As a guest reads them."""
    return {
        "confirmed": _("The kitchen has your order."),
        "preparing": _("Your order is being prepared."),
        "ready": _("Your order is ready."),
        "done": _("Your order was handed over."),
        "cancelled": _("Your order is cancelled."),
    }


def _late(token: str) -> ResponseReturnValue:
    return _page(token, _("The kitchen has begun: it can no longer be cancelled here. Call us.")), 409


def _page(token: str, problem: str = "") -> str:
    link = _read(token)

    async def work(connection: Connection) -> tuple[Order, Restaurant, dict[str, tuple[str, ...]], Payment | None]:
        order = await orders.get(connection, link.order_id)
        items = {item for line in order.lines for item in line.item_ids}
        listed = await menus.allergens_of(connection, link.restaurant_id, items)
        payment = await payments.of_order(connection, link.restaurant_id, link.order_id)
        return order, await restaurants.get(connection, link.restaurant_id), listed, payment

    try:
        order, restaurant, listed, payment = context.database().tenant(link.restaurant_id, work)
    except NotFoundError:
        abort(404)
    return render_template(
        "guest/order.html",
        order=order,
        restaurant=restaurant,
        token=token,
        problem=problem,
        status=statuses()[order.status],
        fulfilments=fulfilments(),
        allergens={line.line: of_items(listed, line.item_ids) for line in order.lines},
        may_cancel=order.status == CANCELLABLE,
        payment=payment,
    )


def _read(token: str) -> OrderLink:
    """404 for what we have not written, and for what has ended."""
    link = context.order_links().read(token, datetime.now(UTC))
    if link is None:
        abort(404)
    return link
