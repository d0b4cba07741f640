"""Links that leave these pages: where they lead, how many may be asked for, and the page for one that is over."""

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import context
from web.identity.throttle import Limit, account_digest, neighbourhood
from web.words import _

TOKEN = r"[A-Za-z0-9_-]{43}"
MAILS_PER_ADDRESS = 4  # to one mailbox in a quarter of an hour: nobody's is to be flooded
MAILS_PER_SENDER = 20


def to(endpoint: str, **values: Any) -> str:
    """An absolute link under WEB_PUBLIC_URL, "" where that isn't set.

    Never under the request's Host: its sender chooses that, and a mail would carry the token to a site of theirs.
    """
    pages = context.settings().web_public_url.rstrip("/")
    return pages and pages + url_for(endpoint, **values)


def may_send(what: str, email: str) -> bool:
    """Count a mail that somebody not logged in wants to have sent to ``email``."""
    account = account_digest(context.settings().web_secret_keys[0], email)
    return context.throttle().allow(
        (
            Limit(f"web:mail:{what}:{account}", MAILS_PER_ADDRESS),
            Limit(f"web:mail:from:{neighbourhood(request.remote_addr)}", MAILS_PER_SENDER),
        )
    )


def over(way_on: str, label: str) -> ResponseReturnValue:
    """404, with the way to a new link."""
    page = render_template(
        "identity/over.html",
        title=_("This link is over"),
        detail=_("It has been used already, or too much time has passed."),
        way_on=way_on,
        label=label,
    )
    return page, 404
