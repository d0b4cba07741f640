"""Which trace the code that runs belongs to: what it emits is caused by the event that it handles.

A context variable, so that tasks started while an event is handled stay in its trace.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

TRACEPARENT = "traceparent"  # CloudEvents' Distributed Tracing extension, in W3C Trace Context form

_current: ContextVar[str] = ContextVar(TRACEPARENT, default="")


@contextlib.contextmanager
def within(traceparent: str) -> Iterator[None]:
    """Belong to this trace; "" for none."""
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


def extensions() -> dict[str, str]:
    """What an event emitted now carries."""
    traceparent = _current.get()
    return {TRACEPARENT: traceparent} if traceparent else {}
