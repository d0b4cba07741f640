"""The first hour: a restaurant from nothing, a list of what is missing, and a call from this page's own microphone.

The list is worked out from what there is, each time: nothing is ticked off by hand, and what is taken away again is
missing again. A call from here is a call like any other; what is ordered in it is on the board.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from redis.asyncio import Redis

from domain.menu import Menu
from domain.restaurant import FaqEntry
from process import logs
from stores import audit as audit_log
from stores import calls, checkpoints, dining, line_states, lines, live, menus, restaurants, setups
from stores.audit import Actor
from stores.checkpoints import Checkpoint
from stores.postgres import NO_RESTAURANT, Connection
from stores.setups import NewRestaurant, TooManyRestaurantsError
from web import context, language, security, words
from web.access import managers, signed_in
from web.database import UnavailableError
from web.forms import Form
from web.identity import accounts
from web.place import example_menus, line_words, practice
from web.place.practice import NotTakenError
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("setup", __name__)
beginning = Blueprint("beginning", __name__)

WATCH_WITHIN_S = 1.0
# What a country's restaurants have, unless they are in an outlying part of it.
COUNTRIES = {
    "FR": ("EUR", "Europe/Paris"),
    "BE": ("EUR", "Europe/Brussels"),
    "CH": ("CHF", "Europe/Zurich"),
    "LU": ("EUR", "Europe/Luxembourg"),
    "IE": ("EUR", "Europe/Dublin"),
    "GB": ("GBP", "Europe/London"),
}

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """``endpoint`` is the page where it is done. One that is not needed does not keep the set-up from being whole."""

    title: str
    hint: str
    endpoint: str
    is_done: bool
    is_needed: bool = True


# --- A restaurant from nothing -------------------------------------------------------------------------------


@beginning.get("/setup")
@signed_in
def new() -> ResponseReturnValue:
    reader = language.current()
    return _new_page(Form(saved={"language": reader, "country": "FR" if reader == "fr" else "IE", "kind": ""}))


@beginning.post("/setup")
@signed_in
def create() -> ResponseReturnValue:
    form, member = Form(request.form), accounts.current()
    if member is None:
        abort(401)
    country = form.choice("country", _("Country"), words.countries())
    currency, zone = COUNTRIES[country]
    made = NewRestaurant(
        name=form.text("name", _("Name"), most=120, required=True),
        language=form.choice("language", _("Language"), words.spoken_languages()),
        country=country,
        currency=currency,
        zone=zone,
        street=form.text("street", _("Street"), most=200),
        postcode=form.text("postcode", _("Postcode"), most=20),
        city=form.text("city", _("City"), most=100),
    )
    kind = form.choice("kind", _("Kind of restaurant"), _kinds())
    if form.problems:
        return _new_page(form, status=422)

    async def work(connection: Connection) -> str:
        restaurant_id = await setups.set_up(connection, member.id, made)
        actor = Actor(member.email)
        await audit_log.record(connection, restaurant_id, actor, "setup.restaurant_created", subject=restaurant_id)
        if kind:
            menu = example_menus.load(kind, await restaurants.get(connection, restaurant_id))
            await menus.insert(connection, menu)
            await audit_log.record(connection, restaurant_id, actor, "setup.example_menu_taken", subject=kind)
        return restaurant_id

    try:
        restaurant_id = context.database().tenant(NO_RESTAURANT, work)
    except TooManyRestaurantsError:
        form.refuse("name", _("Name: you have ten restaurants already. Ask your operator for more."))
        return _new_page(form, status=422)
    return redirect(url_for("setup.index", restaurant_id=restaurant_id), 303)


def _new_page(form: Form, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "place/setup/new.html",
        form=form,
        countries=words.countries(),
        languages=words.spoken_languages(),
        kinds=_kinds(),
    )
    return page, status


def _kinds() -> dict[str, str]:
    found = {kind.id: kind.title for kind in example_menus.kinds(language.current())}
    return {**found, "": _("I enter my own menu")}


# --- What is missing -----------------------------------------------------------------------------------------


@blueprint.get("/setup")
@managers
def index() -> ResponseReturnValue:
    place = restaurant()

    async def work(connection: Connection) -> tuple[Menu, tuple[FaqEntry, ...], int, int, int]:
        registrations = await line_states.registrations(connection, place.id)
        ready = [
            one
            for one in await lines.of_restaurant(connection, place.id)
            if not practice.is_practice(one) and line_words.state(one, registrations.get(one.id)).tone in ("good", "")
        ]
        any_call = await calls.recent(connection, 1)
        return (
            await menus.load(connection, place.id),
            await restaurants.faq(connection, place.id),
            len(await dining.tables(connection, place.id)),
            len(ready),
            len(any_call),
        )

    steps = _steps(*in_restaurant(work))
    page = render_template(
        "place/setup/setup.html",
        steps=steps,
        missing=sum(1 for step in steps if step.is_needed and not step.is_done),
        can_ring=bool(context.settings().web_twilio_url),
        **_watched(),
    )
    return _with_microphone(page)


def _steps(menu: Menu, faq: tuple[FaqEntry, ...], tables: int, ready_lines: int, calls_so_far: int) -> tuple[Step, ...]:
    place = restaurant()
    zones = bool(place.delivery_zones)
    return (
        Step(_("Hours"), _("When you take orders."), "hours.index", bool(place.openings)),
        Step(_("Menu"), _("What callers can order."), "menu.index", bool(menu.items)),
        Step(_("Greeting and voice"), _("What callers hear first."), "voice.index", bool(place.greeting), False),
        Step(_("Your number"), _("For callers who want a person."), "voice.index", bool(place.fallback_number)),
        Step(
            _("Delivery"),
            _("The zones that you deliver to."),
            "delivery.index",
            zones or not place.delivery,
            place.delivery,
        ),
        Step(
            _("Rooms"),
            _("So that callers reserve a table at once."),
            "rooms.index",
            bool(tables) or not place.dine_in,
            False,
        ),
        Step(_("Questions"), _("Parking, terrace, payment."), "questions.index", bool(faq), False),
        Step(_("A test call"), _("From this page, below."), "setup.index", calls_so_far > 0),
        Step(_("Phone line"), _("So that callers reach it."), "lines.index", ready_lines > 0),
    )


# --- Ring my restaurant --------------------------------------------------------------------------------------


@blueprint.post("/setup/ring")
@managers
def ring() -> ResponseReturnValue:
    """Where the page's microphone is to be streamed to, once. 503 with ``soon`` when asking again will help."""
    if not context.settings().web_twilio_url:
        abort(404)
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> tuple[lines.PhoneLine, bool]:
        line, is_new = await practice.practice_line(connection, restaurant_id)
        if is_new:
            await audit(connection, "setup.practice_line_made", subject=line.id)
        return line, is_new

    line, is_new = in_restaurant(work)
    if is_new:
        _announce()
    try:
        url, sid = practice.ring(line)
    except NotTakenError as error:
        return jsonify(soon=error.soon or is_new), 503
    return jsonify(url=url, sid=sid)


@blueprint.get("/setup/watch")
@managers
def watch() -> ResponseReturnValue:
    return render_template("place/setup/_watch.html", **_watched())


def _announce() -> None:
    try:
        context.database().redis(lambda redis: live.lines_changed(redis, "edited"), within_s=WATCH_WITHIN_S)
    except UnavailableError:
        log.warning("bridges are not told of a practice line")


def _watched() -> dict[str, object]:
    """The restaurant's youngest call that goes on, with what was said and ordered in it so far."""
    restaurant_id = restaurant().id

    async def look(redis: Redis) -> tuple[live.LiveCall, live.CallState | None, Checkpoint | None] | None:
        going_on = await live.on_the_phone(redis, restaurant_id, datetime.now(UTC))
        if not going_on:
            return None
        call, state = going_on[-1]
        return call, state, await checkpoints.load(redis, call.call_id)

    try:
        found = context.database().redis(look, within_s=WATCH_WITHIN_S)
    except UnavailableError:
        found = None
    call, state, checkpoint = found or (None, None, None)
    return {
        "call": call,
        "state": words.call_states().get(state, _("On the phone")) if state else "",
        "checkpoint": checkpoint,
    }


def _with_microphone(page: str) -> Response:
    """This page alone may use the microphone, and speak to the bridge."""
    response = current_app.make_response(page)
    origin = practice.socket_origin()
    if origin:
        policy = security.CONTENT_SECURITY_POLICY.replace("connect-src 'self'", f"connect-src 'self' {origin}")
        response.headers["Content-Security-Policy"] = policy
        response.headers["Permissions-Policy"] = security.PERMISSIONS.replace("microphone=()", "microphone=(self)")
    return response
