"""The platform's own tokens for the API: they make restaurants, and open every restaurant within their rights.

A token is shown once, in the answer that makes it: a redirect would have to carry it.
"""

from datetime import UTC, datetime

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import tokens
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.tokens import ApiToken
from web import integration_words
from web.access import platform
from web.api.scopes import SCOPES
from web.forms import Form
from web.identity import accounts
from web.platform.pages import audit, everywhere, platform_blueprint
from web.words import _

blueprint = platform_blueprint("platform_tokens", __name__)

LONGEST_NAME = 80


@blueprint.get("/tokens")
@platform
def index() -> ResponseReturnValue:
    return _page(Form(saved={"lifetime": "365"}))


@blueprint.post("/tokens")
@platform
def create() -> ResponseReturnValue:
    form = Form(request.form)
    name = form.text("name", _("Name"), most=LONGEST_NAME, required=True)
    lifetime = tokens.LIFETIMES[form.choice("lifetime", _("Valid for"), tokens.LIFETIMES)]
    scopes = tuple(scope for scope in SCOPES if scope in request.form.getlist("scope"))
    if not scopes:
        form.refuse("scope", _("Rights: choose at least one."))
    if form.problems:
        return _page(form, status=422)
    created_by = accounts.signed_in_member().email

    async def work(connection: Connection) -> str | None:
        if len(await tokens.of_platform(connection, in_force=True)) >= tokens.MOST_TOKENS:
            return None
        expires_at = datetime.now(UTC) + lifetime if lifetime else None
        made = await tokens.create(
            connection, None, name=name, scopes=scopes, created_by=created_by, expires_at=expires_at
        )
        await audit(connection, "tokens.created", after={"name": name, "scopes": scopes})
        return made

    token = everywhere(work)
    if token is None:
        form.refuse("name", _("Name: at most %(most)s tokens. Revoke one first.", most=tokens.MOST_TOKENS))
        return _page(form, status=422)
    return render_template("platform/token.html", secret=token, name=name)


@blueprint.post("/tokens/<uuid:token_id>/revoke")
@platform
def revoke(token_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> ApiToken:
        token = await tokens.revoke_platforms(connection, str(token_id))
        await audit(connection, "tokens.revoked", subject=token.id, before={"name": token.name})
        return token

    try:
        token = everywhere(work)
    except NotFoundError:
        abort(404)
    flash(_("%(name)s opens nothing any more.", name=token.name), "saved")
    return redirect(url_for(".index"), 303)


def _page(form: Form, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "platform/tokens.html",
        tokens=everywhere(tokens.of_platform),
        form=form,
        chosen=set(request.form.getlist("scope")) if request.method == "POST" else set(),
        scopes=integration_words.platform_scopes() | integration_words.scopes(),
        lifetimes=integration_words.lifetimes(),
        now=datetime.now(UTC),
        mark=tokens.MARK,
    )
    return page, status
