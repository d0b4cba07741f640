"""How many requests a minute somebody may send: counted in Redis, in windows that begin with a request.

While Redis is away nothing is counted and nobody is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from process import logs
from web import context, counters
from web.database import UnavailableError

WINDOW_S = 60
REDIS_WITHIN_S = 1.0

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """``used`` of ``most`` requests, for the next ``seconds``."""

    most: int
    used: int
    seconds: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)

    @property
    def is_passed(self) -> bool:
        return self.used > self.most


def count(key: str, most: int, within_s: int = WINDOW_S) -> Allowance | None:
    """Count one request under ``key``; None while nothing is counted."""
    try:
        ((used, seconds),) = context.database().redis(
            lambda redis: counters.count(redis, (key,), within_s), within_s=REDIS_WITHIN_S
        )
    except UnavailableError:
        log.warning("requests are not counted: Redis does not answer")
        return None
    return Allowance(most, used, seconds)


def take_back(key: str) -> None:
    """Count one request less under ``key``."""
    try:
        context.database().redis(lambda redis: counters.take_back(redis, key, WINDOW_S), within_s=REDIS_WITHIN_S)
    except UnavailableError:
        log.warning("requests are not counted: Redis does not answer")
