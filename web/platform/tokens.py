"""The platform's own tokens for the API: they make restaurants, and open every restaurant within their rights.

A token is shown once, in the answer that makes it: a redirect would have to carry it.
"""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import tokens
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.tokens import ApiToken, TooManyTokensError
from web import integration_words, token_form
from web.access import platform
from web.api.scopes import SCOPES
from web.forms import Form
from web.identity import accounts
from web.platform.pages import audit, everywhere, platform_blueprint
from web.words import _

blueprint = platform_blueprint("platform_tokens", __name__)


@blueprint.get("/tokens")
@platform
def index() -> ResponseReturnValue:
    return _page(token_form.blank())


@blueprint.post("/tokens")
@platform
def create() -> ResponseReturnValue:
    form = Form(request.form)
    wanted = token_form.read(form, SCOPES)
    if form.problems:
        return _page(form, status=422)
    created_by = accounts.signed_in_member().email

    async def work(connection: Connection) -> str:
        made = await tokens.create(
            connection,
            None,
            name=wanted.name,
            scopes=wanted.scopes,
            created_by=created_by,
            expires_at=wanted.expires_at,
        )
        await audit(connection, "tokens.created", after={"name": wanted.name, "scopes": wanted.scopes})
        return made

    try:
        token = everywhere(work)
    except TooManyTokensError:
        token_form.refuse_one_more(form)
        return _page(form, status=422)
    return render_template("platform/token.html", secret=token, name=wanted.name)


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
        chosen=token_form.chosen(),
        scopes=integration_words.platform_scopes() | integration_words.scopes(),
        lifetimes=integration_words.lifetimes(),
        mark=tokens.MARK,
    )
    return page, status
