"""How many requests each client may send: counted in Redis, in windows of a minute that begin with a request.

The answer says so in the fields of the IETF's draft on rate limits: ``RateLimit-Policy`` (how many in which time) and
``RateLimit`` (how many are left, and for how long). While Redis is away nothing is counted and nobody is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, g

from process import logs
from web import context, counters
from web.api.problems import Problem
from web.database import UnavailableError

WINDOW_S = 60
REDIS_WITHIN_S = 1.0

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of ``most`` requests for the next ``seconds``."""

    most: int
    left: int
    seconds: int


def count(client: str) -> None:
    """Count one request of this client. Raises Problem ``too-many-requests``."""
    most = context.settings().web_api_requests_per_minute
    keys = (f"api:requests:{client}",)
    try:
        ((used, seconds),) = context.database().redis(
            lambda redis: counters.count(redis, keys, WINDOW_S), within_s=REDIS_WITHIN_S
        )
    except UnavailableError:
        log.warning("requests of the API are not counted: Redis does not answer")
        return
    g.api_allowance = Allowance(most, max(0, most - used), seconds)
    if used > most:
        raise Problem(
            "too-many-requests",
            f"{most} requests a minute are allowed; go on in {seconds} seconds.",
            headers={"Retry-After": str(seconds)},
        )


def tell(response: Response) -> None:
    """Put what is left on the answer, if it is known."""
    allowance: Allowance | None = g.get("api_allowance")
    if allowance is not None:
        response.headers["RateLimit-Policy"] = f'"default";q={allowance.most};w={WINDOW_S}'
        response.headers["RateLimit"] = f'"default";r={allowance.left};t={allowance.seconds}'
