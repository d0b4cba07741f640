"""A call as the first span of its trace, told when it is over; the steps of its course are its events."""

from edge_bridge.calls.course import Course
from edge_bridge.calls.record import CallSummary
from process.telemetry import spans

_BAD = ("failed", "lost")


def tell(summary: CallSummary, course: Course) -> None:
    arrival = summary.arrival
    if not spans.is_on():
        return
    began_ns = int(arrival.received_at.timestamp() * 1_000_000) * 1000
    attributes: dict[str, spans.Value] = {
        "alloresto.call.id": arrival.call_id,
        "alloresto.restaurant.id": arrival.line.restaurant.id,
        "alloresto.line.id": arrival.line.id,
        "alloresto.edge.node": summary.node_id,
        "alloresto.call.outcome": summary.outcome,
        "alloresto.call.attempts": summary.attempts,
        "alloresto.call.codec": course.codec,
    }
    if summary.missed_reason is not None:
        attributes["alloresto.call.missed_reason"] = summary.missed_reason
    if summary.order_id is not None:
        attributes["alloresto.order.id"] = summary.order_id
    steps: list[spans.Event] = [
        (
            began_ns + moment.at_ms * 1_000_000,
            moment.what,
            {"alloresto.attempt": moment.attempt, "alloresto.detail": moment.detail},
        )
        for moment in course.moments
    ]
    error = summary.outcome if summary.outcome in _BAD else ""
    spans.first(arrival.traceparent, "call", "server", began_ns, attributes, steps, error)
