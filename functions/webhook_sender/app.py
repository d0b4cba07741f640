"""Takes the events that integrators are told of, keeps each once with its deliveries, and has them sent.

What is due is sent as soon as an event was taken, and by a tick every ten seconds: that is how an attempt is repeated,
how what a dead pod had claimed is taken up, and how an owner's "send again" begins.
"""

from __future__ import annotations

from functools import partial

from eventing import integrators
from eventing.catalogue import WebhookTested
from eventing.cloudevents import Event
from eventing.consumers import consumer
from eventing.serving import PlatformSettings, hold_open
from eventing.ticks import on_tick
from functions.webhook_sender.courier import Courier
from integrations.network import Network
from process.asgi import App
from stores import webhooks
from stores.ciphers import PiiCipher
from stores.postgres import Connection, Postgres

NAME = "webhook_sender"


class SenderSettings(PlatformSettings, frozen=True, kw_only=True):
    """``database_url`` keeps events, a restaurant at a time; ``platform_database_url`` finds what is due for all.

    ``webhook_private_targets`` allows http and private addresses: for tests and receivers inside the cluster.
    """

    database_url: str
    master_key: str
    webhook_private_targets: bool = False


def build(settings: SenderSettings) -> App:
    postgres, platform = Postgres(settings.database_url), Postgres(settings.platform_database_url)
    pii = PiiCipher(settings.master_key)
    courier = Courier(platform, Network("AlloResto-Webhooks/1", settings.webhook_private_targets), pii)
    app = consumer(NAME, integrators.KINDS, partial(keep, pii), postgres=postgres, afterwards=courier.wake)
    hold_open(app, platform, "postgres (platform)")
    on_tick(app, "/deliveries-due", courier.round)
    app.startup.append(courier.start)
    app.shutdown.insert(0, courier.stop)
    return app


async def keep(pii: PiiCipher, connection: Connection, event: Event) -> None:
    """Keep the event for integrators, with a delivery for each endpoint that wants it; nothing of a synthetic call."""
    if event.is_synthetic:
        return
    payload = event.payload()
    only_to = payload.endpoint_id if isinstance(payload, WebhookTested) else None
    document, personal = integrators.split(event)
    await webhooks.keep_event(connection, payload.restaurant_id, document, personal, pii=pii, only_to=only_to)
