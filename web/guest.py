"""An order's page for whoever ordered: how it stands, what is in it, its cancellation while the restaurant lets
guests change orders, and where its news go by e-mail. And a booking's page for whoever booked, with the same for news.

The address is the key (``stores.order_links``), it came by text message. It shows neither name, number nor address:
whoever finds the phone learns what was ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.allergens import of_items
from domain.kitchen import OrderStatus, may_be_changed
from domain.reservations import Status
from domain.restaurant import Restaurant
from eventing import depositing, outbox, reserving
from eventing.catalogue import OrderFollowed, Payload, ReservationFollowed
from eventing.ordering import move_order
from stores import audit, connections, guest_emails, live, menus, orders, payments, reservations, restaurants
from stores.audit import GUEST, Actor
from stores.deposits import Deposit
from stores.errors import NotFoundError
from stores.kitchen import Move, StatusChangedError
from stores.order_links import OrderLink
from stores.orders import Order
from stores.payments import Payment
from stores.postgres import Connection
from stores.reservations import Reservation
from web import allowance, context
from web.access import anyone
from web.database import Work
from web.identity import addresses
from web.live.news import tell
from web.words import _, fulfilments

blueprint = Blueprint("guest", __name__)

T = TypeVar("T")

SOURCE = "/web"
EMAILS_PER_PAGE, EMAILS_WITHIN_S = 5, 86_400
"""Whoever has the address could have mails sent to anybody."""


class _Shown(NamedTuple):
    """``is_payable``: who takes the payment tells us of it. ``mails``: the restaurant sends them. ``is_mailed``: an
    address was left; it is not shown again."""

    order: Order
    restaurant: Restaurant
    listed: Mapping[str, tuple[str, ...]]
    payment: Payment | None
    is_payable: bool
    mails: bool
    is_mailed: bool


class _ShownBooking(NamedTuple):
    """As ``_Shown``."""

    booking: Reservation
    restaurant: Restaurant
    deposit: Deposit | None
    is_payable: bool
    mails: bool
    is_mailed: bool


@blueprint.after_request
def unlisted(response: Response) -> Response:
    """An address that gets out must not be found by searching."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@blueprint.get("/o/<token>")
@anyone
def show(token: str) -> ResponseReturnValue:
    return _page(token)


@blueprint.post("/o/<token>/cancel")
@anyone
def cancel(token: str) -> ResponseReturnValue:
    link = _read(token)

    async def work(connection: Connection) -> None:
        order = await orders.get(connection, link.order_id)
        if not _may_cancel(order, await restaurants.get(connection, link.restaurant_id)):
            raise StatusChangedError(order)
        move = Move(link.order_id, order.status, "cancelled", GUEST, "customer")
        moved = await move_order(connection, move, source=SOURCE)
        after = {"number": moved.number, "status": "cancelled", "reason": "customer"}
        before = {"status": order.status}
        who = Actor(GUEST)
        await audit.record(
            connection, link.restaurant_id, who, "order.cancelled", subject=link.order_id, before=before, after=after
        )

    try:
        _do(link, work)
    except StatusChangedError as late:
        return (redirect(url_for(".show", token=token), 303)) if late.present.status == "cancelled" else _late(token)
    tell(link.restaurant_id, live.OrderMoved(order_id=link.order_id))
    return redirect(url_for(".show", token=token), 303)


@blueprint.post("/o/<token>/email")
@anyone
def follow(token: str) -> ResponseReturnValue:
    """What follows is told by e-mail, beginning with what was ordered."""
    link = _read(token)

    async def order_is_followed(connection: Connection) -> tuple[str, Payload]:
        order = await orders.get(connection, link.order_id)
        told = OrderFollowed(restaurant_id=link.restaurant_id, order_id=order.id, number=order.number)
        return f"order/{order.id}", told

    return _leave_email(link, order_is_followed, lambda problem: _page(token, problem), url_for(".show", token=token))


@blueprint.get("/o/<token>/stop")
@anyone
def ask_to_stop(token: str) -> ResponseReturnValue:
    """Programs follow the links of a mail: what stops it is the page's button, or a mail program's own."""
    return redirect(url_for(".show", token=token), 303)


@blueprint.post("/o/<token>/stop")
@anyone
def stop(token: str) -> ResponseReturnValue:
    """No more mails about this order. Also what a mail program sends (RFC 8058), which has no form of ours: the address
    is the key."""
    _forget_email(_read(token))
    return redirect(url_for(".show", token=token), 303)


def _leave_email(
    link: OrderLink, followed: Work[tuple[str, Payload]], page: Callable[[str], str], back: str
) -> ResponseReturnValue:
    """``followed`` gives the subject and the event of what is there; ``page`` shows it with a problem."""
    email = addresses.normal(request.form.get("email", ""))
    if email is None:
        return page(_("E-mail: this is no address.")), 422
    counted = allowance.count(f"guest:emails:{link.order_id}", EMAILS_PER_PAGE, within_s=EMAILS_WITHIN_S)
    if counted is not None and counted.is_passed:
        return page(_("That were many addresses. Call us.")), 429

    async def work(connection: Connection) -> None:
        subject, told = await followed(connection)
        await guest_emails.leave(connection, link.restaurant_id, link.order_id, email, context.pii())
        await outbox.emit(connection, told, source=SOURCE, subject=subject)

    _do(link, work)
    return redirect(back, 303)


def _forget_email(link: OrderLink) -> None:
    gone = [link.order_id]
    context.database().tenant(
        link.restaurant_id, lambda connection: guest_emails.forget(connection, link.restaurant_id, gone)
    )


def _may_cancel(order: Order, restaurant: Restaurant) -> bool:
    """As by phone."""
    return may_be_changed(restaurant.changes_until, order.status, order.promised_at, datetime.now(UTC))


@blueprint.get("/b/<token>")
@anyone
def booking(token: str) -> ResponseReturnValue:
    """A booking with its deposit, and where that is paid."""
    return _booking_page(token)


@blueprint.post("/b/<token>/email")
@anyone
def follow_booking(token: str) -> ResponseReturnValue:
    """What follows is told by e-mail, beginning with what was booked."""
    link = _read(token)

    async def booking_is_followed(connection: Connection) -> tuple[str, Payload]:
        found = await reservations.get(connection, link.order_id)
        told = ReservationFollowed(restaurant_id=link.restaurant_id, reservation_id=found.id)
        return f"reservation/{found.id}", told

    back = url_for(".booking", token=token)
    return _leave_email(link, booking_is_followed, lambda problem: _booking_page(token, problem), back)


@blueprint.get("/b/<token>/stop")
@anyone
def ask_to_stop_booking(token: str) -> ResponseReturnValue:
    return redirect(url_for(".booking", token=token), 303)


@blueprint.post("/b/<token>/stop")
@anyone
def stop_booking(token: str) -> ResponseReturnValue:
    _forget_email(_read(token))
    return redirect(url_for(".booking", token=token), 303)


def _booking_page(token: str, problem: str = "") -> str:
    link = _read(token)

    async def work(connection: Connection) -> _ShownBooking:
        found = await reservations.get(connection, link.order_id)
        deposit = await depositing.latest(connection, link.restaurant_id, found.id)
        on = await connections.in_use(connection, link.restaurant_id)
        is_payable = deposit is not None and deposit.connection_id in {one.id for one in on}
        restaurant = await restaurants.get(connection, link.restaurant_id)
        mails = any(one.service == "mail" for one in on)
        has = await guest_emails.left_for(connection, link.restaurant_id, found.id, context.pii()) if mails else ""
        return _ShownBooking(found, restaurant, deposit, is_payable, mails, bool(has))

    shown = _do(link, work)
    return render_template(
        "guest/booking.html",
        booking=shown.booking,
        restaurant=shown.restaurant,
        deposit=shown.deposit,
        is_payable=shown.is_payable,
        status=booking_statuses()[shown.booking.status],
        token=token,
        problem=problem,
        mails=shown.mails and shown.booking.status in reserving.OPEN,
        is_mailed=shown.is_mailed,
    )


def booking_statuses() -> Mapping[Status, str]:
    """As a guest reads them."""
    there = _("Your table is booked.")
    return {
        "requested": _("Your wish is noted. The restaurant tells you whether there is a table."),
        "held": _("Your table is kept for you for now."),
        "confirmed": there,
        "seated": there,
        "finished": _("It was a pleasure."),
        "no_show": _("You were expected."),
        "cancelled": _("Your table is cancelled."),
    }


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
    return _page(token, _("It can no longer be cancelled here. Call us.")), 409


def _page(token: str, problem: str = "") -> str:
    link = _read(token)

    async def work(connection: Connection) -> _Shown:
        order = await orders.get(connection, link.order_id)
        items = {item for line in order.lines for item in line.item_ids}
        listed = await menus.allergens_of(connection, link.restaurant_id, items)
        payment = await payments.of_order(connection, link.restaurant_id, link.order_id)
        restaurant = await restaurants.get(connection, link.restaurant_id)
        on = await connections.in_use(connection, link.restaurant_id)
        mails = any(one.service == "mail" for one in on)
        has = await guest_emails.left_for(connection, link.restaurant_id, order.id, context.pii()) if mails else ""
        is_payable = payment is not None and payment.connection_id in {one.id for one in on}
        return _Shown(order, restaurant, listed, payment, is_payable, mails, bool(has))

    shown = _do(link, work)
    order = shown.order
    return render_template(
        "guest/order.html",
        order=order,
        restaurant=shown.restaurant,
        token=token,
        problem=problem,
        status=statuses()[order.status],
        fulfilments=fulfilments(),
        allergens={line.line: of_items(shown.listed, line.item_ids) for line in order.lines},
        may_cancel=_may_cancel(order, shown.restaurant),
        payment=shown.payment,
        is_payable=shown.is_payable,
        mails=shown.mails,
        is_mailed=shown.is_mailed,
    )


def _do(link: OrderLink, work: Work[T]) -> T:
    """In the link's restaurant; 404 for what is no longer there."""
    try:
        return context.database().tenant(link.restaurant_id, work)
    except NotFoundError:
        abort(404)


def _read(token: str) -> OrderLink:
    """404 for what we have not written, and for what has ended."""
    link = context.order_links().read(token, datetime.now(UTC))
    if link is None:
        abort(404)
    return link
