"""What leaves a process for those who look after it: traces, errors, product events. All of it is off by default.

``spans`` is what the code of every process uses, and is cheap to import. The rest is loaded by ``configure`` only where
a setting asks for it: a call handler's cold start is a caller's wait. docs/operators/tracing.md has the settings.
"""

from __future__ import annotations

import os

# Each of these turns something on; without any of them nothing is loaded, and nothing is sent.
SWITCHES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "CONVERSATION_TRACES_ENDPOINT",
    "SENTRY_DSN",
    "POSTHOG_API_KEY",
)


def configure(service: str) -> None:
    """Send what the environment asks for, from now on, as ``service``. Call it once, after ``logs.configure``.

    A setting that makes no sense is logged and leaves its part off: a phone is answered without it, too.
    """
    if any(os.environ.get(name) for name in SWITCHES):
        from process.telemetry import starting

        starting.start(service)


def flush(within_s: float = 2.0) -> None:
    """Send what waits, for at most so long; for a process that leaves by ``os._exit``. Others do it at their exit."""
    if any(os.environ.get(name) for name in SWITCHES):
        from process.telemetry import sending

        sending.flush(within_s)
