"""What to do after each attempt to have a call handled. Pure: results and times in, the next step out.

Two limits hold at once: how long and how often a caller without a handler is tried for, and how often a handler
may be lost during one call. Both end in the restaurant's fallback, so every call ends.
"""

from dataclasses import dataclass

from domain.calls import Outcome
from eventing.catalogue import MissedReason

ATTEMPTS_PER_WAIT = 12
LOSSES_PER_CALL = 3
FIRST_PAUSE_S = 0.1
# Requests still go to a pod that has just died, for about a second: a caller in mid-sentence is not to wait longer.
PAUSE_AFTER_LOSS_S = 0.15
PAUSES_AFTER_LOSS = 8  # they do not count as tries
LONGEST_PAUSE_S = 3.0
SHORTEST_TRY_S = 0.5  # with less time left than this, another attempt could not succeed


@dataclass(frozen=True, slots=True)
class LaneEnded:
    """The handler's final line. ``connected``: media and model had been joined."""

    outcome: Outcome
    order_id: str | None = None
    reason: str = ""
    connected: bool = True


@dataclass(frozen=True, slots=True)
class AttemptRefused:
    """An HTTP status instead of a stream; 0: no connection, or a handler that broke before it had the caller."""

    status: int


@dataclass(frozen=True, slots=True)
class Silent:
    """No first line in time, or accepted and never joined."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A handler that had the caller is gone without its final line."""

    why: str


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller hung up, and the handler wrote no final line in its time."""


Result = LaneEnded | AttemptRefused | Silent | Lost | CallerGone


@dataclass(frozen=True, slots=True)
class Done:
    outcome: Outcome
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """POST with the next attempt after ``pause_s``; say "one moment" when the caller was being served."""

    pause_s: float
    one_moment: bool = False


@dataclass(frozen=True, slots=True)
class FallBack:
    reason: MissedReason


Step = Done | Again | FallBack


class RetryPolicy:
    """One call's. Times are seconds of one monotonic clock; ``wait_s`` is how long a caller waits."""

    def __init__(self, now: float, wait_s: float) -> None:
        self._wait_s = wait_s
        self._deadline = now + wait_s
        self._tries = 0
        self._losses = 0
        self._short_pauses = 0

    @property
    def deadline(self) -> float:
        """By when the caller must have a handler."""
        return self._deadline

    def next_step(self, result: Result, now: float) -> Step:
        match result:
            case CallerGone():
                return Done("abandoned")
            case LaneEnded(outcome="failed", connected=False):
                return FallBack("ai_down")
            case LaneEnded(outcome="failed" | "superseded"):
                return self._after_loss(now)
            case LaneEnded(outcome="busy"):
                return self._after_refusal(now)
            case LaneEnded(outcome, order_id):
                return Done(outcome, order_id)
            case AttemptRefused(status) if 400 <= status < 500 and status not in (404, 408, 409, 425, 429):
                return FallBack("ai_down")  # the event itself is refused: it will be again
            case AttemptRefused():
                return self._after_refusal(now)
            case Silent():
                return self._again(0.0, now)
            case Lost():
                return self._after_loss(now)

    def _after_refusal(self, now: float) -> Step:
        if self._short_pauses > 0 and now + PAUSE_AFTER_LOSS_S + SHORTEST_TRY_S < self._deadline:
            self._short_pauses -= 1
            return Again(PAUSE_AFTER_LOSS_S)
        return self._again(min(FIRST_PAUSE_S * 2**self._tries, LONGEST_PAUSE_S), now)

    def _after_loss(self, now: float) -> Step:
        self._losses += 1
        if self._losses > LOSSES_PER_CALL:
            return FallBack("handler_lost")
        self._tries = 0
        self._short_pauses = PAUSES_AFTER_LOSS
        self._deadline = now + self._wait_s
        return Again(0.0, one_moment=True)

    def _again(self, pause_s: float, now: float) -> Step:
        self._tries += 1
        left = self._deadline - now - SHORTEST_TRY_S
        if self._tries >= ATTEMPTS_PER_WAIT or left < 0:
            return FallBack("handler_lost" if self._losses else "no_handler")
        return Again(min(pause_s, left))
