"""A caller orders: sockets, protocols, Postgres and Redis are real; the bridge and the engine are scripted."""

import asyncio
from typing import Any

import pytest

from domain.card_numbers import MASK
from domain.menu_edits import with_states
from domain.restaurant import Restaurant
from eventing import menus as menu_changes
from protocols.call_lane import AcceptedLine, ConnectedLine, EndedLine
from protocols.media import Blank
from stores import menus
from stores.audit import Actor
from stores.cache import RestaurantCache
from stores.redis import connect as redis_connect
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.integration.call_handler.conftest import (
    GREETING,
    TRACEPARENT,
    Handler,
    Ring,
    connect,
    eventually,
    fill_cart,
    read_and_agree,
    written,
)
from tests.live_state import live_events
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def test_a_caller_orders_by_voice_and_the_order_is_in_the_database(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    lane = await ring(handler, bridge)
    assert lane.status == 200
    assert lane.response.headers["content-type"] == "application/x-ndjson"
    assert await lane.line() == AcceptedLine("pod-1", 1)
    session = await engine.session()
    assert await lane.line() == ConnectedLine()

    await session.caller_says("One large Margherita with olives, to take away, for Ada.")
    order = ("add_item", {"item": "Margherita", "size": "Large", "modifiers": ["Olives"], "quantity": 1})
    await session.reply(calls=[order, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})])
    added, *_ = await session.tool_outputs(3)
    assert added["ok"], added
    await session.expect("response.create")
    await read_and_agree(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    [confirmed] = await session.tool_outputs(1)
    assert confirmed["ok"], confirmed
    assert confirmed["order"] == {"number": 1}
    await session.expect("response.create")
    await session.reply("Your order is confirmed.", audio_ms=200)
    await bridge.hears(400 * 8)
    await bridge.hang_up()

    ended = await lane.until(EndedLine)
    assert await lane.line() is None
    [row], [event] = await written(postgres)
    assert (row["total_cents"], row["number"]) == (1350, 1)
    assert ended == EndedLine("order_confirmed", row["id"])
    assert event["data"]["lines"][0]["modifiers"] == ["Olives"]
    assert event["traceparent"] == TRACEPARENT, "of the event that began the call"
    assert session.errors == []
    assert session.of("conversation.item.create")[0]["item"] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": GREETING}],
    }


async def test_an_order_confirmed_twice_by_the_model_is_written_once(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)

    await session.reply(calls=[("confirm_order", {}), ("confirm_order", {})])
    first, second = await session.tool_outputs(2)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    assert first["order"] == second["order"] == {"number": 1}
    orders, events = await written(postgres)
    assert (len(orders), len(events)) == (1, 1)
    assert ended.outcome == "order_confirmed"


async def test_what_the_model_gets_wrong_is_answered_with_what_is_allowed(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring
) -> None:
    _, session = await connect(ring(handler, bridge), engine)

    await session.reply(
        calls=[("add_item", {"item": "Sushi"}), ("fly_to_moon", {}), ("add_item", "{not json"), ("confirm_order", {})]
    )
    unknown, no_tool, no_json, too_early = await session.tool_outputs(4)

    assert unknown["error"]["code"] == "unknown_item"
    assert "Margherita" in unknown["error"]["allowed"]
    assert no_tool["error"]["code"] == "unknown_tool"
    assert no_json["error"]["code"] == "bad_arguments"
    assert too_early["ok"] is False


async def test_a_dish_that_runs_out_in_mid_call_is_refused_to_who_asks_for_it_then(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    restaurant: Restaurant,
    postgres: Any,
    redis_url: str,
) -> None:
    _, session = await connect(ring(handler, bridge), engine)
    small, large = ({"item": "Margherita", "size": size} for size in ("Small", "Large"))
    await session.reply(calls=[("add_item", small), ("add_item", large)])
    assert [one["ok"] for one in await session.tool_outputs(2)] == [True, True]

    async with postgres.app.tenant(restaurant.id) as connection:
        menu = await menus.load(connection, restaurant.id)
        off = with_states({size.id: (False, None) for size in menu.items[0].sizes})
        await menu_changes.change(connection, restaurant.id, Actor("Square"), off, reason="item_off", source="/test")
    redis = redis_connect(redis_url)
    await RestaurantCache(redis, postgres.app).invalidate(restaurant.id, ["menu"])  # as the event has it done
    await redis.aclose()
    await session.caller_says("Another large one, please.")
    await session.reply(calls=[("add_item", large)])
    [refused] = await session.tool_outputs(1)

    assert refused["error"]["code"] == "unavailable_item", refused
    assert len(refused["cart"]["lines"]) == 2, "what is in the cart is looked at before the order is confirmed"


async def test_the_call_log_has_the_tools_and_whether_one_thing_more_was_taken(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    margherita = {"item": "Margherita", "size": "Small"}

    await session.reply(
        calls=[("add_item", margherita), ("add_item", {"item": "Sushi"}), ("offer_extra", {"item": "Margherita"})]
    )
    await session.tool_outputs(3)
    await session.reply(calls=[("add_item", margherita), ("fly_to_moon", {})])
    await session.tool_outputs(2)
    await bridge.hang_up()
    await lane.until(EndedLine)

    async def logged() -> Any:
        async with postgres.app.tenant(restaurant.id) as connection:
            return await connection.fetchrow("select tools, upsell from call_log where id = $1", bridge.call_id)

    row = await eventually(logged)
    assert row["tools"] == {
        "add_item": {"done": 2, "refused": 1},
        "offer_extra": {"done": 1, "refused": 0},
        "other": {"done": 0, "refused": 1},
    }
    assert row["upsell"] == "accepted"


async def test_the_call_log_has_both_sides_the_tokens_and_the_cost(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("Are you open?")
    await session.reply("Yes, all day.", audio_ms=100)
    await bridge.hears(100 * 8)
    await bridge.hang_up()
    ended = await lane.until(EndedLine)

    async def logged() -> Any:
        async with postgres.app.tenant(restaurant.id) as connection:
            return await connection.fetchrow("select * from call_log where id = $1", bridge.call_id)

    row = await eventually(logged)
    assert ended.outcome == "answered"
    assert [(said["who"], said["text"]) for said in row["transcript"]] == [
        ("assistant", GREETING),
        ("caller", "Are you open?"),
        ("assistant", "Yes, all day."),
    ]
    assert row["usage"]["audioOut"] == 40
    # 40 text in at $4, 20 cached at $0.40, 10 text out at $24, 40 audio in at $32, 40 audio out at $64, a million each,
    # and 1.5 s of transcription at $0.0045 a minute
    assert float(row["cost_dollars"]) == pytest.approx(0.0043605, abs=1e-6)
    assert row["model"] == "gpt-realtime-2.1"


async def test_the_staff_sees_the_call_live(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, redis: Any
) -> None:
    events = live_events(redis, restaurant.id)
    first: asyncio.Task[Any] = asyncio.create_task(anext(events))
    await eventually(lambda: redis.pubsub_numsub(f"resto:{restaurant.id}:live"), lambda counts: counts[0][1] == 1)
    _, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("A small Margherita.")
    await session.reply(calls=[("add_item", {"item": "Margherita", "size": "Small"})])
    seen = [await asyncio.wait_for(first, PATIENCE_S)] + [
        await asyncio.wait_for(anext(events), PATIENCE_S) for _ in range(2)
    ]
    await events.aclose()

    assert [type(event).__name__ for event in seen] == ["Spoke", "Spoke", "ToolUsed"]
    assert (seen[1].who, seen[1].text) == ("caller", "A small Margherita.")
    assert (seen[2].name, seen[2].ok) == ("add_item", True)


async def test_a_card_number_said_aloud_is_in_no_store_and_no_log(
    handler: Handler,
    engine: FakeEngine,
    bridge: FakeBridge,
    ring: Ring,
    restaurant: Restaurant,
    postgres: Any,
    redis: Any,
) -> None:
    events = live_events(redis, restaurant.id)
    first: asyncio.Task[Any] = asyncio.create_task(anext(events))
    await eventually(lambda: redis.pubsub_numsub(f"resto:{restaurant.id}:live"), lambda counts: counts[0][1] == 1)
    lane, session = await connect(ring(handler, bridge), engine)

    await session.caller_says("My card number is 4111 1111 1111 1111.")
    asked = await session.expect("response.create")
    await session.reply("Please don't.", audio_ms=100)
    await bridge.expect(Blank)
    seen = [await asyncio.wait_for(first, PATIENCE_S)] + [
        await asyncio.wait_for(anext(events), PATIENCE_S) for _ in range(2)
    ]
    await events.aclose()
    checkpoint = await eventually(lambda: redis.get(f"call:{bridge.call_id}:checkpoint"))
    await bridge.hang_up()
    await lane.until(EndedLine)

    async def logged() -> Any:
        async with postgres.app.tenant(restaurant.id) as connection:
            return await connection.fetchval("select transcript from call_log where id = $1", bridge.call_id)

    row = await eventually(logged)
    assert "don't tell me your card number" in asked["response"]["instructions"]
    [deleted] = session.of("conversation.item.delete")
    [instead] = [
        made for made in session.of("conversation.item.create") if made.get("previous_item_id") == deleted["item_id"]
    ]
    assert instead["item"]["content"][0]["text"] == f"My card number is {MASK}."
    assert row[1]["text"] == f"My card number is {MASK}."
    kept = [str(seen), str(checkpoint), str(row), "".join(handler.logged)]
    assert not any("1111 1111" in one for one in kept)


async def test_the_call_log_marks_what_was_said_and_who_ended_the_call(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, restaurant: Restaurant, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    await session.expect("response.create")
    await session.reply("Thank you! Goodbye.", audio_ms=100, calls=[("end_call", {})])
    await lane.until(EndedLine)

    async def logged() -> Any:
        async with postgres.app.tenant(restaurant.id) as connection:
            return await connection.fetchval("select marks from call_log where id = $1", bridge.call_id)

    marks = await eventually(logged)
    told = {name: marks[name] for name in ("ended", "read_back", "total_said", "card_number", "told_of_ai_at")}
    assert told == {
        "ended": "done",
        "read_back": True,
        "total_said": True,
        "card_number": False,
        "told_of_ai_at": None,  # this greeting does not say so
    }
    assert marks["summary"] == "Order: 1 dish, €9.00."


async def test_a_caller_hears_where_the_order_stands_changes_it_and_cancels_it_in_the_end(
    handler: Handler, engine: FakeEngine, bridge: FakeBridge, ring: Ring, postgres: Any
) -> None:
    lane, session = await connect(ring(handler, bridge), engine)
    await fill_cart(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    await session.tool_outputs(1)

    await session.caller_says("Where is it? And could I have two of them?")
    await session.reply(calls=[("find_order", {"name": "Ada"}), ("change_order", {})])
    found, taken = await session.tool_outputs(2)
    assert found["order"]["status"] == "confirmed" and "number 1" in found["say"]
    assert "1 small Margherita" in taken["say"]
    await session.reply(calls=[("change_item", {"line": 1, "quantity": 2})])
    await session.tool_outputs(1)
    await read_and_agree(session, bridge)
    await session.reply(calls=[("confirm_order", {})])
    [changed] = await session.tool_outputs(1)
    assert changed["ok"] and changed["order"] == {"number": 2}, changed
    first, second = (await written(postgres))[0]
    assert (first["status"], first["replaced_by_number"]) == ("cancelled", 2)
    assert (second["status"], second["total_cents"]) == ("confirmed", 2 * first["total_cents"])

    await session.reply(calls=[("find_order", {"name": "Ada"}), ("cancel_order", {})])
    _, asked = await session.tool_outputs(2)
    before = len(bridge.played)
    await session.reply(asked["say"], audio_ms=200)
    await bridge.hears(before + 200 * 8)
    await bridge.quiet()
    await session.caller_says("Yes, cancel it.")
    await session.reply(calls=[("cancel_order", {})])
    [cancelled] = await session.tool_outputs(1)
    assert cancelled["ok"], cancelled
    await bridge.hang_up()
    await lane.until(EndedLine)
    assert [row["status"] for row in (await written(postgres))[0]] == ["cancelled", "cancelled"]
