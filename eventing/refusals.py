"""What a function answers when it can't take an event: one answer for each kind of failure, the same for all.

400            can never succeed: to the dead letters, with the reason
503            try again later (Postgres, Redis or a service is away)
500            an error of this code; the Broker tries again, too
"""

from __future__ import annotations

import asyncpg

from eventing.cloudevents import BadEvent
from eventing.serving import TRANSIENT
from process import logs
from process.asgi import Response, problem
from stores.errors import NotFoundError, redis_away

RETRY_AFTER_S = 2

log = logs.get(__name__)


class Unprocessable(Exception):  # noqa: N818 - the name of HTTP's own 422, and of what it is
    """The event can never be processed. ``reason`` goes to the dead letter: it names the field, nothing personal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryAgain(Exception):  # noqa: N818 - an answer, not an error
    """Something that the effect needs is away. ``reason`` names it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refusal(error: Exception) -> Response:
    """The answer to what an effect raised; logged here, with the traceback where the fault is this code's."""
    match error:
        case BadEvent() | Unprocessable():
            log.warning("event refused", reason=error.reason)
            return problem(400, error.reason)
        case NotFoundError():
            log.warning("event refused", reason=str(error))
            return problem(400, f"data: {error}")
        case asyncpg.DataError() | asyncpg.IntegrityConstraintViolationError():
            log.exception("event refused by the database")
            return problem(400, f"data: Postgres refuses it ({type(error).__name__} {error.sqlstate})")
        case TryAgain():
            return _try_again(error.reason)
        case error if isinstance(error, TRANSIENT):
            return _try_again(f"Postgres is away or busy ({type(error).__name__})")
        case error if isinstance(error, redis_away()):
            return _try_again(f"Redis is away ({type(error).__name__})")
    log.exception("event failed")
    return problem(500, "internal error; the log names it")


def _try_again(reason: str) -> Response:
    log.warning("event put off", reason=reason)
    answer = problem(503, reason)
    return Response(503, answer.body, {**answer.headers, "retry-after": str(RETRY_AFTER_S)})
