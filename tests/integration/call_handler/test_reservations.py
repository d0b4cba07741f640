"""Tables booked by voice: written before it is said, and never said when somebody else has the last one."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.restaurant import Restaurant
from eventing import reserving
from eventing.reserving import Asked
from protocols.call_lane import EndedLine
from stores import dining, restaurants
from stores.ciphers import PiiCipher
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import CALLER, Handler, MakeBridge, Ring, connect, new_id
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

WAITING = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
PARIS = ZoneInfo("Europe/Paris")  # the restaurant's
AT = (datetime.now(PARIS) + timedelta(days=2)).replace(hour=19, minute=30, second=0, microsecond=0)
LATER = AT.replace(hour=20, minute=0)
WISH = {"date": AT.date().isoformat(), "time": "19:30", "covers": 4}


@pytest.fixture
async def one_table(postgres: Any, restaurant: Restaurant) -> Restaurant:
    """The restaurant takes bookings and has one table, for four."""
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant.id, {"dine_in": True})
        await dining.add_table(connection, restaurant.id, "Hall", "T1", 4)
    return replace(restaurant, dine_in=True)


async def test_a_caller_books_the_last_table_and_moves_it_and_the_next_one_hears_when_else(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    pii: PiiCipher,
    one_table: Restaurant,
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("A table for four at half past seven.")
    await session.reply(calls=[("check_table", WISH)])
    [free] = await session.tool_outputs(1)
    await session.reply(calls=[("book_table", {**WISH, "name": "Nora"})])
    [booked] = await session.tool_outputs(1)
    await session.reply(calls=[("book_table", {**WISH, "time": "20:00", "name": "Nora"})])
    [moved] = await session.tool_outputs(1)
    await bridge.hang_up()
    assert await lane.until(EndedLine) == EndedLine("reservation_made")

    second = await bridge_for(new_id())
    other, session = await connect(ring(handler, second), engine)
    await session.caller_says("A table for four at eight.")
    await session.reply(calls=[("book_table", {**WISH, "time": "20:00", "name": "Ben"})])
    [full] = await session.tool_outputs(1)
    other.leave()

    assert (free["ok"], free["booked"], free["table_free"]) == (True, False, True)
    assert (booked["booked"], moved["booked"]) == (True, True)
    assert (full["ok"], full["booked"], full["error"]["code"]) == (False, False, "no_table_free")
    assert [one[11:16] for one in full["free_at"]] == ["18:00", "18:15", "21:45"]
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch("select starts_at, call_id, customer_id from reservation")
        events = await connection.fetch("select event::text from outbox where type like '%.reservation.%' order by id")
    assert [(row["starts_at"], row["call_id"]) for row in rows] == [(LATER, bridge.call_id)]
    assert rows[0]["customer_id"] is not None
    assert len(events) == 2
    assert not any("Nora" in row["event"] or CALLER in row["event"] for row in events)


async def test_a_caller_and_a_clerk_for_one_table_never_both_have_it(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    postgres: Any,
    pii: PiiCipher,
    one_table: Restaurant,
) -> None:
    """The clerk has the restaurant's lock while the caller asks: what the caller was about to have is gone then."""
    lane, session = await connect(ring(handler, bridge), engine)
    await session.caller_says("A table for four at half past seven.")

    async with postgres.app.tenant(one_table.id) as connection:
        asked = Asked(starts_at=AT, covers=4, name="Clerk", by_staff=True)
        await reserving.reserve(connection, one_table, asked, datetime.now(UTC), pii, source="/test")
        await session.reply(calls=[("book_table", {**WISH, "name": "Nora"})])
        async with asyncio.timeout(PATIENCE_S):
            while not await connection.fetchval(WAITING):
                await asyncio.sleep(0.01)
    [full] = await session.tool_outputs(1)
    await bridge.hang_up()

    assert (full["ok"], full["booked"], full["error"]["code"]) == (False, False, "no_table_free")
    assert len(full["free_at"]) == 3
    assert await lane.until(EndedLine) == EndedLine("answered")
    async with postgres.platform.platform() as connection:
        assert await connection.fetchval("select count(*) from reservation") == 1
