"""The kitchen's board: every open order with its clock, a tap from column to column; each order's page and ticket.

Two screens may tap the same order. Each sends the status that it shows, and the slower one is told how the order stands
and who moved it (409). A change, its event and its audit entry are one transaction; the live feed is told afterwards.
"""

import uuid
from datetime import UTC, datetime
from typing import cast, get_args

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from domain.errands import RefundPayment
from domain.kitchen import OPEN, CancelReason, OrderStatus, may_move
from eventing import tickets
from eventing.ordering import move_order
from stores import connections, errands, kitchen, live, messages, orders, payments
from stores.errors import NotFoundError
from stores.kitchen import Move, StatusChangedError
from stores.messages import SentMessage
from stores.order_links import GOOD_FOR
from stores.orders import Order
from stores.payments import Payment
from stores.postgres import Connection
from web import context, paging, spoken, words
from web.access import managers, staff
from web.live.news import tell
from web.place import board, order_search
from web.place.tenancy import actor, audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _, plural

blueprint = restaurant_blueprint("orders", __name__)

SOURCE = "/web"
PAGE = 40
LONGEST_NOTE = 300
LONGEST_ALLERGIES = 200

_KINDS = (live.OrderTaken, live.OrderMoved, live.CartLeft, live.FollowedUp, live.EventHandled)


# --- The board -----------------------------------------------------------------------------------------------------


@blueprint.get("/orders")
@staff
def index() -> ResponseReturnValue:
    return board.page()


@blueprint.get("/orders/stream")
@staff
def stream() -> Response:
    """Drawn anew when an order comes or moves and when a cart is left or followed up."""
    return context.streams().response(restaurant().id, _KINDS, lambda: board.drawing().html)


@blueprint.post("/orders/<uuid:order_id>/status")
@staff
def set_status(order_id: str) -> ResponseReturnValue:
    """``move`` is ``<status seen>:<status wanted>``; ``from`` says which page asked."""
    seen, _colon, to = request.form.get("move", "").partition(":")
    if seen not in get_args(OrderStatus) or not may_move(cast(OrderStatus, seen), cast(OrderStatus, to)):
        abort(400)
    if to == "cancelled":  # needs a reason, which has a form of its own
        abort(400)
    move = Move(str(order_id), cast(OrderStatus, seen), cast(OrderStatus, to), actor().name)
    try:
        _carry_out(move)
    except StatusChangedError as late:
        return _answer(str(order_id), late.present)
    return _answer(str(order_id), None)


@blueprint.post("/orders/left-open/close")
@managers
def close_left_open() -> ResponseReturnValue:
    """Orders of before that nobody has moved to done: the oldest CLOSE_AT_ONCE of them."""
    before, by = datetime.now(UTC) - board.OPEN_FOR, actor().name

    async def work(connection: Connection) -> int:
        found = await kitchen.left_open(connection, before, board.CLOSE_AT_ONCE)
        for order in found:
            await _move(connection, Move(order.id, order.status, "done", by))
        return len(found)

    closed = in_restaurant(work)
    flash(plural("%(num)s earlier order is closed.", "%(num)s earlier orders are closed.", closed), "good")
    return redirect(url_for(".index"), 303)


def _carry_out(move: Move) -> None:
    """Raises StatusChangedError; 404 for an order that is not there."""
    try:
        in_restaurant(lambda connection: _move(connection, move))
    except NotFoundError:
        abort(404)
    tell(restaurant().id, live.OrderMoved(order_id=move.order_id))


async def _move(connection: Connection, move: Move) -> None:
    moved = await move_order(connection, move, source=SOURCE)
    after = {"number": moved.number, "status": move.to} | ({"reason": move.reason} if move.reason else {})
    action = "order.cancelled" if move.to == "cancelled" else "order.moved"
    await audit(connection, action, subject=move.order_id, before={"status": move.seen}, after=after)


def _answer(order_id: str, present: Order | None) -> ResponseReturnValue:
    """``present`` is how the order stands when somebody else had moved it before."""
    status = 200 if present is None else 409
    if "HX-Request" in request.headers:
        return board.drawing().html if present is None else board.with_conflict(present), status
    if request.form.get("from") == "order":
        if present is None:
            return redirect(url_for(".show", order_id=order_id), 303)
        return _order_page(order_id, conflict=present), status
    if present is None:
        return redirect(url_for(".index", _anchor=f"order-{order_id}"), 303)
    drawn = Markup(board.with_conflict(present))
    return render_template("place/orders/board.html", board=drawn), status


# --- One order -----------------------------------------------------------------------------------------------------


@blueprint.get("/orders/<uuid:order_id>")
@staff
def show(order_id: str) -> ResponseReturnValue:
    return _order_page(str(order_id))


@blueprint.get("/orders/<uuid:order_id>/ticket")
@staff
def ticket(order_id: str) -> ResponseReturnValue:
    """The ticket alone, for an 80 mm printer."""
    return render_template("place/orders/ticket.html", order=_order(str(order_id)))


@blueprint.post("/orders/<uuid:order_id>/reprint")
@staff
def reprint(order_id: str) -> ResponseReturnValue:
    """At each kitchen printer that makes a part of it, marked as a reprint."""
    owner, pii = restaurant().id, context.pii()

    async def work(connection: Connection) -> int:
        await orders.get(connection, str(order_id))
        printers = [one for one in await connections.of_restaurant(connection, owner) if one.service == "printer"]
        planned = 0
        for printer in printers:
            ticket = await tickets.for_printer(connection, printer, str(order_id), "again", pii)
            planned += ticket is not None and await errands.add(connection, owner, printer.id, ticket, pii)
        await audit(connection, "order.reprinted", subject=str(order_id), after={"printers": planned})
        return planned

    try:
        planned = in_restaurant(work)
    except NotFoundError:
        abort(404)
    if planned:
        flash(plural("The kitchen’s printer prints it again.", "%(num)s printers print it again.", planned), "good")
    else:
        flash(_("No kitchen printer is connected that makes a part of this order."), "error")
    return redirect(url_for(".show", order_id=order_id), 303)


@blueprint.post("/orders/<uuid:order_id>/refund")
@managers
def refund(order_id: str) -> ResponseReturnValue:
    """All that was paid for a cancelled order goes back, once: by whom it was paid through, even if it is off now."""
    owner, pii = restaurant().id, context.pii()
    _order(str(order_id))

    async def work(connection: Connection) -> bool:
        payment = await payments.of_order(connection, owner, str(order_id), lock=True)
        if payment is None or payment.state != "refund_due" or not payment.intent:
            return False
        await connections.get(connection, payment.connection_id)
        work = RefundPayment(payment_id=payment.id, intent=payment.intent)
        await errands.add(connection, owner, payment.connection_id, work, pii)
        await payments.ask_refund(connection, payment)
        after = {"amount_cents": payment.amount_cents, "currency": payment.currency}
        await audit(connection, "order.refund_asked", subject=str(order_id), after=after)
        return True

    try:
        asked = in_restaurant(work)
    except NotFoundError:
        flash(_("The payment service is no longer connected. Send the money back on its own pages."), "error")
        return redirect(url_for(".show", order_id=order_id), 303)
    if asked:
        flash(_("The refund is asked for."), "good")
    else:
        flash(_("There is nothing to send back."), "error")
    return redirect(url_for(".show", order_id=order_id), 303)


@blueprint.get("/orders/<uuid:order_id>/spoken")
@staff
def say(order_id: str) -> ResponseReturnValue:
    """What a board with speech reads out when the order comes in: its text and the language of that."""
    language = restaurant().language
    return {"text": spoken.order(_order(str(order_id)), language), "language": language}


@blueprint.post("/orders/<uuid:order_id>/cancel")
@staff
def cancel(order_id: str) -> ResponseReturnValue:
    seen, reason = request.form.get("seen", ""), request.form.get("reason", "")
    note = request.form.get("note", "").strip()
    if seen not in OPEN:
        abort(400)
    problems = {}
    if reason not in get_args(CancelReason):
        problems["reason"] = _("Reason: nothing was chosen. Choose why the order is cancelled.")
    elif reason == "other" and not note:
        problems["note"] = _("In words: it is empty. Write why the order is cancelled.")
    if len(note) > LONGEST_NOTE:
        problems["note"] = _("In words: it is too long. Write %(limit)s characters at most.", limit=LONGEST_NOTE)
    if problems:
        return _order_page(str(order_id), problems=problems, typed={"reason": reason, "note": note}), 422
    move = Move(str(order_id), seen, "cancelled", actor().name, cast(CancelReason, reason), note)
    try:
        _carry_out(move)
    except StatusChangedError as late:
        return _order_page(str(order_id), conflict=late.present, typed={"reason": reason, "note": note}), 409
    flash(_("The order is cancelled."), "good")
    return redirect(url_for(".show", order_id=order_id), 303)


@blueprint.post("/orders/<uuid:order_id>/allergies")
@staff
def note_allergies(order_id: str) -> ResponseReturnValue:
    text = " ".join(request.form.get("allergies", "").split())
    if len(text) > LONGEST_ALLERGIES:
        limit = _("Allergies: it is too long. Write %(limit)s characters at most.", limit=LONGEST_ALLERGIES)
        return _order_page(str(order_id), problems={"allergies": limit}, typed={"allergies": text}), 422
    owner, pii = restaurant().id, context.pii()

    async def work(connection: Connection) -> None:
        await kitchen.note_allergies(connection, owner, str(order_id), text, pii)
        # What it says is the guest's health: not for the log.
        await audit(connection, "order.allergies_noted", subject=str(order_id), after={"noted": bool(text)})

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    tell(restaurant().id, live.OrderMoved(order_id=str(order_id)))
    return redirect(url_for(".show", order_id=order_id), 303)


def _order(order_id: str) -> Order:
    try:
        return in_restaurant(lambda connection: orders.get(connection, order_id, pii=context.pii()))
    except NotFoundError:
        abort(404)


def _order_page(order_id: str, **more: object) -> str:
    given: dict[str, object] = {"problems": {}, "typed": {}, "conflict": None} | more
    order, now, owner = _order(order_id), datetime.now(UTC), restaurant().id

    async def around(connection: Connection) -> tuple[tuple[SentMessage, ...], Payment | None]:
        told = await messages.of_subject(connection, owner, order_id)
        return told, await payments.of_order(connection, owner, order_id)

    told, payment = in_restaurant(around)
    token = context.order_links().token(owner, order_id, max(order.promised_at, now) + GOOD_FOR)
    return render_template(
        "place/orders/order.html",
        order=order,
        now=now,
        told=told,
        payment=payment,
        payments=words.payment_states(),
        fates=words.message_fates(),
        templates=words.message_templates(),
        guest_page=url_for("guest.show", token=token),
        **given,
    )


# --- Every order ---------------------------------------------------------------------------------------------------


@blueprint.get("/orders/earlier")
@staff
def earlier() -> ResponseReturnValue:
    """All orders by day, status and what is searched for, a page at a time."""
    asked, after = order_search.asked(), paging.asked_for(uuid.UUID)
    if asked.problem:
        return render_template("place/orders/earlier.html", asked=asked, orders=()), 422
    found, more = in_restaurant(lambda connection: order_search.find(connection, asked, PAGE, after))
    older = asked.link | paging.link_after(found[-1].confirmed_at, found[-1].id) if more else None
    return render_template(
        "place/orders/earlier.html", asked=asked, orders=found, older=older, most=order_search.MOST_READ
    )


blueprint.context_processor(board.labels)
