"""``/``: where somebody lands, which depends on who they are."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from web import accounts
from web.texts import _

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    member = accounts.current()
    if member is None:
        return accounts.unauthorized()
    if member.memberships:
        return redirect(url_for("overview.show", restaurant_id=member.memberships[0].restaurant_id))
    detail = _("You are logged in, but you are not a member of any restaurant yet. Ask its owner to add you.")
    return render_template("error.html", title=_("No restaurant yet"), detail=detail, log_out=True)
