"""Logging in and out, and ``/``, where a member lands. What is said never tells whether an account exists: a known
and an unknown one are treated alike.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from process import logs
from web import context, metrics
from web.access import anyone
from web.identity import accounts, entering, second_step
from web.identity.accounts import LONGEST_PASSWORD
from web.identity.addresses import LONGEST_EMAIL
from web.words import _

blueprint = Blueprint("login", __name__)
log = logs.get(__name__)


@blueprint.get("/")
@anyone
def home() -> ResponseReturnValue:
    member = accounts.current()
    if member is None:
        return accounts.unauthorized()
    if member.memberships:
        return redirect(url_for("overview.show", restaurant_id=member.memberships[0].restaurant_id))
    if member.is_platform and context.settings().platform_database_url:
        return redirect(url_for("tenants.index"))
    return render_template("identity/no_restaurant.html", email=member.email)


@blueprint.get("/login")
@anyone
def show() -> ResponseReturnValue:
    if accounts.current() is not None:
        return redirect(url_for("login.home"))
    return render_template("identity/login.html", email="", problem=None, sends=context.mailer().sends)


@blueprint.post("/login")
@anyone
def log_in() -> ResponseReturnValue:
    email = request.form.get("email", "").strip()[:LONGEST_EMAIL]
    password = request.form.get("password", "")
    limits = entering.attempts_on("login", email)
    if not context.throttle().allow(limits):
        return _refused("throttled", email, 429, _("Too many attempts. Wait a quarter of an hour and try again."))
    user = accounts.check_password(email, password) if len(password) <= LONGEST_PASSWORD else None
    if user is None:
        return _refused("wrong", email, 401, _("The email address or the password is not right."))
    context.throttle().forget(limits[0])
    if accounts.has_second_step(user.id):
        return second_step.ask(user.id, user.email)
    return entering.enter(user.id, user.email)


@blueprint.post("/logout")
@anyone
def log_out() -> ResponseReturnValue:
    accounts.end()
    return redirect(url_for("login.show", next=request.args.get("next")), 303)


def _refused(outcome: str, email: str, status: int, problem: str) -> ResponseReturnValue:
    metrics.logins_total.labels(outcome).inc()
    log.warning("log-in refused", outcome=outcome, pii_address=request.remote_addr)
    return render_template("identity/login.html", email=email, problem=problem, sends=context.mailer().sends), status
