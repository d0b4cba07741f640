"""The kitchen's tickets: today's as they come in, earlier ones a page at a time."""

from datetime import UTC, datetime

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from stores import live, orders
from stores.errors import NotFoundError
from stores.orders import Order
from web import context, formats, words
from web.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("orders", __name__)

TICKETS = 60
PAGE = 40


@blueprint.get("/orders")
def index() -> ResponseReturnValue:
    return render_template("orders.html", tickets=todays_tickets())


@blueprint.get("/orders/stream")
def stream() -> Response:
    """Drawn anew when an order is confirmed, and when a function has finished with an event of one."""
    return context.streams().response(
        restaurant().id,
        (live.OrderTaken, live.EventHandled),
        lambda: render_template("_tickets.html", tickets=todays_tickets()),
    )


@blueprint.get("/orders/earlier")
def earlier() -> ResponseReturnValue:
    before = _moment(request.args.get("before", "")) or formats.day_start(datetime.now(UTC), restaurant().zone)
    page = in_restaurant(lambda connection: orders.recent(connection, PAGE, before, pii=context.pii()))
    return render_template("orders_earlier.html", orders=page, more=len(page) == PAGE)


@blueprint.get("/orders/<uuid:order_id>")
def show(order_id: str) -> ResponseReturnValue:
    try:
        order = in_restaurant(lambda connection: orders.get(connection, str(order_id), pii=context.pii()))
    except NotFoundError:
        abort(404)
    return render_template("order.html", order=order)


def todays_tickets() -> list[Order]:
    """Today's orders in the restaurant's zone, the newest first."""
    start = formats.day_start(datetime.now(UTC), restaurant().zone)
    newest = in_restaurant(lambda connection: orders.recent(connection, TICKETS, pii=context.pii()))
    return [order for order in newest if order.confirmed_at >= start]


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {"fulfilments": words.fulfilments(), "statuses": words.order_statuses()}


def _moment(text: str) -> datetime | None:
    """An aware time from a link; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
