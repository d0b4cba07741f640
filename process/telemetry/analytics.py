"""Product events to PostHog's capture API: what restaurants get out of it, by restaurant and never by person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from process.telemetry.sending import Sender

Property = str | int | float | bool


class ProductEvent(msgspec.Struct, frozen=True):
    """``id`` is a UUID: told twice, it is one event there. ``distinct_id`` is the restaurant's id."""

    event: str
    distinct_id: str
    timestamp: datetime
    id: str
    properties: Mapping[str, Property]


class Analytics:
    def __init__(self, host: str, api_key: str) -> None:
        """Raises ValueError for a host that is none."""
        self._api_key = api_key
        url, headers = f"{host.rstrip('/')}/batch/", {"content-type": "application/json"}
        self._sender = Sender(
            "analytics", url, headers, self._batch, most_waiting=1000, most_together=100, setting="POSTHOG_HOST"
        )

    def put(self, event: ProductEvent) -> None:
        self._sender.put(event)

    def _batch(self, events: list[ProductEvent]) -> bytes:
        # A restaurant is no person: no profile, and no place of the server's own address.
        always: dict[str, Property] = {"$process_person_profile": False, "$geoip_disable": True, "$lib": "alloresto"}
        batch = [
            {
                "uuid": one.id,
                "event": one.event,
                "distinct_id": one.distinct_id,
                "timestamp": one.timestamp.astimezone(UTC).isoformat(),
                "properties": always | dict(one.properties),
            }
            for one in events
        ]
        return msgspec.json.encode({"api_key": self._api_key, "batch": batch})


_analytics: Analytics | None = None


def use(analytics: Analytics | None) -> None:
    global _analytics
    _analytics = analytics


def is_on() -> bool:
    return _analytics is not None


def capture(event: ProductEvent) -> None:
    """Have it told, where somebody wants to know. Returns at once."""
    if _analytics is not None:
        _analytics.put(event)
