"""Real calls into the whole running stack, in which something dies, goes away, or is not there to begin with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.prompts import prompt
from stores.orders import Order
from tests.e2e.house import EDGE, House, eventually
from tests.e2e.phone_call import LiveFeed, PhoneCall
from tests.e2e.switch import EngineSwitch
from tests.fakes.engine import FakeEngine, FakeSession

pytestmark = pytest.mark.e2e

ENGLISH, FRENCH = "Harbour Pizza", "Chez Margot"
AWAY_S = 3.0
PODS_GONE_WITHIN_S = 60.0
BUSY = 486

Phone = Callable[..., PhoneCall]
Spoken = Callable[..., dict[str, bytes]]


@pytest.fixture
async def engine(switch: EngineSwitch) -> AsyncIterator[FakeEngine]:
    """A scripted engine in the place of the speech server."""
    async with FakeEngine() as engine:
        with switch.to(engine.base_url):
            yield engine


@pytest.fixture
async def failing_handlers(house: House, failing_start: Path) -> AsyncIterator[Path]:
    """No handler runs, and none can start."""
    await eventually(house.pods, lambda pods: pods == [], PODS_GONE_WITHIN_S)
    failing_start.touch()
    yield failing_start
    failing_start.unlink()


def lines_of(order: Order) -> list[tuple[int, str, str]]:
    return [(line.quantity, line.name, line.size_name) for line in order.lines]


async def order_up_to_the_read_back(session: FakeSession) -> None:
    await session.reply(calls=[("add_item", {"item": "Margherita", "size": "Large"})])
    await session.expect("response.create")
    await session.reply(calls=[("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Anna"})])
    await session.expect("response.create")
    await session.reply(calls=[("read_cart", {})])
    await session.expect("response.create")


async def taken_by_order_logger(house: House, order_id: str) -> int:
    """How many different events about the order order_logger has taken; its answer to each names the order."""
    taken = "select 1 from processed_event where consumer = 'order_logger' and reply::text like '%' || $1 || '%'"
    return len(await house.rows(taken, order_id))


async def test_a_call_survives_the_death_of_its_handler_with_its_cart(
    house: House, phone: Phone, feed: LiveFeed, spoken: Spoken
) -> None:
    line = house.line(ENGLISH)
    first, second = "Hello, two Caesar salads, please.", "And one cheeseburger, that is all."
    pickup = ("Pick up, my name is Anna.", "I will pick it up myself.", "I will come and collect it.")
    name, yes = ("My name is Anna.", "It is for Anna."), "Yes, that is right."

    async with phone(line, spoken("joe", first, second, *pickup, *name, yes)) as call:
        await call.ring_until_joined()
        await call.until_silent(0.0)
        await call.says(first)
        killed = time.monotonic()
        told_before = len(feed.messages)
        await house.kill(await house.busy_pod())
        await call.recognises(prompt("en", "one_moment"))
        resumed = await call.told("call", state="resumed")
        await call.is_asked(told_before, killed)
        await call.says(second)
        await call.gets_across("set_fulfilment", *pickup)
        await call.gets_across("set_customer", *name)
        await call.speaks(yes)
        await call.told("order")
    found = await house.orders(line.restaurant_id, call.call_id)
    logged = await eventually(lambda: house.logged_call(call.call_id))

    assert [lines_of(order) for order in found] == [[(2, "Caesar salad", ""), (1, "Cheeseburger", "")]]
    assert (found[0].fulfilment, found[0].customer_name) == ("pickup", "Anna")
    assert resumed["attempt"] > 1
    assert (logged["outcome"], logged["attempts"]) == ("order_confirmed", resumed["attempt"])


async def test_a_french_caller_gets_what_she_ordered(house: House, phone: Phone, spoken: Spoken) -> None:
    line = house.line(FRENCH)
    order, yes = "Bonjour, une grande margherita, et c'est tout, merci.", "Oui, c'est bien ça."
    pickup = ("À emporter, au nom de Sophie.", "Je viendrai la chercher moi-même.", "Je passerai la prendre ce soir.")
    name = ("Au nom de Sophie.", "Je m'appelle Sophie.")

    async with phone(line, spoken("ff_siwis", order, *pickup, *name, yes)) as call:
        await call.ring_until_joined()
        await call.until_silent(0.0)
        await call.says(order)
        await call.gets_across("set_fulfilment", *pickup)
        await call.gets_across("set_customer", *name)
        await call.speaks(yes)
        await call.told("order")
    [found] = await house.orders(line.restaurant_id, call.call_id)

    assert lines_of(found) == [(1, "Margherita", "Grande")]
    assert (found.fulfilment, found.customer_name) == ("pickup", "Sophie")
    assert (found.total_cents, found.currency) == (1350, "EUR")


async def test_an_order_confirmed_while_postgres_is_away_is_written_and_told_once(
    house: House, phone: Phone, engine: FakeEngine
) -> None:
    line = house.line(ENGLISH)

    async with phone(line) as call:
        await call.ring_until_joined()
        session = await engine.session()
        await order_up_to_the_read_back(session)
        async with house.without("postgres"):
            await session.reply(calls=[("confirm_order", {})])
            [promised] = await session.tool_outputs(1)
            await session.expect("response.create")
            replied = time.monotonic()
            await session.reply("Thank you.", audio_ms=600)
            await call.hears_voice(replied)
            await asyncio.sleep(AWAY_S)
        [order] = await eventually(lambda: house.orders(line.restaurant_id, call.call_id))
        assert not call.caller.hung_up.is_set()
    logged = await eventually(lambda: house.logged_call(call.call_id))

    assert promised["order"] == {"pending": True}
    assert lines_of(order) == [(1, "Margherita", "Large")]
    assert logged["outcome"] == "order_confirmed"
    assert await eventually(lambda: taken_by_order_logger(house, order.id)) == 1
    assert len(await house.rows("select 1 from order_log where order_id = $1", order.id)) == 1
    assert len(await house.orders(line.restaurant_id, call.call_id)) == 1


async def test_a_call_goes_on_while_valkey_is_away(house: House, phone: Phone, engine: FakeEngine) -> None:
    line = house.line(ENGLISH)

    async with phone(line) as call:
        await call.ring_until_joined()
        session = await engine.session()
        async with house.without("valkey"):
            await order_up_to_the_read_back(session)
            replied = time.monotonic()
            await session.reply("One large Margherita for Anna. Is that right?", audio_ms=600)
            await call.hears_voice(replied)
            await asyncio.sleep(AWAY_S)
        await session.reply(calls=[("confirm_order", {})])
        [promised] = await session.tool_outputs(1)
    [order] = await house.orders(line.restaurant_id, call.call_id)
    logged = await eventually(lambda: house.logged_call(call.call_id))

    assert promised["order"] == {"number": order.number}
    assert lines_of(order) == [(1, "Margherita", "Large")]
    assert logged["outcome"] == "order_confirmed"
    assert await eventually(lambda: taken_by_order_logger(house, order.id)) == 1


def ended_and_missed(row: dict[str, Any]) -> bool:
    """Two events tell of a missed call, and either may come first."""
    return bool(row.get("outcome") and row.get("missed_reason"))


async def test_an_engine_that_refuses_the_key_leaves_the_caller_a_fallback_and_the_log_the_setting(
    house: House, phone: Phone, spoken: Spoken, switch: EngineSwitch
) -> None:
    message = "My name is Anna."
    async with FakeEngine(refuse=401) as engine, phone(house.line(ENGLISH), spoken("joe", message)) as call:
        with switch.to(engine.base_url):
            await call.ring()
            await call.recognises(prompt("en", "leave_message"))
        await call.recognises(prompt("en", "beep"))
        await call.speaks(message)
        call.caller.press("#")
        await call.recognises(prompt("en", "goodbye"))
        await call.until_hung_up()
        call_id = (await call.told("call", state="answered"))["callId"]
    logged = await eventually(lambda: house.logged_call(call_id), ended_and_missed)

    assert (logged["outcome"], logged["missed_reason"]) == ("message_taken", "ai_down")
    assert "OPENAI_API_KEY: refused by the engine (401)" in house.logged("call-handler")


async def test_four_calls_at_once_are_served_and_a_fifth_is_told_busy(
    house: House, phone: Phone, engine: FakeEngine
) -> None:
    line = house.line(ENGLISH)

    async with AsyncExitStack() as calls:
        four = [await calls.enter_async_context(phone(line)) for _ in range(4)]
        answers = await asyncio.gather(*(call.ring() for call in four))
        assert [answer.status for answer in answers] == [200] * 4
        await asyncio.gather(*(call.hears_voice(0.0) for call in four))
        for _ in four:
            await engine.session()
        fifth = await calls.enter_async_context(phone(line))
        refused = await fifth.ring()
        await eventually(house.live_counters, lambda counters: counters == (4, 0, 0))
        busy = [pod for pod in await house.pods() if pod["state"] == "busy"]

    assert refused.status == BUSY
    assert len(busy) == 4
    await eventually(house.live_counters, lambda counters: counters == (0, 0, 0))
    await eventually(house.pods, lambda pods: pods == [], PODS_GONE_WITHIN_S)
    [edge] = await house.pods(EDGE)
    assert edge["restarts"] == 0
    assert "the worker died" not in house.logged(EDGE)


async def test_a_caller_whom_no_handler_can_serve_hears_so_and_is_logged_as_missed(
    house: House, phone: Phone, failing_handlers: Path
) -> None:
    async with phone(house.line(FRENCH)) as call:
        call.caller.refer_status = 603  # nor does the human to whom the restaurant forwards take the call
        assert (await call.ring()).status == 200
        call_id = (await call.told("call", state="answered"))["callId"]
        await call.recognises(prompt("fr", "busy"))
        await call.until_hung_up()
    logged = await eventually(lambda: house.logged_call(call_id), ended_and_missed)

    assert (logged["outcome"], logged["missed_reason"]) == ("busy", "no_handler")
    assert call.caller.refer_to is not None
