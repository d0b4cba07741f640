"""What other programs get: tokens for the API, and webhooks with the log of what was sent. Owners only.

A token and a webhook's secret are shown once, in the answer that makes them: a redirect would have to carry them.
"""

import uuid
from datetime import UTC, datetime, timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain import webhooks as rules
from eventing import integrators, outbox
from eventing.catalogue import WebhookTested
from stores import tokens, webhooks
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.tokens import ApiToken, TooManyTokensError
from stores.webhooks import Delivery, Endpoint
from web import context, integration_words, paging, token_form
from web.access import owners
from web.api.scopes import OF_RESTAURANTS
from web.forms import Form
from web.place import tenancy
from web.place.changes import SOURCE
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _, plural

blueprint = restaurant_blueprint("integrations", __name__)

LOG_PAGE = 40
LONGEST_NAME = 80


@blueprint.get("/integrations")
@owners
def index() -> ResponseReturnValue:
    return _page(token_form.blank())


# --- Tokens ---------------------------------------------------------------------------------------------------------


@blueprint.post("/integrations/tokens")
@owners
def create_token() -> ResponseReturnValue:
    form = Form(request.form)
    wanted = token_form.read(form, OF_RESTAURANTS)
    if form.problems:
        return _page(form, status=422)

    async def work(connection: Connection) -> str:
        made = await tokens.create(
            connection,
            restaurant().id,
            name=wanted.name,
            scopes=wanted.scopes,
            created_by=tenancy.actor().name,
            expires_at=wanted.expires_at,
        )
        await audit(connection, "tokens.created", after={"name": wanted.name, "scopes": wanted.scopes})
        return made

    try:
        token = in_restaurant(work)
    except TooManyTokensError:
        token_form.refuse_one_more(form)
        return _page(form, status=422)
    return render_template("place/integrations/shown_once.html", secret=token, name=wanted.name, is_token=True)


@blueprint.post("/integrations/tokens/<uuid:token_id>/revoke")
@owners
def revoke_token(token_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> ApiToken:
        token = await tokens.revoke(connection, str(token_id))
        await audit(connection, "tokens.revoked", subject=token.id, before={"name": token.name})
        return token

    try:
        token = in_restaurant(work)
    except NotFoundError:
        abort(404)
    flash(_("%(name)s opens nothing any more.", name=token.name), "good")
    return redirect(url_for(".index"), 303)


def _page(form: Form, status: int = 200) -> ResponseReturnValue:
    owner = restaurant().id

    async def work(connection: Connection) -> tuple[tuple[ApiToken, ...], tuple[Endpoint, ...]]:
        return await tokens.of_restaurant(connection, owner), await webhooks.endpoints(connection, owner)

    made, endpoints = in_restaurant(work)
    page = render_template(
        "place/integrations/index.html",
        tokens=made,
        endpoints=endpoints,
        form=form,
        chosen=token_form.chosen(),
        mark=tokens.MARK,
    )
    return page, status


# --- Webhooks -------------------------------------------------------------------------------------------------------


@blueprint.get("/integrations/webhooks/new")
@owners
def new() -> ResponseReturnValue:
    return _webhook_page(Form(saved={}), None, ())


@blueprint.post("/integrations/webhooks/new")
@owners
def create() -> ResponseReturnValue:
    form, types = Form(request.form), _types()
    url, description = _address(form), form.text("description", _("Name"), most=LONGEST_NAME)
    if form.problems:
        return _webhook_page(form, None, types, status=422)
    secret = rules.new_secret()

    async def work(connection: Connection) -> Endpoint | None:
        if len(await webhooks.endpoints(connection, restaurant().id)) >= webhooks.MOST_ENDPOINTS:
            return None
        made = await webhooks.create_endpoint(
            connection,
            restaurant().id,
            url=url,
            secret=secret,
            pii=context.pii(),
            created_by=tenancy.actor().name,
            types=types,
            personal=form.is_on("personal"),
            description=description,
        )
        await audit(connection, "webhooks.created", subject=made.id, after=_facts(made))
        return made

    endpoint = in_restaurant(work)
    if endpoint is None:
        form.refuse("url", _("Address: at most %(most)s webhooks. Delete one first.", most=webhooks.MOST_ENDPOINTS))
        return _webhook_page(form, None, types, status=422)
    return _secret_page(endpoint, secret)


@blueprint.get("/integrations/webhooks/<uuid:endpoint_id>")
@owners
def show(endpoint_id: str) -> ResponseReturnValue:
    endpoint = _own(str(endpoint_id))
    saved = {"url": endpoint.url, "description": endpoint.description, "personal": endpoint.personal}
    return _webhook_page(Form(saved=saved), endpoint, endpoint.types)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>")
@owners
def save(endpoint_id: str) -> ResponseReturnValue:
    before, form, types = _own(str(endpoint_id)), Form(request.form), _types()
    url, description = _address(form), form.text("description", _("Name"), most=LONGEST_NAME)
    if form.problems:
        return _webhook_page(form, before, types, status=422)

    async def work(connection: Connection) -> None:
        await webhooks.update_endpoint(
            connection, before.id, url=url, description=description, types=types, personal=form.is_on("personal")
        )
        after = await webhooks.endpoint(connection, before.id)
        if _facts(after) != _facts(before):
            await audit(connection, "webhooks.changed", subject=before.id, before=_facts(before), after=_facts(after))

    in_restaurant(work)
    flash(_("The webhook is saved."), "good")
    return redirect(url_for(".show", endpoint_id=before.id), 303)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/switch")
@owners
def switch(endpoint_id: str) -> ResponseReturnValue:
    endpoint, on = _own(str(endpoint_id)), request.form.get("on") == "yes"

    async def work(connection: Connection) -> None:
        await webhooks.switch_endpoint(connection, endpoint.id, on)
        await audit(connection, "webhooks.switched", subject=endpoint.id, after={"on": on})

    in_restaurant(work)
    return redirect(url_for(".show", endpoint_id=endpoint.id), 303)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/secret")
@owners
def rotate(endpoint_id: str) -> ResponseReturnValue:
    endpoint, secret = _own(str(endpoint_id)), rules.new_secret()

    async def work(connection: Connection) -> None:
        await webhooks.rotate_secret(connection, restaurant().id, endpoint.id, secret, context.pii())
        await audit(connection, "webhooks.secret_changed", subject=endpoint.id)

    in_restaurant(work)
    return _secret_page(endpoint, secret)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/test")
@owners
def test(endpoint_id: str) -> ResponseReturnValue:
    endpoint = _own(str(endpoint_id))
    event = WebhookTested(restaurant_id=restaurant().id, endpoint_id=endpoint.id)
    in_restaurant(lambda connection: outbox.emit(connection, event, source=SOURCE, subject=endpoint.id))
    flash(_("A test is on its way. It stands in the log below in a moment."), "good")
    return redirect(url_for(".show", endpoint_id=endpoint.id), 303)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/again")
@owners
def send_again(endpoint_id: str, delivery_id: str) -> ResponseReturnValue:
    try:
        in_restaurant(lambda connection: webhooks.send_again(connection, str(endpoint_id), str(delivery_id)))
    except NotFoundError:
        abort(404)
    flash(_("It is sent again within ten seconds."), "good")
    return redirect(url_for(".show", endpoint_id=endpoint_id), 303)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/replay")
@owners
def replay(endpoint_id: str) -> ResponseReturnValue:
    endpoint, hours = _own(str(endpoint_id)), request.form.get("hours", "")
    if hours not in integration_words.replayed():
        abort(422)
    since = datetime.now(UTC) - timedelta(hours=int(hours))

    async def work(connection: Connection) -> int:
        sent = await webhooks.replay(connection, restaurant().id, endpoint.id, since)
        await audit(connection, "webhooks.replayed", subject=endpoint.id, after={"since": since, "events": sent})
        return sent

    sent = in_restaurant(work)
    flash(plural("%(num)s event is sent again.", "%(num)s events are sent again.", sent), "good")
    return redirect(url_for(".show", endpoint_id=endpoint.id), 303)


@blueprint.post("/integrations/webhooks/<uuid:endpoint_id>/delete")
@owners
def delete(endpoint_id: str) -> ResponseReturnValue:
    endpoint = _own(str(endpoint_id))

    async def work(connection: Connection) -> None:
        await webhooks.delete_endpoint(connection, endpoint.id)
        await audit(connection, "webhooks.deleted", subject=endpoint.id, before=_facts(endpoint))

    in_restaurant(work)
    flash(_("The webhook is gone."), "good")
    return redirect(url_for(".index"), 303)


def _own(endpoint_id: str) -> Endpoint:
    try:
        return in_restaurant(lambda connection: webhooks.endpoint(connection, endpoint_id))
    except NotFoundError:
        abort(404)


def _types() -> tuple[str, ...]:
    """What was ticked, in the order of the list; nothing stands for every type."""
    ticked = request.form.getlist("type")
    return tuple(event_type for event_type in integrators.SUBSCRIBABLE if event_type in ticked)


def _address(form: Form) -> str:
    return form.url("url", _("Address"), required=True, private=context.settings().webhook_private_targets)


def _facts(endpoint: Endpoint) -> dict[str, object]:
    return {name: getattr(endpoint, name) for name in ("url", "description", "types", "personal")}


def _secret_page(endpoint: Endpoint, secret: str) -> str:
    return render_template(
        "place/integrations/shown_once.html", secret=secret, name=endpoint.url, is_token=False, endpoint=endpoint
    )


def _webhook_page(
    form: Form, endpoint: Endpoint | None, types: tuple[str, ...], status: int = 200
) -> ResponseReturnValue:
    after = paging.asked_for(uuid.UUID)
    log: tuple[Delivery, ...] = ()
    if endpoint is not None:
        known, owner = endpoint.id, restaurant().id
        log = in_restaurant(lambda connection: webhooks.deliveries(connection, owner, known, LOG_PAGE + 1, after))
    page = render_template(
        "place/integrations/webhook.html",
        form=form,
        endpoint=endpoint,
        types=types,
        log=log[:LOG_PAGE],
        more=len(log) > LOG_PAGE,
        states=integration_words.delivery_states(),
        replayed=integration_words.replayed(),
    )
    return page, status


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {
        "scopes": integration_words.scopes(),
        "event_types": integration_words.event_types(),
        "lifetimes": integration_words.lifetimes(),
        "link_after": paging.link_after,
    }
