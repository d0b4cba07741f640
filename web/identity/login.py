"""Logging in and out, and ``/``, where a member lands. What is said never tells whether an account exists.

How often one may try is counted in Redis, so that all workers and replicas count together. An attempt is counted
before the password is looked at: parallel guesses cannot slip past. A known and an unknown account are treated alike.
"""

import hashlib
import hmac
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user  # type: ignore[import-untyped]
from redis.asyncio import Redis

from process import logs
from web import context, metrics
from web.access import anyone
from web.identity import accounts
from web.language import local_path
from web.words import _

blueprint = Blueprint("login", __name__)
log = logs.get(__name__)

LONGEST_EMAIL = 254
LONGEST_PASSWORD = 200  # argon2 would hash a megabyte just as willingly
WINDOW_S = 15 * 60  # then both counters end by themselves


@dataclass(frozen=True, slots=True)
class LoginThrottle:
    """At most ``per_account`` and ``per_address`` attempts in WINDOW_S. ``secret`` keys the hash of account names."""

    secret: str
    per_account: int
    per_address: int

    async def attempt(self, redis: Redis, email: str, address: str) -> bool:
        """Count one attempt; False when it is over a limit. Raises RedisError when it cannot be counted."""
        account_key, address_key = self._account_key(email), f"web:login:address:{address}"
        async with redis.pipeline(transaction=True) as pipeline:
            for key in (account_key, address_key):
                pipeline.incr(key)
                pipeline.expire(key, WINDOW_S, nx=True)
            by_account, _, by_address, _ = await pipeline.execute()
        return int(by_account) <= self.per_account and int(by_address) <= self.per_address

    async def succeeded(self, redis: Redis, email: str) -> None:
        """Forget the account's attempts: its owner is in."""
        await redis.delete(self._account_key(email))

    def _account_key(self, email: str) -> str:
        digest = hmac.new(self.secret.encode(), email.strip().casefold().encode(), hashlib.sha256)
        return f"web:login:account:{digest.hexdigest()[:32]}"


@blueprint.get("/")
@anyone
def home() -> ResponseReturnValue:
    member = accounts.current()
    if member is None:
        return accounts.unauthorized()
    if member.memberships:
        return redirect(url_for("overview.show", restaurant_id=member.memberships[0].restaurant_id))
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
    settings = context.settings()
    throttle = LoginThrottle(
        settings.web_secret_key, settings.web_attempts_per_account, settings.web_attempts_per_address
    )
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
@anyone
def log_out() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return redirect(url_for("login.show"), 303)


def _refused(outcome: str, email: str, status: int, problem: str) -> ResponseReturnValue:
    metrics.logins_total.labels(outcome).inc()
    log.warning("log-in refused", outcome=outcome, pii_address=request.remote_addr)
    return render_template("identity/login.html", email=email, problem=problem), status
