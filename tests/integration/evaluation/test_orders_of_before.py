"""Scenarios by audio share a restaurant: what another caller ordered before is not this one's order of before."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation import database as evaluated
from evaluation.files import read
from evaluation.scenarios import PlacedBefore
from eventing.ordering import move_order
from stores.ciphers import PiiCipher
from stores.kitchen import Move
from stores.postgres import Postgres

pytestmark = pytest.mark.integration


async def test_only_the_order_that_a_call_is_about_is_its_order_of_before(
    database: Any, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluated, "LOG_WITHIN_S", 0.0)
    app, platform = Postgres(database.app_url), Postgres(database.platform_url)
    await app.open()
    await platform.open()
    try:
        rows = evaluated.Evaluated(app, platform, PiiCipher(master_key))
        case = next(case for case in read() if case.scenario.id == "en-two-sizes")
        restaurant = await rows.restaurant(case.place.content, "before")
        wanted = PlacedBefore(item="Pepperoni", size="Large", name="Anna")
        others, own = [await rows.place(restaurant, wanted, "+33600000001") for _ in range(2)]
        before = await rows.before(restaurant.id, [own])
        ending = await rows.ending(restaurant.id, "none", before)
        assert [one.id for one in ending.earlier] == [own] and not ending.strays and not ending.orders
        async with app.tenant(restaurant.id) as connection:
            await move_order(connection, Move(others, "confirmed", "cancelled", "kitchen", "customer"), source="/test")
        ending = await rows.ending(restaurant.id, "none", before)
        assert len(ending.strays) == 1 and "changed order of another call" in ending.strays[0]
    finally:
        await app.close()
        await platform.close()
