"""The spans of a call's one trace, and which of them the code that runs belongs to.

A context is a ``traceparent`` of W3C Trace Context, as text: it travels in events, in HTTP headers and in the outbox,
and what comes of it days later joins the same trace. Where nothing is exported, contexts are passed on as they came.

Nothing personal may be in a span: no words, names, numbers or addresses; an exception is its type. What was said is in
``words`` alone, which only the conversation traces' destination can be given, and only under a setting of its own.

Never one a frame: a span costs some 10 µs where it is sampled.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Literal, Protocol

TRACEPARENT = "traceparent"

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]
Event = tuple[int, str, Attributes]  # at (Unix, ns), what, with

_current: ContextVar[str] = ContextVar(TRACEPARENT, default="")


class Tracer(Protocol):
    """Decides and sends; there is none where traces are off."""

    has_words: bool  # somebody may be told what was said

    def samples(self, trace_id: str, parent_sampled: bool | None) -> bool:
        """``parent_sampled`` None: the trace begins here."""

    def export(self, span: Span) -> None:
        """It is over. Returns at once."""


_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    global _tracer
    _tracer = tracer


class Span:
    """``traceparent`` is what belongs under it. Times are Unix nanoseconds; ``error`` is its kind, "" for none.

    ``conversation``: it is for the conversation traces' destination, too.
    """

    __slots__ = (
        "attributes",
        "conversation",
        "ended_ns",
        "error",
        "events",
        "kind",
        "name",
        "parent_id",
        "recorded",
        "span_id",
        "started_ns",
        "trace_id",
        "traceparent",
        "words",
    )

    def __init__(self, name: str, kind: Kind, traceparent: str, *, parent_id: str = "", recorded: bool = False) -> None:
        self.name = name
        self.kind = kind
        self.traceparent = traceparent
        self.recorded = recorded
        self.conversation = False
        self.parent_id = parent_id
        self.started_ns = self.ended_ns = 0
        self.error = ""
        if recorded:
            _, self.trace_id, self.span_id, _ = traceparent.split("-")
            self.started_ns = time.time_ns()
            self.attributes: dict[str, Value] = {}
            self.words: dict[str, str] = {}
            self.events: list[Event] = []

    def set(self, attributes: Attributes) -> None:
        if self.recorded:
            self.attributes.update(attributes)

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        if self.recorded:
            self.events.append((time.time_ns(), name, attributes or {}))

    def end(self, error: str = "", at_ns: int = 0) -> None:
        """Once; later ones change nothing. ``at_ns`` 0: now."""
        if self.recorded and not self.ended_ns and _tracer is not None:
            self.error = error
            self.ended_ns = at_ns or time.time_ns()
            _tracer.export(self)


def begin(
    name: str, kind: Kind = "internal", *, parent: str | None = None, attributes: Attributes | None = None
) -> Span:
    """A span under ``parent`` (None: under the current one; one that is no traceparent: of a new trace)."""
    above = _current.get() if parent is None else parent
    if _tracer is None:
        return Span(name, kind, above)
    known = parsed(above)
    trace_id, parent_id = known[:2] if known else (os.urandom(16).hex(), "")
    sampled = _tracer.samples(trace_id, known[2] if known else None)
    traceparent = f"00-{trace_id}-{os.urandom(8).hex()}-{'01' if sampled else '00'}"
    span = Span(name, kind, traceparent, parent_id=parent_id, recorded=sampled)
    if attributes:
        span.set(attributes)
    return span


@contextlib.contextmanager
def span(
    name: str, kind: Kind = "internal", *, parent: str | None = None, attributes: Attributes | None = None
) -> Iterator[Span]:
    """As ``begin``; what runs within belongs to it. An exception that leaves it is its error, by type."""
    made = begin(name, kind, parent=parent, attributes=attributes)
    with within(made.traceparent):
        try:
            yield made
        except BaseException as error:
            made.end(type(error).__name__)
            raise
        made.end(made.error)


@contextlib.contextmanager
def within(traceparent: str) -> Iterator[None]:
    """Belong under this, with all tasks that are started meanwhile; "" for nothing."""
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """The traceparent of what runs now, "" for none."""
    return _current.get()


def new_traceparent() -> str:
    """Of a trace that begins: that of its first span, which ``first`` makes when it is over."""
    trace_id = os.urandom(16).hex()
    sampled = _tracer is not None and _tracer.samples(trace_id, None)
    return f"00-{trace_id}-{os.urandom(8).hex()}-{'01' if sampled else '00'}"


def first(
    traceparent: str,
    name: str,
    kind: Kind,
    started_ns: int,
    attributes: Attributes,
    events: Sequence[Event] = (),
    error: str = "",
) -> None:
    """The first span of a trace, told when it is over: the process that began it may have died meanwhile."""
    known = parsed(traceparent)
    if _tracer is None or known is None or not known[2]:
        return
    made = Span(name, kind, traceparent, recorded=True)
    made.started_ns = started_ns
    made.set(attributes)
    made.events.extend(events)
    made.end(error)


def is_on() -> bool:
    """Whether any span is recorded."""
    return _tracer is not None


def is_recorded() -> bool:
    """Whether what runs now belongs to a trace that is."""
    known = parsed(_current.get())
    return _tracer is not None and known is not None and known[2]


def has_words() -> bool:
    """Whether somebody may be told what was said."""
    return _tracer is not None and _tracer.has_words


def parsed(traceparent: str) -> tuple[str, str, bool] | None:
    """``(trace id, span id, sampled)``; None for what is no traceparent."""
    found = _TRACEPARENT.match(traceparent)
    if found is None or found["version"] == "ff" or not (int(found["trace"], 16) and int(found["span"], 16)):
        return None
    return found["trace"], found["span"], bool(int(found["flags"], 16) & 1)


# A later version may have more behind it.
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?![^-])"
)
