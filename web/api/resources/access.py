"""How a member gets an access token, and what the bearer of a token may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from stores import second_factors, users
from stores.postgres import Connection
from web import context
from web.api import clients
from web.api.fields import Given, Id, Shape
from web.api.operations import Asked, Nothing, operation
from web.api.problems import Problem
from web.identity import second_step
from web.identity.entering import attempts_on
from web.identity.throttle import WINDOW_S


class Password(Given, frozen=True, kw_only=True):
    """The same as on the log-in page. ``code`` is that of the second step, for members who have turned it on."""

    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    code: Annotated[str, msgspec.Meta(max_length=40)] = ""


class AccessToken(Shape, frozen=True, kw_only=True):
    """``accessToken`` goes into ``Authorization: Bearer`` for ``expiresIn`` seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


def _throttled(body: Password) -> Callable[[], None]:
    """Counts as an attempt to log in does, under the same limits."""
    limits = attempts_on("login", body.email)
    if not context.throttle().allow(limits):
        detail = "Too many attempts. Wait a quarter of an hour and try again."
        raise Problem("too-many-requests", detail, headers={"Retry-After": str(WINDOW_S)})
    return lambda: context.throttle().forget(limits[0])


@operation(
    "POST",
    "/auth/token",
    tag="Access",
    body=Password,
    answer=AccessToken,
    public=True,
    guard=_throttled,
    problems=("unauthorized",),
)
async def create_access_token(connection: Connection, asked: Asked[Nothing, Password]) -> AccessToken:
    """Get an access token for a member.

    It opens what the member's roles allow, in each of their restaurants. Programs that run without a person take a
    token of the integrations page instead.
    """
    user = await users.verify(connection, asked.body.email, asked.body.password)
    if user is None:
        raise Problem("unauthorized", "The email address or the password is not right.")
    if await second_factors.is_asked_for(connection, user.id) and not await second_step.take(
        connection, context.second_factor_cipher(), user.id, asked.body.code
    ):
        raise Problem("unauthorized", "This account has a second step: give the code of the app as `code`.")
    lifetime = int(clients.ACCESS_LIFETIME.total_seconds())
    return AccessToken(access_token=clients.access_token(user), token_type="Bearer", expires_in=lifetime)


class OpenRestaurant(Shape, frozen=True, kw_only=True):
    """What the token may do in one restaurant."""

    restaurant_id: Id
    scopes: tuple[str, ...]


class Whoami(Shape, frozen=True, kw_only=True):
    """``everywhere`` are the scopes of one of the platform's tokens, in every restaurant."""

    client_id: Id
    name: str
    restaurants: tuple[OpenRestaurant, ...]
    everywhere: tuple[str, ...]


@operation("GET", "/auth/whoami", tag="Access", answer=Whoami)
async def show_client(connection: Connection, asked: Asked[Nothing, None]) -> Whoami:
    """Show whose token this is and what it may do."""
    client = asked.client
    return Whoami(
        client_id=client.id,
        name=client.actor.name,
        restaurants=tuple(
            OpenRestaurant(restaurant_id=restaurant_id, scopes=tuple(sorted(scopes)))
            for restaurant_id, scopes in client.restaurants.items()
        ),
        everywhere=tuple(sorted(client.everywhere or ())),
    )
