"""What the admin measures about itself; added up over gunicorn's workers when there are several."""

import os
import time
from typing import cast

from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

requests_total = Counter("web_requests_total", "Requests answered.", ["endpoint", "status"])
request_seconds = Histogram("web_request_duration_seconds", "Time to the first byte of an answer.", ["endpoint"])
streams_open = Gauge("web_streams_open", "Live pages open now.", multiprocess_mode="livesum")
mails_total = Counter("web_mails_total", "Mails handed to the SMTP server, and those that were not.", ["outcome"])
throttled_locally_total = Counter(
    "web_throttled_locally_total", "Attempts counted by one worker alone, because Redis did not answer."
)
analytics_fallbacks_total = Counter(
    "web_analytics_fallbacks_total", "Figures read in the first database, because the analytics one did not answer."
)
logins_total = Counter("web_logins_total", "Attempts to log in.", ["outcome"])


def attach(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.started_at = time.monotonic()

    @app.after_request
    def count(response: Response) -> Response:
        took_s = time.monotonic() - cast(float, g.started_at) if "started_at" in g else None
        answered(request.endpoint or "none", response.status_code, took_s)
        return response


def answered(endpoint: str, status: int, took_s: float | None) -> None:
    """One more answer of ``endpoint``."""
    requests_total.labels(endpoint, str(status)).inc()
    if took_s is not None:
        request_seconds.labels(endpoint).observe(took_s)


def render() -> Response:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
