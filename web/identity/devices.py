"""Browsers that somebody has logged in with before: their own attempts count apart, so nobody else can use them up.

A signed cookie names the browser and the accounts that it knows. It opens nothing; it only keeps a guesser elsewhere,
or behind the same router, from locking an owner out.
"""

import secrets
from typing import NamedTuple

from flask import request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from web import context
from web.identity.throttle import account_digest

COOKIE = "alloresto_device"
DAYS = 180
MOST_ACCOUNTS = 8  # of a tablet that a whole kitchen uses


class Device(NamedTuple):
    """``accounts`` are digests, the last used first."""

    id: str
    accounts: tuple[str, ...]


def knows(email: str) -> Device | None:
    """This request's browser, if the account has been logged in to with it."""
    device = _read()
    digests = {account_digest(key, email) for key in context.settings().web_secret_keys}
    return device if device and digests.intersection(device.accounts) else None


def remember(response: Response, email: str) -> None:
    """The account was logged in to with this browser."""
    device = _read() or Device(secrets.token_urlsafe(16), ())
    account = account_digest(context.settings().web_secret_keys[0], email)
    accounts = (account, *(one for one in device.accounts if one != account))[:MOST_ACCOUNTS]
    response.set_cookie(
        COOKIE,
        str(_serializer().dumps([device.id, *accounts])),
        max_age=DAYS * 86400,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def _read() -> Device | None:
    try:
        device_id, *accounts = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=DAYS * 86400)
    except (BadData, ValueError):
        return None
    return Device(device_id, tuple(accounts))


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(context.settings().web_secret_keys)), salt="alloresto known device")
