"""Who sends a request: the bearer of a restaurant's or the platform's token, or a member with a short-lived JWT.

Cookies count for nothing here, so no other site can make a browser use the API (CSRF). A JWT names the user and a
fingerprint of the password's hash: the user and the memberships are looked up at each request, so a member who was
removed, disabled or has a new password is out at once, whatever the token's time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from flask import request

from stores import tokens, users
from stores.audit import Actor
from stores.ciphers import derive_key
from stores.postgres import NO_RESTAURANT, Connection
from web import context
from web.api import scopes
from web.api.problems import Problem

ACCESS_LIFETIME = timedelta(minutes=15)
ALGORITHM = "HS256"
AUDIENCE = "alloresto-api"
LONGEST_TOKEN = 2000
CLAIMS = ["exp", "iat", "aud", "sub", "email", "pwd"]

NOBODY = Actor("nobody")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="AlloResto"'}


@dataclass(frozen=True, slots=True)
class Client:
    """``id`` is the token's or the user's; ``actor`` is what the restaurant's log of changes names.

    ``restaurants`` are the scopes in each of the client's; ``everywhere`` those of a platform token, in all of them.
    """

    id: str
    actor: Actor
    restaurants: Mapping[str, frozenset[str]]
    everywhere: frozenset[str] | None = None

    def scopes(self, restaurant_id: str) -> frozenset[str] | None:
        """None where this restaurant is none of the client's."""
        return self.restaurants.get(restaurant_id) if self.everywhere is None else self.everywhere


def authenticate() -> Client:
    """Who sends the current request. Raises Problem ``unauthorized``, UnavailableError."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise Problem("unauthorized", "Send Authorization: Bearer and a token.", headers=_CHALLENGE)
    client = _of_token(token) if token.startswith(tokens.MARK) else _of_jwt(token)
    if client is None:
        raise Problem("unauthorized", "The token is unknown, expired or revoked.", headers=_CHALLENGE)
    return client


def _of_token(token: str) -> Client | None:
    found = context.database().tenant(NO_RESTAURANT, lambda connection: tokens.use(connection, token))
    if found is None:
        return None
    actor = Actor(f"{found.name} ({tokens.MARK}{found.prefix}…)")
    if found.restaurant_id is None:
        return Client(found.id, actor, {}, everywhere=found.scopes)
    return Client(found.id, actor, {found.restaurant_id: found.scopes})


def _of_jwt(token: str) -> Client | None:
    claims = next(filter(None, (_claims(token, key) for key in _keys())), None)
    if claims is None:
        return None
    email, fingerprint = str(claims["email"]), str(claims["pwd"])

    async def work(connection: Connection) -> tuple[users.User, tuple[users.Membership, ...]] | None:
        user = await users.by_email(connection, email)
        if user is None or not hmac.compare_digest(_fingerprint(user), fingerprint):
            return None
        return user, await users.memberships(connection, user.id)

    found = context.database().tenant(NO_RESTAURANT, work)
    if found is None:
        return None
    user, memberships = found
    return Client(user.id, Actor(user.email), {one.restaurant_id: scopes.OF_ROLE[one.role] for one in memberships})


def _claims(token: str, key: bytes) -> dict[str, Any] | None:
    try:
        return jwt.decode(token, key, [ALGORITHM], audience=AUDIENCE, options={"require": CLAIMS})
    except jwt.InvalidTokenError:
        return None


def access_token(user: users.User) -> str:
    """A JWT with which ``user`` is known for ACCESS_LIFETIME."""
    now = datetime.now(UTC)
    claims = {
        "sub": user.id,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + ACCESS_LIFETIME,
        "email": user.email,
        "pwd": _fingerprint(user),
    }
    return jwt.encode(claims, _keys()[0], ALGORITHM)


def _keys() -> list[bytes]:
    """Others than the session cookie's, from the same secrets: neither can be taken for the other. The first signs."""
    secrets = context.settings().web_secret_keys
    return [derive_key(secret.encode(), "alloresto api access token 1") for secret in secrets]


def _fingerprint(user: users.User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:24]
