"""Asks a Prometheus, over its HTTP API. Blocking, with a time limit: for commands and for threads."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

ASK_WITHIN_S = 10.0
MOST_BYTES = 4 << 20


class PrometheusError(Exception):
    """It gives no answer, or not this one; the message says why, without its address."""


class Prometheus:
    """``url`` is what its API's path is put behind. Raises ValueError for one that is not of HTTP."""

    def __init__(self, url: str) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("PROMETHEUS_URL: begins with http:// or https://")
        self._url = url.rstrip("/")

    def value(self, expression: str) -> float | None:
        """Of an expression with one series at most; None for none, or what is no number. Raises PrometheusError."""
        found = self._ask("query", query=expression)
        return _number(found[0]["value"][1]) if found else None

    def course(self, expression: str, start: float, end: float, step_s: int) -> list[tuple[float, float]]:
        """``(time, value)`` of an expression that has one series at most, in Unix seconds. Raises PrometheusError."""
        found = self._ask("query_range", query=expression, start=str(start), end=str(end), step=str(step_s))
        points = [(float(at), _number(value)) for at, value in found[0]["values"]] if found else []
        return [(at, value) for at, value in points if value is not None]

    def _ask(self, what: str, **parameters: str) -> list[Any]:
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{what}", body, timeout=ASK_WITHIN_S) as answer:
                document = json.loads(answer.read(MOST_BYTES))
            result = document["data"]["result"]
        except urllib.error.HTTPError as error:
            raise PrometheusError(f"Prometheus answers {error.code}") from None
        except (OSError, TimeoutError) as error:
            raise PrometheusError(f"Prometheus does not answer ({type(error).__name__})") from None
        except (ValueError, KeyError, TypeError):
            raise PrometheusError("what answers is no Prometheus") from None
        return list(result)


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
