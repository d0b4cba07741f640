"""The last step of every way in, and what the attempts on an account count under.

Three counters slow strangers: of one account from one address, of one account from everywhere, of one address. A
browser that has logged in to the account before has a counter of its own instead, so that guessing elsewhere locks
nobody out.
"""

from flask import redirect, request
from werkzeug.wrappers import Response

from web import context, metrics
from web.identity import accounts, devices
from web.identity.throttle import Limit, account_digest, neighbourhood
from web.language import local_path


def enter(user_id: str, email: str, otherwise: str = "/") -> Response:
    """Begin the session, remember the browser and go where the link that led here wanted to, or ``otherwise``."""
    accounts.begin(user_id)
    metrics.logins_total.labels("ok").inc()
    response = redirect(local_path(request.args.get("next", otherwise)), 303)
    devices.remember(response, email)
    return response


def attempts_on(what: str, email: str) -> tuple[Limit, ...]:
    """What an attempt on an account counts under; the first is forgotten when it was right."""
    settings = context.settings()
    account, address = account_digest(settings.web_secret_keys[0], email), neighbourhood(request.remote_addr)
    device = devices.knows(email)
    if device is not None:
        return (Limit(f"web:{what}:device:{device.id}", settings.web_attempts_per_account),)
    return (
        Limit(f"web:{what}:account:{account}:{address}", settings.web_attempts_per_account),
        Limit(f"web:{what}:account:{account}", settings.web_attempts_per_account_everywhere),
        Limit(f"web:{what}:address:{address}", settings.web_attempts_per_address),
    )
