"""More calls at once than the example restaurant may have."""

from __future__ import annotations

import math
from pathlib import Path

from bench.chaos.stack_process import Description, Options, overlay_with
from eventing import outbox
from eventing.catalogue import RestaurantChanged
from stores import tenants
from stores.postgres import Postgres

SPARE = 3  # for those who ring again at once


def options(state: Path, engine_url: str, rtp_port_min: int, at_once: int) -> Options:
    """A stack whose bridge and handlers suffice for so many callers, with its state in ``state``."""
    places = at_once + SPARE
    # Two Revisions may have calls at once, and each is to be 70 % full at most.
    manifests = overlay_with(math.ceil(places / 0.7), state)
    return Options(str(state), engine_url, rtp_port_min, max_calls=places, manifests=manifests)


async def admit(about: Description, at_once: int) -> None:
    """The restaurant of ``about.line`` may have so many, and bridges are told. Needs the stack up."""
    restaurant_id = about.line.restaurant_id
    postgres = Postgres(about.platform_url, max_size=1)
    await postgres.open()
    try:
        async with postgres.platform() as connection:
            before = await tenants.get(connection, restaurant_id)
            await tenants.set_plan(
                connection, restaurant_id, max_calls=at_once + SPARE, plan=before.plan, plan_notes=before.plan_notes
            )
            changed = RestaurantChanged(restaurant_id=restaurant_id, fields=("max_calls",))
            await outbox.emit(connection, changed, source="/bench", subject=restaurant_id)
    finally:
        await postgres.close()
