"""What the restaurant has connected, with the log of what each was told. Owners only.

Secrets are typed and never shown; left empty in a later form they stay as they are, unless they would go elsewhere: an
address of somebody else's would be a way to read them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.calendars import Calendar
from domain.errands import SECRETS_GOOD_FOR, SERVICES
from integrations.catalogue import PROVIDERS, Field, Provider
from stores import calendar_copies, connections, errands, message_costs
from stores.connections import AlreadyConnectedError
from stores.connections import Connection as Connected
from stores.errands import Errand
from stores.errors import NotFoundError
from stores.message_costs import MonthlyCost
from stores.postgres import Connection
from web import connection_words, context, paging
from web.access import owners
from web.forms import Form
from web.identity import links
from web.place import tenancy
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("connections", __name__)

LOG_PAGE = 40
LONGEST_NAME = 80
LONGEST_VALUE = 500
WHERE = ("url", "host", "port", "security")
"""The fields that say where secrets are sent, and how."""
MONTHS = 12
CLOSED_WITHIN = timedelta(days=14)
MOST_CLOSED = 20
"""Times that a calendar closes, of those within CLOSED_WITHIN."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A form's values, by the provider's fields. ``secrets`` None: all were left empty."""

    name: str
    settings: dict[str, str]
    secrets: dict[str, str] | None


@blueprint.get("/connections")
@owners
def index() -> ResponseReturnValue:
    owner = restaurant().id
    made = in_restaurant(lambda connection: connections.of_restaurant(connection, owner))
    by_service = {service: [one for one in made if one.service == service] for service in SERVICES}
    offered = {service: [one for one in PROVIDERS.values() if one.service == service] for service in SERVICES}
    return render_template("place/connections/index.html", connected=by_service, offered=offered, providers=PROVIDERS)


@blueprint.get("/connections/new/<provider_name>")
@owners
def new(provider_name: str) -> ResponseReturnValue:
    return _page(Form(saved={}), _provider(provider_name), None)


@blueprint.post("/connections/new/<provider_name>")
@owners
def create(provider_name: str) -> ResponseReturnValue:
    provider, form = _provider(provider_name), Form(request.form)
    typed = _read(form, provider, secrets_kept=False)
    if form.problems:
        return _page(form, provider, None, status=422)

    async def work(connection: Connection) -> Connected | None:
        if len(await connections.of_restaurant(connection, restaurant().id)) >= connections.MOST_CONNECTIONS:
            return None
        made = await connections.connect(
            connection,
            restaurant().id,
            service=provider.service,
            provider=provider.name,
            name=typed.name,
            settings=typed.settings,
            secrets=typed.secrets or {},
            pii=context.pii(),
            created_by=tenancy.actor().name,
        )
        await audit(connection, "connections.created", subject=made.id, after=_facts(made))
        return made

    try:
        made = in_restaurant(work)
    except AlreadyConnectedError:
        form.refuse("name", _("Name: there is one already. Switch it off or disconnect it first."))
        return _page(form, provider, None, status=422)
    if made is None:
        most = connections.MOST_CONNECTIONS
        form.refuse("name", _("Name: at most %(most)s connections. Disconnect one first.", most=most))
        return _page(form, provider, None, status=422)
    flash(_("It is connected. What happens from now on is told to it."), "good")
    return redirect(url_for(".show", connection_id=made.id), 303)


@blueprint.get("/connections/<uuid:connection_id>")
@owners
def show(connection_id: str) -> ResponseReturnValue:
    connected = _own(str(connection_id))
    return _page(Form(saved={"name": connected.name, **connected.settings}), _provider(connected.provider), connected)


@blueprint.post("/connections/<uuid:connection_id>")
@owners
def save(connection_id: str) -> ResponseReturnValue:
    before, form = _own(str(connection_id)), Form(request.form)
    provider = _provider(before.provider)
    moves = any(form.typed(name).strip() != before.settings.get(name, "") for name in WHERE)
    typed = _read(form, provider, secrets_kept=not moves)
    if form.problems:
        return _page(form, provider, before, status=422)

    async def work(connection: Connection) -> None:
        await connections.change(
            connection, before, name=typed.name, settings=typed.settings, secrets=typed.secrets, pii=context.pii()
        )
        after = _facts(await connections.get(connection, before.id)) | {"secrets_changed": typed.secrets is not None}
        await audit(connection, "connections.changed", subject=before.id, before=_facts(before), after=after)

    in_restaurant(work)
    flash(_("The connection is saved. What waits is tried at once."), "good")
    return redirect(url_for(".show", connection_id=before.id), 303)


@blueprint.post("/connections/<uuid:connection_id>/switch")
@owners
def switch(connection_id: str) -> ResponseReturnValue:
    connected, on = _own(str(connection_id)), request.form.get("on") == "yes"

    async def work(connection: Connection) -> None:
        await connections.switch(connection, connected.id, on)
        await audit(connection, "connections.switched", subject=connected.id, after={"on": on})

    try:
        in_restaurant(work)
    except AlreadyConnectedError:
        flash(_("Another one is on. Switch that one off first."), "error")
    return redirect(url_for(".show", connection_id=connected.id), 303)


@blueprint.post("/connections/<uuid:connection_id>/errands/<uuid:errand_id>/again")
@owners
def try_again(connection_id: str, errand_id: str) -> ResponseReturnValue:
    connected, owner = _own(str(connection_id)), restaurant().id
    try:
        in_restaurant(lambda connection: errands.try_again(connection, owner, str(errand_id)))
    except NotFoundError:
        abort(404)
    flash(_("It is tried again within five seconds."), "good")
    return redirect(url_for(".show", connection_id=connected.id), 303)


@blueprint.post("/connections/<uuid:connection_id>/delete")
@owners
def delete(connection_id: str) -> ResponseReturnValue:
    connected = _own(str(connection_id))

    async def work(connection: Connection) -> None:
        await connections.disconnect(connection, connected.id)
        await audit(connection, "connections.deleted", subject=connected.id, before=_facts(connected))

    in_restaurant(work)
    flash(_("It is disconnected."), "good")
    return redirect(url_for(".index"), 303)


def _provider(name: str) -> Provider:
    if name not in PROVIDERS:
        abort(404)
    return PROVIDERS[name]


def _own(connection_id: str) -> Connected:
    try:
        return in_restaurant(lambda connection: connections.get(connection, connection_id))
    except NotFoundError:
        abort(404)


def _read(form: Form, provider: Provider, *, secrets_kept: bool) -> Typed:
    """Secrets belong together: with one typed, all that are required are."""
    labels, private = connection_words.fields(), context.settings().integration_private_targets
    name = form.text("name", _("Name"), most=LONGEST_NAME)
    values: dict[str, str] = {}
    change_secrets = not secrets_kept or any(form.typed(field.name) for field in provider.fields if field.is_secret)
    for field in provider.fields:
        required = field.required and (change_secrets or not field.is_secret) and not _has_default(provider, field)
        if field.kind == "url":
            value = form.url(field.name, labels[field.name], required=required, private=private)
        else:
            value = form.text(field.name, labels[field.name], most=LONGEST_VALUE, required=required)
        if value:
            values[field.name] = value
    secret = {field.name for field in provider.fields if field.is_secret}
    return Typed(
        name,
        {key: value for key, value in values.items() if key not in secret},
        {key: value for key, value in values.items() if key in secret} if change_secrets else None,
    )


def _has_default(provider: Provider, field: Field) -> bool:
    """Whether the operator has set it for everybody."""
    return (provider.name, field.name) == ("store_api", "url") and bool(context.settings().store_api_url)


def _facts(connected: Connected) -> dict[str, object]:
    return {name: getattr(connected, name) for name in ("service", "provider", "name", "settings")}


def _page(form: Form, provider: Provider, connected: Connected | None, status: int = 200) -> ResponseReturnValue:
    after = paging.asked_for(uuid.UUID)
    told: tuple[Errand, ...] = ()
    costs: tuple[MonthlyCost, ...] = ()
    calendar, now = None, datetime.now(UTC)
    if connected is not None:
        known, owner = connected.id, restaurant().id
        reads_calendar = connected.service == "calendar" and connected.disabled_at is None

        async def work(connection: Connection) -> tuple[tuple[Errand, ...], tuple[MonthlyCost, ...], Calendar | None]:
            told = await errands.of_connection(connection, owner, known, LOG_PAGE + 1, after)
            costs = await message_costs.of_provider(connection, owner, provider.name, MONTHS)
            if not reads_calendar:
                return told, costs, None
            return told, costs, await calendar_copies.of_restaurant(connection, owner, now, now + CLOSED_WITHIN)

        told, costs, calendar = in_restaurant(work)
    page = render_template(
        "place/connections/connection.html",
        form=form,
        provider=provider,
        connected=connected,
        labels=connection_words.fields(),
        kinds=connection_words.kinds(),
        states=connection_words.states(),
        told=told[:LOG_PAGE],
        more=len(told) > LOG_PAGE,
        months=_by_month(costs),
        defaults={field.name for field in provider.fields if _has_default(provider, field)},
        secrets_old=_are_old(connected),
        notices=_notices(provider, connected),
        calendar=calendar,
        calendar_known=calendar is not None and calendar.tells(now, now),
        most_closed=MOST_CLOSED,
    )
    return page, status


def _by_month(costs: Iterable[MonthlyCost]) -> list[tuple[MonthlyCost, list[MonthlyCost]]]:
    """What was sent in each month, with what has a price of it."""
    months: list[tuple[MonthlyCost, list[MonthlyCost]]] = []
    for one in costs:
        if not one.currency:
            months.append((one, []))
        elif months and months[-1][0].month == one.month:
            months[-1][1].append(one)
    return months


def _are_old(connected: Connected | None) -> bool:
    """Whether its secrets should be changed."""
    if connected is None or connected.secrets_at is None:
        return False
    return datetime.now(UTC) - connected.secrets_at > SECRETS_GOOD_FOR


def _notices(provider: Provider, connected: Connected | None) -> str | None:
    """Where the provider tells what becomes of things: "" while nobody has said how we are reached from outside, None
    where it tells nothing."""
    door = f"hooks.of_{provider.name}"
    if connected is None or door not in current_app.view_functions:
        return None
    return links.to(door, connection_id=connected.id)


@blueprint.context_processor
def words() -> dict[str, object]:
    return {
        "services": connection_words.services(),
        "why": connection_words.why(),
        "link_after": paging.link_after,
    }
