"""Who is logged in: a member of one or several restaurants, looked up anew at every request.

So a removed membership, a disabled user and a changed password count at once. The session holds the address and
a fingerprint of the password's hash, nothing secret.
"""

import hashlib
import hmac
from dataclasses import dataclass

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user  # type: ignore[import-untyped]

from stores import users
from stores.postgres import NO_RESTAURANT, Connection
from stores.users import Membership
from web import context

login_manager = LoginManager()
# "strong" would log a phone out whenever it changes from Wi-Fi to the mobile network.
login_manager.session_protection = "basic"


@dataclass(frozen=True)
class Member(UserMixin):  # type: ignore[misc]
    """Somebody who is logged in and the restaurants they belong to, by name."""

    email: str
    name: str
    fingerprint: str
    memberships: tuple[Membership, ...]

    def get_id(self) -> str:
        return f"{self.fingerprint} {self.email}"


def check_password(email: str, password: str) -> Member | None:
    """None for a wrong password and, after the same time, for an unknown address. Raises UnavailableError."""

    async def work(connection: Connection) -> Member | None:
        return await _member(connection, await users.verify(connection, email, password))

    return context.database().tenant(NO_RESTAURANT, work)


def load(session_id: str) -> Member | None:
    fingerprint, _, email = session_id.partition(" ")

    async def work(connection: Connection) -> Member | None:
        return await _member(connection, await users.by_email(connection, email))

    member = context.database().tenant(NO_RESTAURANT, work)
    if member is None or not hmac.compare_digest(member.fingerprint, fingerprint):
        return None
    return member


def unauthorized() -> ResponseReturnValue:
    """A page leads to the log-in and back; htmx and streams get a bare 401, as they would swap the log-in in."""
    if "HX-Request" in request.headers or "text/event-stream" in request.headers.get("Accept", ""):
        return "", 401, {"HX-Redirect": url_for("login.show")}
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("login.show", next=None if back == "/" else back))


def current() -> Member | None:
    """Who sent this request; None when nobody is logged in."""
    return current_user._get_current_object() if current_user.is_authenticated else None


async def _member(connection: Connection, user: users.User | None) -> Member | None:
    if user is None:
        return None
    memberships = await users.memberships(connection, user.id)
    fingerprint = hashlib.sha256(user.password_hash.encode()).hexdigest()[:24]
    return Member(user.email, user.name, fingerprint, memberships)


login_manager.user_loader(load)
login_manager.unauthorized_handler(unauthorized)
