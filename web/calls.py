"""The calls: the list with outcome and length, and each call with what was said."""

from flask import Response, abort, render_template
from flask.typing import ResponseReturnValue

from stores import calls, live, orders
from stores.calls import LoggedCall
from stores.errors import NotFoundError
from stores.orders import Order
from stores.postgres import Connection
from web import context, recordings, words
from web.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("calls", __name__)

PAGE = 60


@blueprint.get("/calls")
def index() -> ResponseReturnValue:
    return render_template("calls.html", calls=_recent())


@blueprint.get("/calls/stream")
def stream() -> Response:
    """Drawn anew when a call begins, moves on or ends, and when its row has been written."""
    return context.streams().response(
        restaurant().id, (live.CallChanged, live.EventHandled), lambda: render_template("_calls.html", calls=_recent())
    )


@blueprint.get("/calls/<call_id>")
def show(call_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> tuple[LoggedCall, tuple[Order, ...]]:
        call = await calls.get(connection, call_id, pii=context.pii())
        return call, await orders.of_call(connection, call_id, pii=context.pii())

    try:
        call, ordered = in_restaurant(work)
    except NotFoundError:
        abort(404)
    return render_template("call.html", call=call, orders=ordered, recorded=recordings.of_call(call_id) is not None)


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {"outcomes": words.outcomes(), "fulfilments": words.fulfilments()}


def _recent() -> tuple[LoggedCall, ...]:
    return in_restaurant(lambda connection: calls.recent(connection, PAGE, pii=context.pii()))
