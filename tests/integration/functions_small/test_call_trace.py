"""A call from its INVITE to the order in the log, by real processes: one trace, and nothing personal in it.

Only the engine and the Broker are the test's; the caller is a SIP phone.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from eventing.catalogue import OrderConfirmed
from eventing.cloudevents import parse
from softphone.caller import Caller
from stores import lines, menus, restaurants
from stores.ciphers import SipPasswordCipher
from tests.conftest import Database, Pools
from tests.fakes.collector import FakeCollector, TakenSpan
from tests.fakes.engine import FakeEngine, FakeSession
from tests.integration.call_handler.conftest import make_menu, make_restaurant, running_handler
from tests.integration.edge_bridge.conftest import running_bridge
from tests.integration.functions_small.conftest import Run, answering_posts
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NUMBER = "+33145678901"
CALLER = "+33698765432"
SAID = "One small Margherita to take away, for Ada."
PERSONAL = ("145678901", "698765432", "Harbour", "Margherita", "Ada", "please", "127.0.0.1", "@")
# Ids, kinds and counts; what else has letters is one of a few words of ours.
PLAIN = re.compile(r"[a-zA-Z0-9 _./:-]{0,64}")


@contextlib.asynccontextmanager
async def broker(function_url: str) -> AsyncIterator[str]:
    """Takes all, and hands orders on as the in-memory Broker does: the event's attributes, no other header."""
    async with aiohttp.ClientSession() as http:

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            if parse(request.headers, body).type == OrderConfirmed.TYPE:
                kept = {name: value for name, value in request.headers.items() if name.lower().startswith("ce-")}
                kept["content-type"] = request.headers["content-type"]
                async with http.post(function_url, data=body, headers=kept) as answer:
                    assert answer.status == 200
            return web.Response(status=202)

        async with answering_posts("/", take) as server:
            yield str(server.make_url("/"))


async def order_by_voice(session: FakeSession, caller: Caller) -> None:
    """The cart is read out again until the handler knows that it was heard."""
    await session.caller_says(SAID)
    item = ("add_item", {"item": "Margherita", "size": "Small"})
    await session.reply(calls=[item, ("set_fulfilment", {"kind": "pickup"}), ("set_customer", {"name": "Ada"})])
    await session.tool_outputs(3)
    await session.expect("response.create")
    while True:
        await session.reply(calls=[("read_cart", {})])
        [read] = await session.tool_outputs(1)
        await session.expect("response.create")
        began = asyncio.get_running_loop().time()
        await session.reply(read["say"], audio_ms=200)
        await caller.rtp.wait_for_speech_end(200, PATIENCE_S, since=began)
        await session.caller_says("Yes, please.")
        await session.reply(calls=[("confirm_order", {})])
        [confirmed] = await session.tool_outputs(1)
        await session.expect("response.create")
        if confirmed["ok"]:
            return


def by_name(spans: list[TakenSpan], name: str) -> list[TakenSpan]:
    return [span for span in spans if span.name == name]


def is_whole(spans: list[TakenSpan]) -> bool:
    """What comes last of each process is there."""
    last = ("call", "handle call", "call.write", f"process {OrderConfirmed.TYPE}")
    return all(by_name(spans, name) for name in last) and any(
        span.attributes.get("cloudevents.event_type") == OrderConfirmed.TYPE for span in by_name(spans, "publish")
    )


async def test_a_call_is_one_trace_from_its_invite_to_the_log_of_its_order_and_names_nobody(
    run: Run, database: Database, postgres: Pools, redis_url: str, master_key: str
) -> None:
    restaurant = make_restaurant()
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, restaurant)
        await menus.insert(connection, make_menu(restaurant.id))
        await lines.create(connection, restaurant_id=restaurant.id, number=NUMBER, cipher=SipPasswordCipher(master_key))
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        engine, collector = await enter(FakeEngine()), await enter(FakeCollector())
        traced: dict[str, Any] = collector.environment()
        urls: dict[str, Any] = {"DATABASE_URL": database.app_url, "REDIS_URL": redis_url}
        handler, logger = await asyncio.gather(
            enter(running_handler(engine, database.app_url, redis_url, master_key, traced)),
            enter(run("functions", "order_logger", **urls, **traced)),
        )
        sink = await enter(broker(logger.url))
        port = int(handler.url.rpartition(":")[2])
        bridging = running_bridge(database, redis_url, master_key, port, **traced)
        scene, _ = await asyncio.gather(
            asyncio.to_thread(bridging.__enter__),
            enter(run("eventing.relay", PLATFORM_DATABASE_URL=database.platform_url, K_SINK=sink, **traced)),
        )
        stack.push_async_callback(asyncio.to_thread, bridging.__exit__, None, None, None)

        async with Caller(scene.bridge.target, NUMBER, from_user=CALLER) as caller:
            await caller.invite()
            session = await engine.session()
            await session.expect("session.update")
            await order_by_voice(session, caller)
        spans = list(await collector.until(is_whole))

    assert {span.trace_id for span in spans if "alloresto.call.id" in span.attributes} == {spans[0].trace_id}
    of_call = [span for span in spans if span.trace_id == by_name(spans, "call")[0].trace_id]
    known = {span.span_id: span for span in of_call}

    def above(name: str) -> list[str]:
        """The names of the spans that the first one called so is under, from the inside out."""
        span, found = by_name(of_call, name)[0], []
        while span.parent_id:
            span = known[span.parent_id]
            found.append(span.name)
        return found

    turn = "invoke_agent alloresto"
    assert above("handle call") == ["POST call-handler", "call"]
    assert above("join") == ["handle call", "POST call-handler", "call"]
    assert above(turn) == ["handle call", "POST call-handler", "call"]
    assert above("chat gpt-realtime-2.1")[0] == turn
    assert above("execute_tool confirm_order")[0] == turn
    assert above("order.write")[:2] == ["execute_tool confirm_order", turn]
    assert above(f"process {OrderConfirmed.TYPE}")[:2] == ["order.write", "execute_tool confirm_order"]
    assert {span.service for span in of_call} == {"edge-bridge", "call-handler", "relay", "order_logger"}
    published = {span.attributes["cloudevents.event_type"]: span for span in by_name(of_call, "publish")}
    assert known[published[OrderConfirmed.TYPE].parent_id].name == "order.write"
    assert not [span for span in of_call if span.failed]
    assert by_name(of_call, "call")[0].attributes["alloresto.call.outcome"] == "order_confirmed"
    steps = [name for name, _ in by_name(of_call, "call")[0].events]
    assert steps[:4] == ["rings", "answered", "asks for a handler", "handler accepts"]
    reply = by_name(of_call, "chat gpt-realtime-2.1")[0]
    assert reply.attributes["gen_ai.usage.input_tokens"] == 100
    assert reply.attributes["gen_ai.usage.output_tokens"] == 50
    names_nobody(spans)


def names_nobody(spans: list[TakenSpan]) -> None:
    """Not one word, name, number or address in anything that was sent."""
    walked = 0
    for span in spans:
        values: list[Any] = [span.name, *span.attributes.values()]
        for name, attributes in span.events:
            values += [name, *attributes.values()]
        for value in values:
            walked += 1
            text = value if isinstance(value, str) else json.dumps(value)
            assert not [word for word in PERSONAL if word in text], (span.name, value)
            assert not isinstance(value, str) or PLAIN.fullmatch(value), (span.name, value)
    assert walked > 100
