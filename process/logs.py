"""One JSON object a line on stderr: static message, structured fields, nothing personal.

The standard library's logging with one formatter of our own: structlog costs up to 185 ms of import on a
cold start (docs/decisions/0003), and uvicorn, gunicorn and asyncio speak ``logging`` anyway.

Anything personal goes under a key that has a ``pii`` segment (``pii_caller``, ``caller_pii``) and is
dropped unless ``LOG_PII=1``. An exception's text may quote a caller, so it counts as personal: without
``LOG_PII`` only its type and where it was raised are written.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from typing import Any

_RESERVED = "alloresto_fields"


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str, show_pii: bool) -> None:
        super().__init__()
        self._service = service
        self._show_pii = show_pii

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in getattr(record, _RESERVED, {}).items():
            if self._show_pii or "pii" not in key.split("_"):
                entry[key] = value
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
            described: dict[str, Any] = {"type": kind.__qualname__, "frames": frames[-12:]}
            if self._show_pii:
                described["text"] = str(error)
            entry["error"] = described
        return json.dumps(entry, ensure_ascii=False, default=str)


def fields_of(record: logging.LogRecord) -> dict[str, Any] | None:
    """The structured fields of a message of ours; None for a library's, whose text is not static."""
    return getattr(record, _RESERVED, None)


class Log:
    """A logger whose keyword arguments are fields: ``log.info("call accepted", call_id=…)``."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def _write(self, level: int, message: str, fields: dict[str, Any], exc_info: Any = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, message, extra={_RESERVED: fields}, exc_info=exc_info)

    def debug(self, message: str, **fields: Any) -> None:
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: Any) -> None:
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """Like ``error``, with the exception being handled (its text only under ``LOG_PII``)."""
        self._write(logging.ERROR, message, fields, exc_info=sys.exc_info())


def get(name: str) -> Log:
    """The module's logger: ``log = logs.get(__name__)``."""
    return Log(name)


def configure(service: str, level: str | None = None) -> None:
    """Send everything to stderr as JSON. ``level`` defaults to ``LOG_LEVEL`` or INFO."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(service, show_pii=os.environ.get("LOG_PII") == "1"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel((level or os.environ.get("LOG_LEVEL") or "INFO").upper())
    for noisy in ("uvicorn.access", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
