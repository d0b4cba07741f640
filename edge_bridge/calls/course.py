"""A call's course, step by step, as operators read it afterwards; with how it sounded and the settings in force."""

from datetime import UTC, datetime

from domain.traces import AudioFigures, InForce, Moment
from edge_bridge.calls.record import Arrival
from edge_bridge.calls.retries import AttemptRefused, CallerGone, LaneEnded, Lost, Result, Silent
from stores.traces import CallTrace

MOST_MOMENTS = 100  # three lost handlers and twelve tries each come to fewer


class Course:
    """Filled in on the event loop while the call goes on. ``codec`` is "" until it is agreed on."""

    def __init__(self, arrival: Arrival) -> None:
        self.codec = ""
        self.audio: AudioFigures | None = None
        self._arrival = arrival
        self._moments: list[Moment] = []

    def step(self, what: str, attempt: int = 0, detail: str = "") -> None:
        """Something happened now. Neither word may be anything that a caller or a handler wrote."""
        if len(self._moments) < MOST_MOMENTS:
            passed = datetime.now(UTC) - self._arrival.received_at
            at_ms = max(round(passed.total_seconds() * 1000), 0)
            self._moments.append(Moment(at_ms=at_ms, what=what, attempt=attempt, detail=detail))

    @property
    def moments(self) -> tuple[Moment, ...]:
        return tuple(self._moments)

    def trace(self) -> CallTrace:
        arrival = self._arrival
        line, restaurant = arrival.line, arrival.line.restaurant
        return CallTrace(
            call_id=arrival.call_id,
            restaurant_id=restaurant.id,
            started_at=arrival.received_at,
            sip_call_id=arrival.sip_call_id,
            moments=self.moments,
            audio=self.audio,
            in_force=InForce(
                provider=line.provider,
                trunk=line.sip_domain,
                source=arrival.source,
                codec=self.codec,
                recorded=restaurant.record_calls,
                max_calls=restaurant.max_calls,
                fallback=restaurant.fallback,
                language=restaurant.language,
            ),
        )


def in_words(result: Result) -> str:
    """What became of one handler."""
    match result:
        case LaneEnded():
            return f"ended: {result.outcome}"
        case AttemptRefused(0):
            return "no connection"
        case AttemptRefused():
            return f"refused with HTTP {result.status}"
        case Silent():
            return "silent"
        case Lost():
            return "lost in the middle of the call"
        case CallerGone():
            return "the caller hung up"
