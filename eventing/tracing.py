"""Traces across events: what an event emitted now carries, and what one that came belongs under."""

from __future__ import annotations

from collections.abc import Mapping

from process.telemetry import spans

TRACEPARENT = spans.TRACEPARENT  # CloudEvents' Distributed Tracing extension, in W3C Trace Context form


def extensions() -> dict[str, str]:
    """What an event emitted now carries."""
    traceparent = spans.current()
    return {TRACEPARENT: traceparent} if traceparent else {}


def above(carried: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The traceparent of what came with these extensions and HTTP headers; "" for none.

    The event's says where it was made, the header's which hop brought it: the nearer one, if it is of the same trace.
    A redelivery days later has its header from a trace of the Broker's own, or none.
    """
    made, hop = carried.get(TRACEPARENT, ""), headers.get(TRACEPARENT, "")
    if not spans.is_on():
        return made
    known, nearer = spans.parsed(made), spans.parsed(hop)
    same = known is None or (nearer is not None and nearer[0] == known[0])
    return hop if nearer is not None and same else made
