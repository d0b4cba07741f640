"""Composition root of the outbox relay: its settings, and what it is made of."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import msgspec

from eventing.extensions import overrides
from eventing.relay.publishing import Publisher
from eventing.relay.service import Relay
from process import asgi, logs, telemetry
from process.asgi import App
from process.health import Health
from process.settings import Port, load_or_exit

GRACE_S = 2  # for probes under way; the relay's own grace comes after


class RelaySettings(msgspec.Struct, frozen=True):
    """``K_SINK`` and ``K_CE_OVERRIDES`` come from a SinkBinding. ``RELAY_WORKERS``: lanes whose events
    are under way at a time (``claims``)."""

    platform_database_url: str
    k_sink: Annotated[str, msgspec.Meta(pattern="^https?://")] = ""
    k_ce_overrides: str = ""
    port: Port = 8080
    host: str = "0.0.0.0"
    relay_workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 64


def main() -> int:
    settings = load_or_exit(RelaySettings)
    logs.configure("relay")
    telemetry.configure("relay")
    try:
        extensions = overrides(settings.k_ce_overrides)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    health = Health("relay")
    app = App(health)
    if settings.k_sink:
        relay = Relay(
            settings.platform_database_url,
            Publisher(settings.k_sink),
            health,
            workers=settings.relay_workers,
            extensions=extensions,
            on_failure=lambda: signal.raise_signal(signal.SIGTERM),  # ends in order, and is started again
        )
        app.startup.append(relay.start)
        app.shutdown.append(relay.stop)
    else:
        # A first deployment starts this pod before its SinkBinding is bound. The binding writes K_SINK into the
        # Deployment, whose next pod has it and takes this one's place at once; to exit would only be started again,
        # after longer and longer waits.
        health.waiting_for("sink", "K_SINK is not set: no SinkBinding is bound yet (kubectl get sinkbinding)")
    asgi.run(app, settings.host, settings.port, grace_s=GRACE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
