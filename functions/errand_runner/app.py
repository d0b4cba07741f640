"""Takes the events that lead to errands, writes each event's errands once, and has them run.

What is due is begun as soon as an event was taken, and by a tick every five seconds: that is how an attempt is repeated
and how what a dead pod had claimed is taken up. Calendars that are due are read then, too.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import msgspec

from eventing.consumers import consumer
from eventing.serving import PlatformSettings, hold_open
from eventing.ticks import on_tick
from functions.errand_runner import planning
from functions.errand_runner.booking_planning import look_at_deadlines
from functions.errand_runner.calendar_reading import CalendarReader
from functions.errand_runner.runner import Runner
from functions.errand_runner.situation import Home
from integrations.network import Network
from process.asgi import App
from stores.ciphers import PiiCipher
from stores.order_links import OrderLinks
from stores.postgres import Postgres

NAME = "errand_runner"


StoreUrl = Annotated[str, msgspec.Meta(pattern=r"^(https?://\S+)?$")]


class RunnerSettings(PlatformSettings, frozen=True, kw_only=True):
    """``platform_database_url`` finds what is due for all restaurants; all else is done for one, by ``database_url``.

    ``web_public_url`` is where the admin is reached from outside: people see their order there; without it messages
    have no link. ``integration_private_targets`` allows http and private addresses: for tests, and for a printer beside
    a small site. ``store_api_url`` is the store API's address for restaurants that have typed none.
    """

    database_url: str
    master_key: str
    web_public_url: str = ""
    store_api_url: StoreUrl = ""
    integration_private_targets: bool = False


def build(settings: RunnerSettings) -> App:
    postgres, platform = Postgres(settings.database_url), Postgres(settings.platform_database_url)
    pii = PiiCipher(settings.master_key)
    home = Home(pii, OrderLinks(settings.master_key, settings.web_public_url))
    network = Network("AlloResto/1", settings.integration_private_targets)
    defaults = {"store_api": {"url": settings.store_api_url}} if settings.store_api_url else {}
    runner = Runner(platform, postgres, network, home, defaults)
    calendars = CalendarReader(platform, postgres, network, home)
    app = consumer(NAME, planning.KINDS, partial(planning.plan, home), postgres=postgres, afterwards=runner.wake)
    hold_open(app, platform, "postgres (platform)")

    async def due() -> None:
        await look_at_deadlines(home, platform, postgres)
        await asyncio.gather(runner.round(), calendars.round())

    on_tick(app, "/errands-due", due)
    app.startup.append(runner.start)
    app.shutdown[:0] = [calendars.stop, runner.stop]
    return app
