"""Logging in and out. What is said never tells whether an account exists."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user  # type: ignore[import-untyped]

from process import logs
from web import accounts, context, metrics
from web.language import local_path
from web.texts import _
from web.throttle import LoginThrottle

blueprint = Blueprint("login", __name__)
log = logs.get(__name__)

LONGEST_EMAIL = 254
LONGEST_PASSWORD = 200  # argon2 would hash a megabyte just as willingly


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    if accounts.current() is not None:
        return redirect(url_for("home.index"))
    return render_template("login.html", email="", problem=None)


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    email = request.form.get("email", "").strip()[:LONGEST_EMAIL]
    password = request.form.get("password", "")
    throttle = _throttle()
    address = request.remote_addr or "unknown"
    if not context.database().redis(lambda redis: throttle.attempt(redis, email, address)):
        return _refused("throttled", email, 429, _("Too many attempts. Wait a quarter of an hour and try again."))
    member = accounts.check_password(email, password) if len(password) <= LONGEST_PASSWORD else None
    if member is None:
        return _refused("wrong", email, 401, _("The email address or the password is not right."))
    context.database().redis(lambda redis: throttle.succeeded(redis, email))
    session.clear()  # what a stranger may have planted before the log-in does not survive it
    session.permanent = True
    login_user(member)
    metrics.logins_total.labels("ok").inc()
    return redirect(local_path(request.args.get("next", "/")), 303)


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return redirect(url_for("login.show"), 303)


def _refused(outcome: str, email: str, status: int, problem: str) -> ResponseReturnValue:
    metrics.logins_total.labels(outcome).inc()
    log.warning("log-in refused", outcome=outcome, pii_address=request.remote_addr)
    return render_template("login.html", email=email, problem=problem), status


def _throttle() -> LoginThrottle:
    settings = context.settings()
    return LoginThrottle(settings.web_secret_key, settings.web_attempts_per_account, settings.web_attempts_per_address)
