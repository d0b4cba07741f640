"""Messages for the team: written before they are said to be left, and there once, whatever handler took them."""

from typing import Any

import pytest

from domain.left_messages import LeftMessage
from domain.restaurant import Restaurant
from protocols.call_lane import ConnectedLine, EndedLine
from stores import calls
from stores.ciphers import PiiCipher
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import (
    CALLER,
    Handler,
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    new_id,
)

pytestmark = pytest.mark.integration

SCARF = {"about": "lost_property", "message": "A black scarf on the chair by the window.", "name": "Nora"}


async def kept(postgres: Any, restaurant: Restaurant, call_id: str, pii: PiiCipher) -> calls.LoggedCall | None:
    async with postgres.app.tenant(restaurant.id) as connection:
        found = await calls.recent(connection, pii=pii)
        return await calls.get(connection, call_id, pii=pii) if found else None


async def test_a_killed_handlers_message_is_there_once_and_the_next_one_knows_of_it(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    pii: PiiCipher,
    restaurant: Restaurant,
) -> None:
    call_id = new_id()
    killed = await start_handler(engine)
    lane = await ring(killed, await bridge_for(call_id, attempt=1))
    session = await engine.session()
    await lane.until(ConnectedLine)
    await session.caller_says("I left my scarf.")
    await session.reply(calls=[("leave_message", SCARF)])
    [left] = await session.tool_outputs(1)
    killed.process.kill()

    bridge = await bridge_for(call_id, attempt=2, resumed=True)
    lane, second = await connect(ring(await start_handler(engine), bridge), engine)
    await second.caller_says("Did you get that?")
    group = {"about": "group", "message": "Forty people on Friday."}
    await second.reply(calls=[("leave_message", SCARF), ("leave_message", group)])
    again = await second.tool_outputs(2)
    await bridge.hang_up()
    assert await lane.until(EndedLine) == EndedLine("message_taken")

    assert [one["left"] for one in (left, *again)] == [True] * 3
    logged = await eventually(
        lambda: kept(postgres, restaurant, call_id, pii), lambda call: call and call.outcome == "message_taken"
    )
    assert logged.messages == (
        LeftMessage("lost_property", SCARF["message"], "Nora"),
        LeftMessage("group", group["message"]),
    )
    assert logged.has_message and not logged.missed
    async with postgres.platform.platform() as connection:
        stored = await connection.fetchval("select messages_encrypted from call_log")
    assert b"scarf" not in stored
    assert not any("scarf" in line or CALLER in line for line in killed.logged)


async def test_a_message_that_cannot_be_written_is_not_said_to_be_left(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, postgres: Any, restaurant: Restaurant
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    async with postgres.platform.platform() as connection:
        await connection.execute("delete from restaurant where id = $1", restaurant.id)
    await session.caller_says("I left my scarf.")
    await session.reply(calls=[("leave_message", SCARF)])
    [left] = await session.tool_outputs(1)
    lane.leave()
    assert not left["ok"] and left["error"]["code"] == "not_saved"
    assert "could not leave your message" in left["say"] and "left" not in left
