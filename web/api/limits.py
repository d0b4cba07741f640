"""How many requests each client may send.

The answer says so in the fields of the IETF's draft on rate limits: ``RateLimit-Policy`` (how many in which time) and
``RateLimit`` (how many are left, and for how long).
"""

from __future__ import annotations

from flask import Response, g

from web import allowance, context
from web.allowance import WINDOW_S, Allowance
from web.api.problems import Problem


def count(client: str) -> None:
    """Count one request of this client. Raises Problem ``too-many-requests``."""
    counted = allowance.count(f"api:requests:{client}", context.settings().web_api_requests_per_minute)
    g.api_allowance = counted
    if counted is not None and counted.is_passed:
        raise Problem(
            "too-many-requests",
            f"{counted.most} requests a minute are allowed; go on in {counted.seconds} seconds.",
            headers={"Retry-After": str(counted.seconds)},
        )


def tell(response: Response) -> None:
    """Put what is left on the answer, if it is known."""
    counted: Allowance | None = g.get("api_allowance")
    if counted is not None:
        response.headers["RateLimit-Policy"] = f'"default";q={counted.most};w={WINDOW_S}'
        response.headers["RateLimit"] = f'"default";r={counted.left};t={counted.seconds}'
