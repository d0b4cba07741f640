"""Who is logged in: a member of one or several restaurants, looked up anew at every request, in one query.

The cookie holds the token of a session in Postgres (``stores.sessions``), so a removed membership, a disabled user,
a changed password and a session that was ended anywhere count at the next request.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

from flask import Flask, abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from stores import second_factors, sessions, users
from stores.audit import SUPPORT, Actor
from stores.postgres import NO_RESTAURANT, Connection
from stores.sessions import Acting, Session
from stores.users import Membership, User
from web import access, context

T = TypeVar("T")

LONGEST_PASSWORD = 200  # argon2 would hash a megabyte just as willingly

_TOKEN = "session"
_KEPT = "alloresto_member"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is logged in and the restaurants they belong to, by name.

    ``acting`` is a restaurant that one of the platform's staff looks into; None where the process has no pages of the
    platform's. ``token`` opens the session: never show it.
    """

    id: str
    email: str
    name: str
    is_platform: bool
    memberships: tuple[Membership, ...]
    acting: Acting | None
    session_id: str
    token: str = field(repr=False)

    def membership(self, restaurant_id: str) -> Membership | None:
        """Their own; or, of a restaurant that they look into for the platform, an owner's."""
        own = next((one for one in self.memberships if one.restaurant_id == restaurant_id), None)
        if own is None and self.acting is not None and self.acting.restaurant_id == restaurant_id:
            return Membership(restaurant_id, self.acting.restaurant_name, "owner")
        return own

    def is_acting_in(self, restaurant_id: str) -> bool:
        """Whether they are there for the platform, and not as a member."""
        return self.membership(restaurant_id) not in (None, *self.memberships)

    def as_actor(self, restaurant_id: str) -> Actor:
        """Whose doing a change in the restaurant is."""
        return Actor(SUPPORT, acting_for=self.email) if self.is_acting_in(restaurant_id) else Actor(self.email)


def attach(app: Flask) -> None:
    """Views for members of any kind and for the platform's staff are closed to everybody else."""

    @app.before_request
    def closed() -> ResponseReturnValue | None:
        rule = access.rule_of(app, request.endpoint) if request.endpoint else None
        if rule not in ("signed_in", "platform"):
            return None  # a restaurant's views are web.place.tenancy's
        member = current()
        if member is None:
            return unauthorized()
        if rule == "platform" and not member.is_platform:
            abort(404)
        return None


def current() -> Member | None:
    """Who sent this request; None when nobody is logged in. Asks Postgres once a request."""
    if _KEPT not in g:
        setattr(g, _KEPT, load(session.get(_TOKEN)))
    return cast("Member | None", getattr(g, _KEPT))


def known() -> Member | None:
    """``current()`` if somebody has asked already: what an error page may say without asking Postgres."""
    return cast("Member | None", g.get(_KEPT))


def signed_in_member() -> Member:
    """``current()`` in a view for which somebody has to be logged in."""
    member = current()
    if member is None:
        abort(401)
    return member


def current_with(restaurant_id: str, read: Callable[[Connection], Awaitable[T]]) -> tuple[Member | None, T | None]:
    """``current()``, and for a member of the restaurant what ``read`` finds there, in one transaction."""
    token, idle = cast(str, session.get(_TOKEN, "")), idle_limit()

    async def work(connection: Connection) -> tuple[Member | None, T | None]:
        found = await sessions.find(connection, token, idle=idle)
        member = None if found is None else member_of(token, found)
        inside = member is not None and member.membership(restaurant_id) is not None
        return member, await read(connection) if inside else None

    known = context.database().tenant(restaurant_id, work) if token else (None, None)
    setattr(g, _KEPT, known[0])
    return known


def load(token: str | None) -> Member | None:
    """Whose session ``token`` opens now. For those who hold a connection open, and must learn that it is over."""
    if not token:
        return None
    idle = idle_limit()
    found = context.database().tenant(NO_RESTAURANT, lambda connection: sessions.find(connection, token, idle=idle))
    return None if found is None else member_of(token, found)


def load_all(tokens: Collection[str]) -> dict[str, Member]:
    """``load`` for many tokens in one query: those whose sessions are open."""
    idle = idle_limit()
    found = context.database().tenant(
        NO_RESTAURANT, lambda connection: sessions.find_all(connection, tokens, idle=idle)
    )
    return {token: member_of(token, one) for token, one in found.items()}


def idle_limit() -> timedelta:
    """A session that nobody used for so long is over."""
    return timedelta(hours=context.settings().web_session_idle_hours)


def member_of(token: str, found: Session) -> Member:
    return Member(
        found.user_id,
        found.email,
        found.name,
        found.is_platform,
        found.memberships,
        found.acting if context.settings().platform_database_url else None,
        found.id,
        token,
    )


def check_password(email: str, password: str) -> User | None:
    """None for a wrong password and, after the same time, for an unknown address. Raises UnavailableError."""
    return context.database().tenant(NO_RESTAURANT, lambda connection: users.verify(connection, email, password))


def has_second_step(user_id: str) -> bool:
    return context.database().tenant(NO_RESTAURANT, lambda c: second_factors.is_asked_for(c, user_id))


def begin(user_id: str) -> None:
    """A new session in this browser: what a stranger may have planted before the log-in does not survive it."""
    lifetime = timedelta(days=context.settings().web_session_days)
    address, device = request.remote_addr or "", request.headers.get("User-Agent", "")
    token = context.database().tenant(
        NO_RESTAURANT,
        lambda connection: sessions.start(connection, user_id, lifetime=lifetime, address=address, device=device),
    )
    session.clear()
    session.permanent = True
    session[_TOKEN] = token
    g.pop(_KEPT, None)


def end() -> None:
    """Log out: here, and wherever this session's cookie was copied to."""
    token = session.get(_TOKEN)
    session.clear()
    g.pop(_KEPT, None)
    if token:
        context.database().tenant(NO_RESTAURANT, lambda connection: sessions.end(connection, token))


def unauthorized() -> ResponseReturnValue:
    """A page leads to the log-in and back; htmx and streams get a bare 401, as they would swap the log-in in."""
    if "HX-Request" in request.headers or "text/event-stream" in request.headers.get("Accept", ""):
        return "", 401, {"HX-Redirect": url_for("login.show")}
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("login.show", next=None if back == "/" else back))
