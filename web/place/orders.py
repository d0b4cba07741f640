"""The kitchen's tickets as they come in, the carts to call back about, and earlier orders a page at a time."""

import uuid
from datetime import UTC, datetime, timedelta

from flask import Response, abort, render_template
from flask.typing import ResponseReturnValue

from stores import calls, live, orders
from stores.calls import LoggedCall
from stores.errors import NotFoundError
from stores.orders import Order
from stores.paging import Position
from stores.postgres import Connection
from web import context, formats, paging, words
from web.access import staff
from web.place.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("orders", __name__)

TICKETS = 60
PAGE = 40
# A cart that nobody agreed to stays on the board for so long; after that it is on its call's page only.
CALL_BACK_WITHIN = timedelta(hours=24)
UNCONFIRMED = 60


@blueprint.get("/orders")
@staff
def index() -> ResponseReturnValue:
    return render_template("place/orders/board.html", **_board())


@blueprint.get("/orders/stream")
@staff
def stream() -> Response:
    """Drawn anew when an order is confirmed or a cart is left, and when a function has finished with an event."""
    kinds = (live.OrderTaken, live.CartLeft, live.EventHandled)
    return context.streams().response(
        restaurant().id, kinds, lambda: render_template("place/orders/_board.html", **_board())
    )


@blueprint.get("/orders/earlier")
@staff
def earlier() -> ResponseReturnValue:
    after = paging.asked_for(uuid.UUID) or Position(formats.day_start(datetime.now(UTC), restaurant().zone))
    page = in_restaurant(lambda connection: orders.recent(connection, PAGE + 1, after, pii=context.pii()))
    return render_template("place/orders/earlier.html", orders=page[:PAGE], more=len(page) > PAGE)


@blueprint.get("/orders/<uuid:order_id>")
@staff
def show(order_id: str) -> ResponseReturnValue:
    try:
        order = in_restaurant(lambda connection: orders.get(connection, str(order_id), pii=context.pii()))
    except NotFoundError:
        abort(404)
    return render_template("place/orders/order.html", order=order)


def _board() -> dict[str, object]:
    """Today's orders in the restaurant's zone and the carts of the last 24 hours, the newest of each first."""
    now = datetime.now(UTC)
    day_start = formats.day_start(now, restaurant().zone)

    async def work(connection: Connection) -> tuple[tuple[Order, ...], tuple[LoggedCall, ...]]:
        return (
            await orders.recent(connection, TICKETS + 1, since=day_start, pii=context.pii()),
            await calls.unconfirmed(connection, now - CALL_BACK_WITHIN, UNCONFIRMED + 1, pii=context.pii()),
        )

    tickets, carts = in_restaurant(work)
    return {
        "tickets": tickets[:TICKETS],
        "more_tickets": len(tickets) > TICKETS,
        "carts": carts[:UNCONFIRMED],
        "more_carts": len(carts) > UNCONFIRMED,
    }


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {
        "fulfilments": words.fulfilments(),
        "statuses": words.order_statuses(),
        "reasons": words.unconfirmed_reasons(),
        "link_after": paging.link_after,
    }
