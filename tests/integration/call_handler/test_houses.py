"""A call that goes on in a sister of the restaurant that was called: on each engine, and past its handler's death."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.restaurant import Restaurant
from protocols.call_lane import ConnectedLine, EndedLine
from stores import chains, checkpoints, erasures, menus, restaurants
from stores.chains import OwnHouse
from stores.ciphers import PiiCipher
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine, FakeSession
from tests.fakes.live import FakeLive
from tests.fakes.models import Answer, FakeModels
from tests.integration.call_handler import test_cascade, test_live
from tests.integration.call_handler.conftest import (
    MakeBridge,
    Ring,
    StartHandler,
    connect,
    eventually,
    make_menu,
    make_restaurant,
    new_id,
    read_and_agree,
    written,
)

pytestmark = pytest.mark.integration

QUAY = ("choose_house", {"house": "Quay"})
HARBOUR = ("choose_house", {"house": "Harbour"})


@pytest.fixture
async def sister(postgres: Any, restaurant: Restaurant) -> Restaurant:
    """The house Quay of the called one's chain, whose callers are asked. She has no Margherita but a Regina."""
    known = replace(make_restaurant(), name="Quay Pizza", voice="marin", fallback_number="+33100000002")
    menu = make_menu(known.id)
    regina = replace(menu.items[0], name="Regina")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, known)
        await menus.insert(connection, replace(menu, items=(regina,)))
        houses = [(restaurant.id, OwnHouse("Harbour", asks=True)), (known.id, OwnHouse("Quay"))]
        await chains.make(connection, "Pizza", houses)
    return known


async def order_a_regina(session: FakeSession, bridge: FakeBridge) -> dict[str, Any]:
    """To take away, for Ada, read out and agreed to; what ``confirm_order`` gave."""
    await session.caller_says("One small Regina to take away, for Ada.")
    item = ("add_item", {"item": "Regina", "size": "Small"})
    await session.reply(calls=[item, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})])
    await session.tool_outputs(3)
    await session.expect("response.create")
    return await agree(session, bridge)


async def agree(session: FakeSession, bridge: FakeBridge) -> dict[str, Any]:
    await read_and_agree(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    return confirmed


async def use(session: FakeSession, said: str, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    await session.caller_says(said)
    await session.reply(calls=calls)
    return await session.tool_outputs(len(calls))


async def logged(postgres: Any) -> Any:
    """The call's row, once its handler has written it."""

    async def row() -> Any:
        async with postgres.platform.platform() as connection:
            return await connection.fetchrow("select * from call_log where transcript <> '[]'")

    return await eventually(row)


async def owners(postgres: Any) -> set[str]:
    """Whose the orders, their customers and events are."""
    async with postgres.platform.platform() as connection:
        rows = await connection.fetch(
            'select restaurant_id::text as id from "order" union select restaurant_id::text from customer'
            " union select restaurant_id::text from order_key union select event->'data'->>'restaurantId' from outbox"
            " where type <> 'com.alloresto.call.rerouted'"
        )
    return {row["id"] for row in rows}


def items_of(update: dict[str, Any]) -> list[str]:
    """The dishes that ``add_item`` may be called with."""
    [tool] = [tool for tool in update["session"]["tools"] if tool["name"] == "add_item"]
    names: list[str] = tool["parameters"]["properties"]["item"]["enum"]
    return names


async def test_the_same_session_goes_on_with_the_sisters_menu_and_all_that_is_ordered_is_hers(
    start_handler: StartHandler,
    master_key: str,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(await start_handler(engine), bridge), engine)
    first = await session.expect("session.update")
    [early, chosen] = await use(session, "A Regina at the Quay.", ("add_item", {"item": "Margherita"}), QUAY)
    await session.expect("response.create")
    [_, second] = session.of("session.update")
    confirmed = await order_a_regina(session, bridge)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert (early["error"]["code"], chosen["ok"]) == ("which_house", True)
    assert (items_of(first), items_of(second)) == (["Margherita"], ["Regina"])
    assert "We are the house Quay" in second["session"]["instructions"]
    assert second["session"]["audio"]["output"]["voice"] == "cedar", "the voice that the caller has heard"
    assert confirmed["order"] == {"number": 1}
    assert ended == EndedLine("order_confirmed")
    row = await logged(postgres)
    assert (str(row["restaurant_id"]), row["order_id"], row["outcome"]) == (restaurant.id, None, "order_confirmed")
    assert (str(row["went_to"]), row["went_to_name"], row["went_because"]) == (sister.id, "Quay", "asked")
    assert await owners(postgres) == {sister.id}
    async with postgres.app.tenant(sister.id) as connection:
        customer, order = await connection.fetchrow('select customer_id, id from "order"')
        await erasures.ask(connection, sister.id, customer, "owner@quay.example", PiiCipher(master_key))
        assert await connection.fetchval('select customer_name_encrypted from "order" where id = $1', order) is None
        assert await connection.fetchval("select count(*) from call_log") == 0, "the call's log is the called one's"
    assert session.errors == []


async def test_who_comes_back_orders_in_the_called_house_after_all(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(await start_handler(engine), bridge), engine)
    await use(session, "The Quay, please.", QUAY)
    await session.expect("response.create")
    [asked] = await use(session, "No, the Harbour after all.", HARBOUR)
    await session.expect("response.create")
    before = len(bridge.played)
    await session.reply(asked["say"], audio_ms=200)
    await bridge.hears(before + 200 * 8)
    await bridge.quiet()
    [back] = await use(session, "Yes.", HARBOUR)
    await session.expect("response.create")
    await use(
        session,
        "A small Margherita to take away, for Ada.",
        ("add_item", {"item": "Margherita", "size": "Small"}),
        ("set_fulfilment", {"kind": "pickup"}),
        ("set_customer", {"name": "Ada"}),
    )
    await session.expect("response.create")
    await agree(session, bridge)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    [order] = (await written(postgres))[0]
    row = await logged(postgres)
    assert back["ok"] and await owners(postgres) == {restaurant.id}
    assert ended == EndedLine("order_confirmed", str(order["id"]))
    assert (row["order_id"], row["went_to"], row["went_because"]) == (order["id"], None, "")


async def test_a_killed_handlers_call_goes_on_in_the_house_that_it_was_in_with_the_cart(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    redis: Any,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    call_id = new_id()
    killed = await start_handler(engine)
    lane = await ring(killed, await bridge_for(call_id, attempt=1))
    session = await engine.session()
    await lane.until(ConnectedLine)
    await use(session, "The Quay.", QUAY)
    await session.expect("response.create")
    await use(session, "A small Regina.", ("add_item", {"item": "Regina", "size": "Small"}))
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.cart.lines)
    killed.process.kill()

    bridge = await bridge_for(call_id, attempt=2, resumed=True)
    lane, second = await connect(ring(await start_handler(engine), bridge), engine)
    update = await second.expect("session.update")
    await second.expect("response.create")
    await second.reply("Sorry about that. Where were we?", audio_ms=200)
    await bridge.quiet()
    await use(
        second, "To take away, for Ada.", ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})
    )
    await second.expect("response.create")
    confirmed = await agree(second, bridge)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert items_of(update) == ["Regina"]
    assert update["session"]["audio"]["output"]["voice"] == "cedar", "the voice that the caller has heard"
    assert confirmed["order"] == {"number": 1} and ended == EndedLine("order_confirmed")
    row = await logged(postgres)
    assert (str(row["restaurant_id"]), str(row["went_to"])) == (restaurant.id, sister.id)
    assert await owners(postgres) == {sister.id}


async def test_a_call_whose_house_left_while_its_handler_was_killed_begins_anew_in_the_called_one(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    redis: Any,
    postgres: Any,
    sister: Restaurant,
) -> None:
    call_id = new_id()
    killed = await start_handler(engine)
    lane = await ring(killed, await bridge_for(call_id, attempt=1))
    session = await engine.session()
    await lane.until(ConnectedLine)
    await use(session, "The Quay.", QUAY)
    await session.expect("response.create")
    await use(session, "A small Regina.", ("add_item", {"item": "Regina", "size": "Small"}))
    await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.cart.lines)
    killed.process.kill()
    async with postgres.app.tenant(sister.id) as connection:
        await chains.leave(connection, sister.id)

    bridge = await bridge_for(call_id, attempt=2, resumed=True)
    _, second = await connect(ring(await start_handler(engine), bridge), engine)
    await second.expect("response.create")
    told = [event["item"]["content"][0]["text"] for event in second.of("conversation.item.create")]
    await second.reply("Sorry about that. Where were we?", audio_ms=20)
    await second.caller_says("A Regina.")
    saved = await eventually(lambda: checkpoints.load(redis, call_id), lambda saved: saved and saved.attempt == 2)

    assert items_of(second.of("session.update")[0]) == ["Margherita"]
    assert "A small Regina." in told and '"lines":[]' in told[-1]
    assert saved is not None and not saved.cart.lines and saved.went_to is None


async def test_no_name_or_id_leads_to_a_house_that_is_none_of_the_chain_now(
    start_handler: StartHandler,
    engine: FakeEngine,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    stranger = replace(make_restaurant(), name="Strange Pizza")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, stranger)
        await chains.make(connection, "Others", [(stranger.id, OwnHouse("Strange"))])
    bridge = await bridge_for(new_id())
    lane, session = await connect(ring(await start_handler(engine), bridge), engine)

    named = await use(
        session,
        "The other one.",
        *(("choose_house", {"house": house}) for house in ("Strange", stranger.id, sister.id, "Quay' or true --")),
        ("choose_house", {"house": ["Quay"]}),
        ("choose_house", {"house": "Quay", "restaurant_id": stranger.id}),
    )
    async with postgres.platform.platform() as connection:  # the handler has her in Redis still
        await connection.execute("update restaurant set disabled_at = now() where id = $1", sister.id)
    await session.expect("response.create")
    [disabled] = await use(session, "The Quay.", QUAY)
    async with postgres.platform.platform() as connection:
        await connection.execute("update restaurant set disabled_at = null where id = $1", sister.id)
    async with postgres.app.tenant(sister.id) as connection:
        await chains.leave(connection, sister.id)
    await session.expect("response.create")
    [left, harbour, added] = await use(
        session, "Then the Harbour.", QUAY, HARBOUR, ("add_item", {"item": "Margherita", "size": "Small"})
    )
    await bridge.hang_up()
    await lane.until(EndedLine)

    codes = [one["error"]["code"] for one in named]
    assert codes[:4] == ["unknown_house"] * 4 and codes[4:] == ["bad_argument"] * 2
    assert named[0]["error"]["allowed"] == ["Harbour", "Quay"]
    assert (disabled["error"]["code"], left["error"]["code"]) == ("house_away", "house_away")
    assert disabled["say"] and harbour["ok"] and added["ok"], "the call goes on where it is"
    row = await logged(postgres)
    assert (row["went_to"], str(row["restaurant_id"])) == (None, restaurant.id)


# --- Other engines ------------------------------------------------------------------------------------------------


@pytest.fixture
async def models() -> AsyncIterator[FakeModels]:
    async with FakeModels() as fake:
        yield fake


async def test_a_cascades_model_is_asked_with_the_sisters_instructions_and_tools(
    start_handler: StartHandler,
    engine: FakeEngine,
    models: FakeModels,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    async with FakeEngine() as ear:
        handler = await test_cascade.start(start_handler, engine, ear, models, restaurant, postgres)
        bridge = await bridge_for(new_id())
        _, session = await connect(ring(handler, bridge), ear)
        answers = (Answer(calls=[QUAY]), Answer("You are with Quay."))
        await test_cascade.says(session, bridge, models, "The Quay, please.", *answers)

    before, after = ([json.dumps(asked[part]) for part in ("messages", "tools")] for asked in models.requests)
    assert "Margherita" in before[0] and "Margherita" in before[1]
    assert "We are the house Quay" in after[0] and "Regina" in after[1] and "Margherita" not in after[1]


async def test_a_live_session_is_followed_by_one_with_the_sisters_instructions_and_tools(
    start_handler: StartHandler,
    engine: FakeEngine,
    models: FakeModels,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
    restaurant: Restaurant,
    sister: Restaurant,
) -> None:
    async with FakeLive() as server:
        settings = await test_live._duplex(server, models, restaurant, postgres)
        bridge = await bridge_for(new_id())
        lane = await ring(await start_handler(engine, **settings), bridge)
        first = await server.session()
        await lane.until(ConnectedLine)
        await first.expect("session.start")
        await first.starts()
        await first.caller_says("The Quay, please.")
        await first.delegates()
        await first.backend_calls(QUAY)
        [chosen] = await first.tool_outputs(1)
        assert chosen["ok"], chosen
        await first.backend_calls()
        await first.speaks("You are with Quay.")
        second = await server.session()
        start = (await second.expect("session.start"))["session"]
        await second.starts()
        await second.caller_says("A small Regina.")
        await second.delegates()
        await second.backend_calls(("add_item", {"item": "Regina", "size": "Small"}))
        [added] = await second.tool_outputs(1)

    backend = start["delegation"]["responses"]
    assert added["ok"] and added["cart"]["lines"][0]["item"] == "Regina"
    assert "We are the house Quay" in backend["instructions"] and items_of({"session": backend}) == ["Regina"]
    assert start["audio"]["output"]["voice"] == "cedar"
