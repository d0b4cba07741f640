"""The restaurant's phone lines: their accounts at trunks, how each stands, and which one rings.

A secret (SIP password, Twilio auth token) is written and never read again, neither by a page nor by this process: the
database grants it no such thing. A field that is left empty keeps the one that is stored.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, get_args

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.phone_numbers import InvalidNumberError
from domain.trunks import InvalidTrunkError, Srtp, Transport, TrunkOptions
from eventing import lines as told_lines
from process import logs
from stores import line_states, lines, live
from stores.errors import NotFoundError
from stores.line_states import Registration
from stores.lines import LineTransfers, NumberTakenError, PhoneLine, Provider
from stores.postgres import Connection
from web import context, words
from web.access import managers
from web.database import UnavailableError
from web.forms import Form
from web.place import line_words
from web.place.changes import SOURCE
from web.place.practice import is_practice
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("lines", __name__)

T = TypeVar("T")

log = logs.get(__name__)

MAX_LINES = 20
LONGEST_SECRET = 200
ANNOUNCE_WITHIN_S = 1.0
# What the log of changes shows of a line. Of a secret it says only that it was set.
_SHOWN = ("number", "provider", "sip_domain", "sip_username", "is_active", "transfers")
_TRUNK = ("auth_username", "outbound_proxy", "transport", "srtp")


@blueprint.get("/lines")
@managers
def index() -> ResponseReturnValue:
    return render_template("place/lines/list.html", **_listed())


@blueprint.get("/lines/state")
@managers
def states() -> ResponseReturnValue:
    """The list alone, for the page to draw itself anew while it is looked at."""
    return render_template("place/lines/_lines.html", **_listed())


@blueprint.get("/lines/new/<kind>")
@managers
def new(kind: str) -> ResponseReturnValue:
    provider = _provider(kind)
    saved = {"transport": "udp", "srtp": "off", "transfers": "auto", "number": restaurant().phone}
    return _edit_page(Form(saved=saved), provider)


@blueprint.post("/lines/new/<kind>")
@managers
def create(kind: str) -> ResponseReturnValue:
    provider, form = _provider(kind), Form(request.form)
    typed = _Typed(form, provider, has_none=True)
    place = restaurant()

    async def work(connection: Connection) -> str:
        if len(await lines.of_restaurant(connection, place.id)) >= MAX_LINES:
            form.refuse("number", _("Number: at most %(most)s lines. Switch one off and change it.", most=MAX_LINES))
            raise _RefusedError
        line = await told_lines.create(
            connection,
            source=SOURCE,
            restaurant_id=place.id,
            number=typed.number,
            cipher=context.sip_passwords(),
            provider=provider,
            sip_domain=typed.sip_domain,
            sip_username=typed.sip_username,
            sip_password=typed.secret if provider == "sip" else "",
            trunk=typed.trunk,
            twilio_auth_token=typed.secret if provider == "twilio" else "",
        )
        await audit(connection, "lines.created", subject=line.id, after=_facts(line))
        return line.id

    line_id = _try(form, work)
    if line_id is None:
        return _edit_page(form, provider, status=422)
    _announce()
    return redirect(url_for(".show", line_id=line_id), 303)


@blueprint.get("/lines/<uuid:line_id>")
@managers
def show(line_id: str) -> ResponseReturnValue:
    line = _own(str(line_id))
    saved = {
        **{name: getattr(line, name) for name in ("number", "sip_domain", "sip_username", "transfers")},
        **{name: getattr(line.trunk, name) for name in _TRUNK},
    }
    return _edit_page(Form(saved=saved), line.provider, line=line)


@blueprint.get("/lines/<uuid:line_id>/state")
@managers
def state(line_id: str) -> ResponseReturnValue:
    return render_template("place/lines/_state.html", line=_own(str(line_id)), told=_told(str(line_id)))


@blueprint.post("/lines/<uuid:line_id>")
@managers
def save(line_id: str) -> ResponseReturnValue:
    line, form = _own(str(line_id)), Form(request.form)
    typed = _Typed(form, line.provider, has_none=line.provider == "sip" and not line.sip_username)

    async def work(connection: Connection) -> PhoneLine:
        before = await lines.get(connection, line.id)
        after = await told_lines.update(
            connection,
            line.id,
            source=SOURCE,
            number=typed.number,
            sip_domain=typed.sip_domain,
            sip_username=typed.sip_username,
            trunk=typed.trunk,
            transfers=typed.transfers,
        )
        facts = _facts(after)
        if typed.secret:
            set_secret = told_lines.set_password if line.provider == "sip" else told_lines.set_twilio_auth_token
            await set_secret(connection, line.id, typed.secret, context.sip_passwords(), source=SOURCE)
            facts["secret"] = "changed"
        if facts != _facts(before):
            await audit(connection, "lines.changed", subject=line.id, before=_facts(before), after=facts)
        return after

    if _try(form, work) is None:
        return _edit_page(form, line.provider, line=line, status=422)
    _announce()
    flash(_("The line is saved."), "good")
    return redirect(url_for(".show", line_id=line.id), 303)


@blueprint.post("/lines/<uuid:line_id>/on")
@managers
def switch(line_id: str) -> ResponseReturnValue:
    line, on = _own(str(line_id)), request.form.get("on") == "yes"

    async def work(connection: Connection) -> None:
        await told_lines.set_active(connection, line.id, on, source=SOURCE)
        await audit(
            connection,
            "lines.switched",
            subject=line.id,
            before={"is_active": line.is_active},
            after={"is_active": on},
        )

    if line.is_active != on:
        try:
            in_restaurant(work)
        except NumberTakenError:
            flash(
                _("%(number)s rings at another line already. Switch that one off first.", number=line.number), "error"
            )
            return redirect(url_for(".show", line_id=line.id), 303)
        _announce()
    flash(_("The line is on.") if on else _("The line is off."), "good")
    return redirect(url_for(".show", line_id=line.id), 303)


@blueprint.post("/lines/<uuid:line_id>/ask")
@managers
def ask(line_id: str) -> ResponseReturnValue:
    """Have the line's trunk asked at once: what it answers is in the line's state moments later."""
    line = _own(str(line_id))
    if in_restaurant(lambda connection: told_lines.ask_now(connection, line.id, source=SOURCE)):
        _announce()
        flash(_("The trunk is asked now. Its answer stands below in a moment."), "good")
    else:
        flash(_("The trunk was asked a moment ago. Wait 20 seconds: trunks block who asks too often."), "error")
    return redirect(url_for(".show", line_id=line.id), 303)


class _RefusedError(Exception):
    """The form has a problem that only the database could tell."""


class _Typed:
    """A line's form, read. ``secret`` is "" where the stored one is kept; ``has_none``: there is none to keep."""

    def __init__(self, form: Form, provider: Provider, *, has_none: bool) -> None:
        self.number = form.text("number", _("Number"), most=64, required=True)
        self.sip_domain = self.sip_username = self.secret = ""
        self.trunk = TrunkOptions()
        self.transfers: LineTransfers = "auto"
        if provider == "sip":
            self._sip(form, has_none)
        elif provider == "twilio":
            self.secret = form.text("secret", _("Auth token"), most=LONGEST_SECRET, required=has_none)

    def _sip(self, form: Form, has_none: bool) -> None:
        self.sip_domain = form.text("sip_domain", _("Domain"), most=253)
        self.sip_username = form.text("sip_username", _("Username"), most=128)
        secret = form.typed("secret")
        self.secret = secret
        if len(secret) > LONGEST_SECRET:
            form.refuse("secret", _("Password: at most %(most)s characters.", most=LONGEST_SECRET))
        if has_none and self.sip_username and not secret:
            form.refuse("secret", _("Password: the trunk asks for it. Type it as the contract has it."))
        if self.sip_username and not self.sip_domain:
            form.refuse("sip_domain", _("Domain: the username belongs to one, such as sip.example.com."))
        self.trunk = TrunkOptions(
            form.text("auth_username", _("Digest username"), most=128),
            form.text("outbound_proxy", _("Outbound proxy"), most=253),
            cast(Transport, form.choice("transport", _("Transport"), get_args(Transport))),
            cast(Srtp, form.choice("srtp", _("Encrypted audio"), get_args(Srtp))),
        )
        if not self.sip_username and (secret or self.trunk.auth_username):
            form.refuse("sip_username", _("Username: password and digest username belong to one."))
        self.transfers = cast(LineTransfers, form.choice("transfers", _("Putting through"), words.transfers()))


def _try(form: Form, work: Callable[[Connection], Awaitable[T]]) -> T | None:
    """Run ``work`` unless the form has problems; None when it has, or when what is typed is refused."""
    if form.problems:
        return None
    try:
        return in_restaurant(work)
    except _RefusedError:
        pass
    except NumberTakenError:
        form.refuse("number", _("Number: another line has it already, in this or another spelling."))
    except InvalidNumberError:
        form.refuse("number", _("Number: write it with its country code, such as +33 4 65 71 00 42."))
    except InvalidTrunkError as error:
        _refuse_trunk(form, str(error))
    return None


def _refuse_trunk(form: Form, message: str) -> None:
    field = message.partition(":")[0]
    problems = {
        "sip_domain": _("Domain: a name or an address, with a port if it needs one: sip.example.com:5060."),
        "outbound_proxy": _("Outbound proxy: a name or an address, such as proxy.example.com:5060."),
        "sip_username": _("Username: at most 128 characters, without spaces, quotes, < and >."),
        "auth_username": _("Digest username: at most 128 characters, without spaces, quotes, < and >."),
    }
    form.refuse(field if field in problems else "sip_domain", problems.get(field, problems["sip_domain"]))


def _provider(kind: str) -> Provider:
    return cast(Provider, kind) if kind in get_args(Provider) else abort(404)


def _facts(line: PhoneLine) -> dict[str, object]:
    return {
        **{name: getattr(line, name) for name in _SHOWN},
        **{name: getattr(line.trunk, name) for name in _TRUNK},
    }


def _own(line_id: str) -> PhoneLine:
    try:
        line = in_restaurant(lambda connection: lines.get(connection, line_id))
    except NotFoundError:
        abort(404)
    return abort(404) if is_practice(line) else line


def _told(line_id: str) -> line_words.LineWords:
    """The line's state in words."""
    place = restaurant()

    async def work(connection: Connection) -> tuple[PhoneLine, Registration | None]:
        registrations = await line_states.registrations(connection, place.id)
        return await lines.get(connection, line_id), registrations.get(line_id)

    return line_words.state(*in_restaurant(work))


def _listed() -> dict[str, object]:
    place = restaurant()

    async def work(connection: Connection) -> list[tuple[PhoneLine, line_words.LineWords]]:
        registrations = await line_states.registrations(connection, place.id)
        return [
            (line, line_words.state(line, registrations.get(line.id)))
            for line in await lines.of_restaurant(connection, place.id)
            if not is_practice(line)
        ]

    return {"lines": in_restaurant(work), "providers": words.providers()}


def _edit_page(
    form: Form, provider: Provider, *, line: PhoneLine | None = None, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "place/lines/line.html",
        form=form,
        provider=provider,
        line=line,
        told=_told(line.id) if line else None,
        providers=words.providers(),
        transfers=words.transfers(),
        transports=dict(zip(get_args(Transport), ("UDP", "TCP", "TLS"), strict=True)),
        srtp=words.srtp(),
        twilio_url=context.settings().web_twilio_url,
    )
    return page, status


def _announce() -> None:
    """Bridges read the change now; while Redis is away they do so some seconds later, by the event."""
    try:
        context.database().redis(lambda redis: live.lines_changed(redis, "edited"), within_s=ANNOUNCE_WITHIN_S)
    except UnavailableError:
        log.warning("bridges are not told of a changed line")
