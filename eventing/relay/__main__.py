"""Composition root of the outbox relay."""

from __future__ import annotations

import asyncio
import signal
import sys

from eventing.cloudevents import overrides
from eventing.relay.publishing import Publisher
from eventing.relay.service import Relay
from eventing.relay.settings import Settings
from process import logs
from process.asgi import App, serve
from process.health import Health
from process.settings import load_or_exit

GRACE_S = 2  # for probes under way; the relay's own grace comes after


async def main() -> int:
    settings = load_or_exit(Settings)
    logs.configure("relay")
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
            Publisher(settings.k_sink, extensions),
            health,
            workers=settings.relay_workers,
            on_failure=lambda: signal.raise_signal(signal.SIGTERM),  # ends in order, and is started again
        )
        app.startup.append(relay.start)
        app.shutdown.append(relay.stop)
    else:
        # A first deployment starts this pod before its SinkBinding is bound. The binding writes K_SINK into the
        # Deployment, whose next pod has it and takes this one's place at once; to exit would only be started again,
        # after longer and longer waits.
        health.waiting_for("sink", "K_SINK is not set: no SinkBinding is bound yet (kubectl get sinkbinding)")
    await serve(app, settings.host, settings.port, grace_s=GRACE_S)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
