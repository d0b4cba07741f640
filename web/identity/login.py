"""Logging in and out, and ``/``, where a member lands. What is said never tells whether an account exists.

A known and an unknown account are treated alike. Three counters slow strangers: of one account from one address, of
one account from everywhere, of one address. A browser that has logged in to the account before has a counter of its
own instead, so that guessing elsewhere locks nobody out.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from process import logs
from web import context, metrics
from web.access import anyone
from web.identity import accounts, devices
from web.identity.throttle import Limit, account_digest, neighbourhood
from web.language import local_path
from web.words import _

blueprint = Blueprint("login", __name__)
log = logs.get(__name__)

LONGEST_EMAIL = 254
LONGEST_PASSWORD = 200  # argon2 would hash a megabyte just as willingly


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
    detail = _("You are logged in, but you are not a member of any restaurant yet. Ask its owner to add you.")
    return render_template("error.html", title=_("No restaurant yet"), detail=detail, log_out=True)


@blueprint.get("/login")
@anyone
def show() -> ResponseReturnValue:
    if accounts.current() is not None:
        return redirect(url_for("login.home"))
    return render_template("identity/login.html", email="", problem=None)


@blueprint.post("/login")
@anyone
def log_in() -> ResponseReturnValue:
    email = request.form.get("email", "").strip()[:LONGEST_EMAIL]
    password = request.form.get("password", "")
    limits = attempts_on("login", email)
    if not context.throttle().allow(limits):
        return _refused("throttled", email, 429, _("Too many attempts. Wait a quarter of an hour and try again."))
    user = accounts.check_password(email, password) if len(password) <= LONGEST_PASSWORD else None
    if user is None:
        return _refused("wrong", email, 401, _("The email address or the password is not right."))
    context.throttle().forget(limits[0])
    return enter(user.id, user.email)


@blueprint.post("/logout")
@anyone
def log_out() -> ResponseReturnValue:
    accounts.end()
    return redirect(url_for("login.show"), 303)


def enter(user_id: str, email: str) -> Response:
    """Begin the session, remember the browser and go where the link that led to the log-in wanted to."""
    accounts.begin(user_id)
    metrics.logins_total.labels("ok").inc()
    response = redirect(local_path(request.args.get("next", "/")), 303)
    devices.remember(response, email)  # type: ignore[arg-type]  # Flask's redirect makes Flask's response
    return response


def attempts_on(what: str, email: str) -> tuple[Limit, ...]:
    """What an attempt on an account counts under; the first is forgotten when it was right."""
    settings = context.settings()
    account, address = account_digest(settings.web_secret_key, email), neighbourhood(request.remote_addr)
    device = devices.knows(email)
    if device is not None:
        return (Limit(f"web:{what}:device:{device.id}", settings.web_attempts_per_account),)
    return (
        Limit(f"web:{what}:account:{account}:{address}", settings.web_attempts_per_account),
        Limit(f"web:{what}:account:{account}", settings.web_attempts_per_account_everywhere),
        Limit(f"web:{what}:address:{address}", settings.web_attempts_per_address),
    )


def _refused(outcome: str, email: str, status: int, problem: str) -> ResponseReturnValue:
    metrics.logins_total.labels(outcome).inc()
    log.warning("log-in refused", outcome=outcome, pii_address=request.remote_addr)
    return render_template("identity/login.html", email=email, problem=problem), status
