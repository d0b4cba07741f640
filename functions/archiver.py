"""The partitions of the months to come, made by a daily tick.

An order without a partition of its month goes to the default one and is found there all the same, but that month
then stays there: a tick that is lost costs nothing, three months without any would.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from prometheus_client import Counter

from eventing.serving import PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from process import logs
from process.asgi import App
from process.health import Health
from stores import partitions
from stores.postgres import Postgres

NAME = "archiver"

partitions_made_total = Counter("partitions_made_total", "Monthly partitions made by this process.")

log = logs.get(__name__)


def main() -> None:
    run(NAME, PlatformSettings, build)


def build(settings: PlatformSettings) -> App:
    postgres = Postgres(settings.platform_database_url, max_size=2)
    app = App(Health(NAME))
    hold_open(app, postgres)
    on_tick(app, "/partitions-due", partial(make_partitions, postgres))
    return app


async def make_partitions(postgres: Postgres) -> None:
    """Make what is missing of this month's partitions and the next ones'."""
    async with postgres.platform() as connection:
        made = await partitions.ensure(connection, datetime.now(UTC).date(), partitions.MONTHS)
    partitions_made_total.inc(made)
    log.info("partitions are there", made=made, months=partitions.MONTHS)
