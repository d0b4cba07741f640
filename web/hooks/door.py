"""The door for services' notices. Nobody is logged in here; what is not signed is not looked at.

A notice's effect is one transaction. 404 hides whether a connection is there from who has no signature.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from integrations.calendars import calcom
from integrations.catalogue import PROVIDERS
from integrations.messages import twilio
from integrations.payments import stripe
from integrations.tills import deliverect, square, toast
from integrations.tills.notices import Busy, MenuMoved, Notice, OrderStands, Registered
from process import logs
from stores import calendar_copies, connections, hooks, live
from stores.hooks import Hook
from stores.postgres import NO_RESTAURANT, Connection
from web import allowance, context
from web.access import anyone
from web.hooks import bookings, payments, texts, tills
from web.identity import links
from web.identity.throttle import neighbourhood
from web.live.news import tell

blueprint = Blueprint("hooks", __name__)

LARGEST_NOTICE = 4 << 20  # a whole menu
LARGEST_OF = dict.fromkeys(("hooks.of_twilio", "hooks.of_stripe", "hooks.of_calcom"), 256 << 10)

log = logs.get(__name__)


def admit() -> ResponseReturnValue | None:
    """Whoever sends too much is heard no further; of all others the body is kept as it came: that is what is signed."""
    if request.blueprint != blueprint.name:
        return None
    counted = allowance.count(_sender(), context.settings().web_hook_requests_per_minute)
    if counted is not None and counted.is_passed:
        return _too_many(counted)
    request.max_content_length = LARGEST_OF.get(request.endpoint or "", LARGEST_NOTICE)
    request.get_data()
    return None


def _sender() -> str:
    return f"hooks:requests:{neighbourhood(request.remote_addr)}"


def _too_many(counted: allowance.Allowance) -> Response:
    refused = Response('{"error": "too many requests"}', 429, content_type="application/json")
    refused.headers["Retry-After"] = str(counted.seconds)
    return refused


def _heard(hook: Hook, is_signed: bool) -> None:
    """What is signed counts for its connection and not for its sender, who brings the notices of many restaurants.

    Aborts with 404 for what is not, with 429 for too much.
    """
    if not is_signed:
        abort(404)
    allowance.take_back(_sender())
    counted = allowance.count(f"hooks:of:{hook.connection_id}", context.settings().web_hook_requests_per_minute)
    if counted is not None and counted.is_passed:
        abort(_too_many(counted))


@blueprint.post("/hooks/deliverect/<uuid:connection_id>")
@anyone
def of_deliverect(connection_id: str) -> ResponseReturnValue:
    """All of Deliverect's webhooks: it learns this address for each by registering (Register Channel)."""
    hook, headers, body = _asked(connection_id, "deliverect")
    _heard(hook, deliverect.verify(headers, body, hook.secrets.get("hmac_secret", "")))
    try:
        notice = deliverect.read(body)
    except msgspec.MsgspecError:
        abort(400)
    if isinstance(notice, Registered):
        here = links.to("hooks.of_deliverect", connection_id=connection_id)
        if not here:
            log.error("Deliverect can't be told where to send its notices: WEB_PUBLIC_URL is not set")
            return {"error": "no address yet"}, 503
        return dict.fromkeys(("statusUpdateURL", "menuUpdateURL", "snoozeUnsnoozeURL", "busyModeURL"), here)
    if notice is not None:
        _take(hook, notice)
    if isinstance(notice, Busy):
        return {"status": {"paused": "PAUSED", "busy": "BUSY", "normal": "ONLINE"}[notice.state]}
    return {"result": "OK"}


@blueprint.post("/hooks/square/<uuid:connection_id>")
@anyone
def of_square(connection_id: str) -> ResponseReturnValue:
    """Square's events about orders, counts and the catalogue. The address is signed as Square knows it."""
    hook, headers, body = _asked(connection_id, "square")
    here = links.to("hooks.of_square", connection_id=connection_id)
    _heard(hook, bool(here) and square.verify(headers, here, body, hook.secrets.get("signature_key", "")))
    try:
        notice = square.read(body, _setting(hook, "location"))
    except msgspec.MsgspecError:
        abort(400)
    if notice is not None:
        _take(hook, notice)
    return {"received": True}


@blueprint.post("/hooks/toast/<uuid:connection_id>")
@anyone
def of_toast(connection_id: str) -> ResponseReturnValue:
    """Toast's events about orders, stock and menus."""
    hook, headers, body = _asked(connection_id, "toast")
    try:
        _heard(hook, toast.verify(headers, body, hook.secrets.get("hmac_secret", "")))
        notice = toast.read(body, _setting(hook, "restaurant"))
    except msgspec.MsgspecError:
        abort(404)
    if notice is not None:
        _take(hook, notice)
    return {"received": True}


@blueprint.post("/hooks/stripe/<uuid:connection_id>")
@anyone
def of_stripe(connection_id: str) -> ResponseReturnValue:
    """Stripe's events about the pages that were asked for, and about refunds."""
    hook, headers, body = _asked(connection_id, "stripe")
    _heard(hook, stripe.verify(headers, body, hook.secrets.get("webhook_secret", ""), time.time()))
    try:
        notice = stripe.read(body)
    except ValueError:
        abort(400)
    if notice is not None:
        _settle(hook, notice)
    return {"received": True}


def _settle(hook: Hook, notice: stripe.Notice) -> None:
    pii = context.pii()

    async def work(connection: Connection) -> payments.News | None:
        if not await hooks.is_new(connection, hook, notice.message_id):
            return None
        return await payments.take(connection, hook, notice, pii)

    news = context.database().tenant(hook.restaurant_id, work)
    log.info("notice taken", connection=hook.connection_id, kind=notice.fate, known=news is None)
    if news is not None:
        tell(hook.restaurant_id, news)


@blueprint.post("/hooks/calcom/<uuid:connection_id>")
@anyone
def of_calcom(connection_id: str) -> ResponseReturnValue:
    """What was booked, cancelled or moved in Cal.com: whatever it is, the copy of its times is old."""
    hook, headers, body = _asked(connection_id, "calcom")
    _heard(hook, calcom.verify(headers, body, hook.secrets.get("webhook_secret", "")))
    try:
        notice = calcom.read(body)
    except msgspec.MsgspecError:
        abort(400)
    pii, now, name = context.pii(), datetime.now(UTC), PROVIDERS["calcom"].label

    async def work(connection: Connection) -> bool:
        await calendar_copies.renew(connection, hook.connection_id)
        if notice is None or not await hooks.is_new(connection, hook, notice.message_id):
            return False
        return await bookings.take(connection, hook, name, notice, now, pii)

    changed = context.database().tenant(hook.restaurant_id, work)
    log.info("notice taken", connection=hook.connection_id, kind="booking", changed=changed)
    return {"received": True}


@blueprint.post("/hooks/twilio/<uuid:connection_id>")
@anyone
def of_twilio(connection_id: str) -> ResponseReturnValue:
    """What became of a text, and what somebody writes back. Its URL is signed as Twilio knows it."""
    hook, headers, body = _asked(connection_id, "twilio")
    here = links.to("hooks.of_twilio", connection_id=connection_id)
    _heard(hook, bool(here) and twilio.verify(headers, here, body, hook.secrets.get("token", "")))
    try:
        notice = twilio.read(body)
    except ValueError:
        abort(400)
    if notice is not None:
        pii = context.pii()
        context.database().tenant(hook.restaurant_id, lambda connection: texts.take(connection, hook, notice, pii))
        log.info("notice taken", connection=hook.connection_id, kind=type(notice).__name__)
    return Response("<Response/>", content_type="text/xml")  # nothing is answered to who writes


def _asked(connection_id: str, provider: str) -> tuple[Hook, dict[str, str], bytes]:
    """Whom the request is for, its headers by their names in lower case, and its body as it came. Aborts with 404."""
    pii = context.pii()
    found = context.database().tenant(NO_RESTAURANT, lambda connection: hooks.find(connection, str(connection_id), pii))
    if found is None or found.provider != provider:
        abort(404)
    return found, {name.lower(): value for name, value in request.headers.items()}, request.get_data()


def _setting(hook: Hook, name: str) -> str:
    """What the owner typed, "" where it was disconnected this moment."""

    async def work(connection: Connection) -> str:
        made = await connections.of_restaurant(connection, hook.restaurant_id)
        return next((one.settings.get(name, "") for one in made if one.id == hook.connection_id), "")

    return context.database().tenant(hook.restaurant_id, work)


def _take(hook: Hook, notice: Notice) -> None:
    async def work(connection: Connection) -> str | None:
        # What else is told is a state: taken twice it is the same, and the same words may be meant anew.
        is_once = isinstance(notice, OrderStands | MenuMoved)
        if is_once and not await hooks.is_new(connection, hook, notice.message_id):
            return None
        return await tills.take(connection, hook, PROVIDERS[hook.provider].label, notice)

    order_id = context.database().tenant(hook.restaurant_id, work)
    log.info("notice taken", connection=hook.connection_id, kind=type(notice).__name__, known=order_id is None)
    if order_id:
        tell(hook.restaurant_id, live.OrderMoved(order_id=order_id))
