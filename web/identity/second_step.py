"""The code after the password, for those who have turned on the second step.

Between the two the browser holds a signed note of whose password was right, good for five minutes and for nothing else.
"""

import time
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from process import logs
from stores import second_factors
from stores.ciphers import SecretCipher
from stores.postgres import NO_RESTAURANT, Connection
from web import context, metrics
from web.access import anyone
from web.identity import entering, totp
from web.words import _

blueprint = Blueprint("second_step", __name__)
log = logs.get(__name__)

PENDING_S = 5 * 60
LONGEST_CODE = 40
_PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whose password was right."""

    user_id: str
    email: str


def ask(user_id: str, email: str) -> ResponseReturnValue:
    """Lead to the page that asks for the code."""
    session.clear()
    session[_PENDING] = [user_id, email, int(time.time())]
    return redirect(url_for("second_step.show", next=request.args.get("next")), 303)


async def take(connection: Connection, cipher: SecretCipher, user_id: str, typed: str) -> bool:
    """Whether ``typed`` is the app's code of now or an unused recovery code; either is used up by this."""
    factor = await second_factors.get(connection, user_id, cipher)
    step = totp.step_of(factor.secret, typed) if factor else None
    if step is not None:
        return await second_factors.take_step(connection, user_id, step)
    return await second_factors.take_recovery_code(connection, user_id, typed)


def is_right(user_id: str, typed: str) -> bool:
    """``take`` in a transaction of its own."""
    cipher = context.second_factor_cipher()
    return context.database().tenant(NO_RESTAURANT, lambda c: take(c, cipher, user_id, typed))


@blueprint.get("/login/code")
@anyone
def show() -> ResponseReturnValue:
    if _pending() is None:
        return redirect(url_for("login.show", next=request.args.get("next")))
    return render_template("identity/code.html", problem=None)


@blueprint.post("/login/code")
@anyone
def check() -> ResponseReturnValue:
    pending = _pending()
    if pending is None:
        return redirect(url_for("login.show", next=request.args.get("next")), 303)
    limits = entering.attempts_on("code", pending.email)
    if not context.throttle().allow(limits):
        return _refused("code throttled", 429, _("Too many attempts. Wait a quarter of an hour and try again."))
    if not is_right(pending.user_id, request.form.get("code", "")[:LONGEST_CODE]):
        problem = _("This code is not right, or it has been used. The app shows a new one every 30 seconds.")
        return _refused("code wrong", 401, problem)
    context.throttle().forget(limits[0])
    return entering.enter(pending.user_id, pending.email)


def _pending() -> Pending | None:
    user_id, email, since = session.get(_PENDING) or ("", "", 0)
    return Pending(user_id, email) if 0 <= time.time() - since <= PENDING_S else None


def _refused(outcome: str, status: int, problem: str) -> ResponseReturnValue:
    metrics.logins_total.labels(outcome).inc()
    log.warning("log-in refused", outcome=outcome, pii_address=request.remote_addr)
    return render_template("identity/code.html", problem=problem), status
