"""Errors to a Sentry-compatible address: what is logged as one, and what nobody caught.

An event has the exception's type and its stack, without local variables, source lines or the exception's text, which
may quote a caller. Of a log message the static text is told, never a library's; of its fields, numbers and our own ids.

A fault that comes a thousand times a minute is one to know of once: at most one of a kind a minute, and so many in all.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from process import logs
from process.telemetry import spans
from process.telemetry.sending import Sender

CLIENT = "alloresto/1"
OUR_PACKAGES = (
    "process", "cluster", "domain", "stores", "eventing", "protocols", "edge_bridge", "functions", "web",
)  # fmt: skip
MOST_FRAMES = 50
MOST_CAUSES = 5
WINDOW_S = 60.0
KINDS_KEPT = 1000
Thrown = BaseException | None


class Report(msgspec.Struct, frozen=True):
    """An event as Sentry has it, and its id."""

    id: str
    event: dict[str, Any]


class Dsn:
    """``https://KEY@HOST[/PATH]/PROJECT``: where to send, and as whom."""

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        parts = urlsplit(text)
        folder, _, project = parts.path.rpartition("/")
        if parts.scheme not in ("http", "https") or not (parts.username and parts.hostname and project):
            raise ValueError("SENTRY_DSN: expected https://KEY@HOST/PROJECT")
        place = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{place}{folder}/api/{project}/envelope/"
        self.headers = {
            "content-type": "application/x-sentry-envelope",
            "x-sentry-auth": f"Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={parts.username}",
        }


class ErrorReports(logging.Handler):
    """A handler of the root logger. ``common`` goes along with each event: process, release, environment."""

    def __init__(self, dsn: Dsn, common: Mapping[str, Any], most_a_minute: int) -> None:
        super().__init__(logging.ERROR)
        self._common = dict(common)
        self._most = most_a_minute
        self._left = most_a_minute
        self._window_ends = 0.0
        self._seen: set[tuple[Any, ...]] = set()  # in this window
        self._guard = threading.Lock()
        limits: dict[str, Any] = {"most_waiting": 100, "most_together": 1, "every_s": 0.5}
        self._sender = Sender("errors", dsn.url, dsn.headers, _envelope, setting="SENTRY_DSN", **limits)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("process.telemetry"):
            return
        fields = logs.fields_of(record)
        # A library's text may quote anything; ours is static.
        message = record.name if fields is None else str(record.msg)
        thrown = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        try:
            self._report(record.levelname.lower(), record.name, message, thrown, fields or {})
        except Exception:  # who logs an error must not get another one for it
            self.handleError(record)

    def uncaught(self, thrown: Thrown) -> None:
        with contextlib.suppress(Exception):  # else the process' own log would lack it
            self._report("fatal", "uncaught", "an exception that nobody caught", thrown, {})

    def _report(self, level: str, logger: str, message: str, thrown: Thrown, fields: Mapping[str, Any]) -> None:
        exceptions = _exceptions(thrown)
        where = exceptions[-1]["stacktrace"]["frames"][-1:] if exceptions else []
        kind = (logger, message, type(thrown).__name__, *(str(frame) for frame in where))
        if not self._may_tell(kind):
            self._sender.dropped += 1
            return
        event_id = uuid.uuid4().hex
        event: dict[str, Any] = self._common | {
            "event_id": event_id,
            "timestamp": datetime.now(UTC).isoformat(),
            "platform": "python",
            "level": "fatal" if level == "critical" else level,
            "logger": logger,
            "message": {"formatted": message},
            "extra": _harmless(fields),
        }
        if exceptions:
            event["exception"] = {"values": exceptions}
        known = spans.parsed(spans.current())
        if known is not None:
            event["contexts"] = {"trace": {"trace_id": known[0], "span_id": known[1]}}
        self._sender.put(Report(event_id, event))

    def _may_tell(self, kind: tuple[Any, ...]) -> bool:
        with self._guard:
            now = time.monotonic()
            if now >= self._window_ends:
                self._window_ends, self._left = now + WINDOW_S, self._most
                self._seen.clear()
            if kind in self._seen or self._left <= 0 or len(self._seen) >= KINDS_KEPT:
                return False
            self._seen.add(kind)
            self._left -= 1
            return True


def install(reports: ErrorReports) -> None:
    """Hear of what is logged, and of what ends a thread or the process."""
    logging.getLogger().addHandler(reports)
    before, before_in_thread = sys.excepthook, threading.excepthook

    def in_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            reports.uncaught(error)
        before(kind, error, trace)

    def in_thread(told: threading.ExceptHookArgs) -> None:
        if not issubclass(told.exc_type, SystemExit):  # which ends a thread, and is no error there
            reports.uncaught(told.exc_value)
        before_in_thread(told)

    sys.excepthook, threading.excepthook = in_process, in_thread


def _exceptions(thrown: Thrown) -> list[dict[str, Any]]:
    """With what it came of, the first cause first; each by its type."""
    found: list[dict[str, Any]] = []
    while thrown is not None and len(found) < MOST_CAUSES:
        frames = [_frame(frame.f_globals, line, frame.f_code.co_name) for frame, line in _walked(thrown)]
        kind = type(thrown)
        trace = {"frames": frames[-MOST_FRAMES:]}
        found.append({"type": kind.__qualname__, "module": kind.__module__, "stacktrace": trace})
        thrown = thrown.__cause__ or (None if thrown.__suppress_context__ else thrown.__context__)
    return found[::-1]


def _walked(thrown: BaseException) -> list[Any]:
    return list(traceback.walk_tb(thrown.__traceback__))


def _frame(names: Mapping[str, Any], line: int, function: str) -> dict[str, Any]:
    module = str(names.get("__name__", ""))
    return {
        "module": module,
        "filename": module.replace(".", "/") + ".py",
        "function": function,
        "lineno": line,
        "in_app": module.partition(".")[0] in OUR_PACKAGES,
    }


def _harmless(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, and ids of ours; whatever else a field has may be somebody's name."""
    kept = {}
    for name, value in fields.items():
        if "pii" in name.split("_"):
            continue
        if isinstance(value, bool | int | float) or (isinstance(value, str) and _is_id(value)):
            kept[name] = value
    return kept


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _envelope(reports: list[Report]) -> bytes:
    """One event: an envelope has no second one."""
    [report] = reports
    payload = msgspec.json.encode(report.event)
    header = msgspec.json.encode({"event_id": report.id, "sent_at": datetime.now(UTC).isoformat()})
    return b"\n".join((header, msgspec.json.encode({"type": "event", "length": len(payload)}), payload, b""))
