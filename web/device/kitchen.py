"""The page on the device: orders as they come, spoken, moved on by a tap, and all of that also without a network.

A device is let in by its own token, a cookie that is sent to these pages only. The page keeps what it has and what was
tapped (``static/device.js``); each tap has an id of its own and is done once, however often it is sent. Its requests
say X-Kitchen-Device, which no foreign site can make a browser send, so they need no form token that grows old while the
device is out of reach.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any, cast

import msgspec
from flask import Blueprint, Response, abort, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale  # type: ignore[import-untyped]

from domain.kitchen import OrderStatus, may_move
from domain.restaurant import Restaurant
from eventing.ordering import move_order
from process import logs
from stores import audit, devices, kitchen, live, restaurants
from stores.devices import ActionResult, Device
from stores.errors import NotFoundError
from stores.kitchen import Move, StatusChangedError
from stores.orders import Order
from stores.postgres import Connection
from web import context, formats, spoken, words
from web.access import device, unpaired
from web.identity.throttle import Limit, neighbourhood
from web.live.access import Visit
from web.live.news import tell
from web.words import _

blueprint = Blueprint("device", __name__, url_prefix="/place/<uuid:place_id>/device")
log = logs.get(__name__)

SOURCE = "/web/device"
COOKIE = "alloresto_kitchen"
ONE_YEAR_S = 365 * 24 * 3600
HEADER = "X-Kitchen-Device"
# Guesses of a code, which has eight digits and lives for a quarter of an hour.
CODES_PER_ADDRESS = 10
CODES_PER_RESTAURANT = 100
ON_THE_DEVICE = timedelta(hours=24)
MOST_ACTIONS = 50
_KINDS = (live.OrderTaken, live.OrderMoved, live.EventHandled)

View = Callable[..., ResponseReturnValue]


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tap: ``seen`` is the status that stood there, ``to`` the one it asks for."""

    id: uuid.UUID
    order: uuid.UUID
    seen: OrderStatus
    to: OrderStatus


class Actions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actions: Annotated[tuple[Action, ...], msgspec.Meta(max_length=MOST_ACTIONS)]


@blueprint.url_value_preprocessor
def _take_id(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values is not None:
        g.place_id = str(values.pop("place_id"))


@blueprint.url_defaults
def _same_place(_endpoint: str, values: dict[str, Any]) -> None:
    if "place_id" in g:
        values.setdefault("place_id", g.place_id)


def _paired(view: View) -> View:
    """For devices of this restaurant alone: others get a bare 401, and forget what they have."""

    @wraps(view)
    def only_paired(*args: object, **values: object) -> ResponseReturnValue:
        if _this_device() is None:
            return "", 401
        return view(*args, **values)

    return only_paired


def _from_the_page(view: View) -> View:
    @wraps(view)
    def only_from_the_page(*args: object, **values: object) -> ResponseReturnValue:
        if request.headers.get(HEADER) != "1":
            abort(400)
        return view(*args, **values)

    return only_from_the_page


def _this_device() -> Device | None:
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    place_id = g.place_id

    async def work(connection: Connection) -> tuple[Device, Restaurant] | None:
        found = await devices.find(connection, place_id, token)
        return None if found is None else (found, await restaurants.get(connection, place_id))

    known = context.database().tenant(place_id, work)
    if known is None:
        return None
    g.device, g.kitchen = known
    return known[0]


# --- Pairing ---------------------------------------------------------------------------------------------------------


@blueprint.get("/")
@unpaired
def page() -> ResponseReturnValue:
    if _this_device() is None:
        return render_template("device/pair.html", problem="")
    with force_locale(g.kitchen.language):
        return render_template("device/kitchen.html", device=g.device, restaurant=g.kitchen, texts=_texts())


@blueprint.post("/pair")
@unpaired
def pair() -> ResponseReturnValue:
    code = "".join(character for character in request.form.get("code", "") if character in "0123456789")
    address = neighbourhood(request.remote_addr)
    limits = (
        Limit(f"web:device:address:{address}", CODES_PER_ADDRESS),
        Limit(f"web:device:place:{g.place_id}", CODES_PER_RESTAURANT),
    )
    if not context.throttle().allow(limits):
        too_many = _("Too many attempts. Wait a quarter of an hour and try again.")
        return render_template("device/pair.html", problem=too_many), 429
    place_id = g.place_id
    token = context.database().tenant(place_id, lambda connection: devices.pair(connection, place_id, code))
    if token is None:
        wrong = _("This code is not right, or it is over. Ask for a new one.")
        return render_template("device/pair.html", problem=wrong), 422
    context.throttle().forget(limits[0])
    response = make_response("", 303, {"Location": url_for(".page")})
    response.set_cookie(
        COOKIE,
        token,
        max_age=ONE_YEAR_S,
        path=url_for(".page"),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


@blueprint.get("/manifest.webmanifest")
@unpaired
def manifest() -> Response:
    """What makes the page installable. Names nobody: a browser asks for it without cookies."""
    content = {
        "name": "AlloResto",
        "short_name": "AlloResto",
        "start_url": url_for(".page"),
        "scope": url_for(".page"),
        "display": "standalone",
        "background_color": "#14161a",
        "theme_color": "#14161a",
        "icons": [
            {"src": url_for("static", filename="icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": url_for("static", filename="icon-512.png"), "sizes": "512x512", "type": "image/png"},
            {"src": url_for("static", filename="icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        ],
    }
    return Response(msgspec.json.encode(content), content_type="application/manifest+json")


@blueprint.get("/worker.js")
@unpaired
def worker() -> Response:
    """Served from here and not from the static files: a worker's reach is the folder that it comes from."""
    response = make_response(render_template("device/worker.js"))
    response.content_type = "text/javascript; charset=utf-8"
    return response


# --- Orders ----------------------------------------------------------------------------------------------------------


@blueprint.get("/orders")
@device
@_paired
def orders() -> Response:
    return Response(_drawn(g.kitchen), content_type="application/json")


@blueprint.get("/stream")
@device
@_paired
def stream() -> Response:
    restaurant = g.kitchen
    visit = Visit(request.cookies[COOKIE], restaurant.id, "device")
    return context.streams().response(restaurant.id, _KINDS, lambda: _drawn(restaurant), visit=visit)


def _drawn(restaurant: Restaurant) -> str:
    """The open orders as JSON, in the restaurant's own language; the oldest first."""
    now = datetime.now(UTC)

    async def work(connection: Connection) -> kitchen.Board:
        return await kitchen.board(
            connection, now - ON_THE_DEVICE, now, closed_limit=0, left_open_limit=0, pii=context.pii()
        )

    board = context.database().tenant(restaurant.id, work)
    with force_locale(restaurant.language):
        shown = [_shown(order, restaurant) for order in board.open]
    return msgspec.json.encode({"orders": shown}).decode()


def _shown(order: Order, restaurant: Restaurant) -> dict[str, object]:
    """What the kitchen needs of an order: neither a number nor an address is kept on a device."""
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "fulfilment": words.fulfilments()[order.fulfilment],
        "name": order.customer_name,
        "allergies": order.allergies,
        "confirmedAt": order.confirmed_at.isoformat(),
        "promisedAt": order.promised_at.isoformat(),
        "promised": formats.clock(order.promised_at, restaurant.zone),
        "lines": [
            {
                "quantity": line.quantity,
                "name": f"{line.name} {line.size_name}".strip(),
                "extras": [modifier.name for modifier in line.modifiers],
                "note": line.note,
            }
            for line in order.lines
        ],
        "spoken": spoken.order(order, restaurant.language),
    }


@blueprint.get("/alive")
@device
@_paired
def alive() -> ResponseReturnValue:
    """For a device whose stream ended: 204, or 401 when it was taken away."""
    return "", 204


@blueprint.post("/actions")
@device
@_from_the_page
@_paired
def act() -> Response:
    """Carry out what was tapped, each once, in its order; what became of each."""
    try:
        asked = msgspec.json.decode(request.get_data(), type=Actions)
    except msgspec.DecodeError:
        abort(400)
    results = [{"id": str(action.id), "result": _carry_out(action)} for action in asked.actions]
    return Response(msgspec.json.encode({"results": results}), content_type="application/json")


def _carry_out(action: Action) -> ActionResult:
    restaurant_id, this = g.kitchen.id, cast(Device, g.device)
    new: list[str] = []

    async def work(connection: Connection) -> ActionResult:
        before = await devices.earlier_result(connection, this.id, str(action.id))
        if before is not None:
            return before
        result = await _moved(connection, action, this, restaurant_id)
        await devices.keep_result(connection, restaurant_id, this.id, str(action.id), str(action.order), result)
        if result == "done":
            new.append(str(action.order))
        return result

    result = context.database().tenant(restaurant_id, work)
    for order_id in new:
        tell(restaurant_id, live.OrderMoved(order_id=order_id))
    return result


async def _moved(connection: Connection, action: Action, this: Device, restaurant_id: str) -> ActionResult:
    if action.to == "cancelled" or not may_move(action.seen, action.to):
        return "unknown"
    move = Move(str(action.order), action.seen, action.to, this.name)
    try:
        moved = await move_order(connection, move, source=SOURCE)
    except StatusChangedError:
        return "conflict"
    except NotFoundError:
        return "unknown"
    await audit.record(
        connection,
        restaurant_id,
        audit.Actor(this.name),
        "order.moved",
        subject=move.order_id,
        before={"status": move.seen},
        after={"number": moved.number, "status": move.to},
    )
    return "done"


def _texts() -> Mapping[str, str]:
    """What the page's script says."""
    return {
        "online": _("Online"),
        "offline": _("Offline since %(time)s", time="%s"),
        "connecting": _("Connecting"),
        "queued": _("%(count)s waiting to be sent", count="%s"),
        "confirmed": _("Start"),
        "preparing": _("Ready"),
        "ready": _("Handed over"),
        "new": _("New"),
        "cooking": _("In preparation"),
        "waits": _("Ready, waits"),
        "sending": _("Will be sent"),
        "conflict": _("Order %(number)s was moved on another screen.", number="%s"),
        "empty": _("No open orders"),
        "minutes": _("%(count)s min", count="%s"),
        "allergies": _("Allergies"),
        "promised": _("for %(time)s", time="%s"),
    }
