"""Real calls into the whole running stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import msgspec
import pytest

from devstack.servers.embedded import EmbeddedPostgres
from edge_bridge.prompts import prompt
from seeds import rehearsals
from stores.ciphers import SipPasswordCipher
from stores.orders import Order
from stores.postgres import Postgres
from synthetic_caller.__main__ import Settings, call_once
from tests.conftest import SYNTHETIC_ROLE
from tests.e2e import evening
from tests.e2e.house import EDGE, House, eventually
from tests.e2e.phone_call import LiveFeed, PhoneCall
from tests.e2e.switch import EngineSwitch
from tests.fakes.engine import FakeEngine
from tests.hearing import hears

pytestmark = pytest.mark.e2e

ENGLISH, FRENCH = "Harbour Pizza", "Chez Margot"
PODS_GONE_WITHIN_S = 60.0
SYNTHETIC_WITHIN_S = 150.0  # a recording may be misheard once
VOICE_BACK_WITHIN_S = 4.0  # after a handler was killed

Phone = Callable[..., PhoneCall]
Spoken = Callable[..., dict[str, bytes]]


@pytest.fixture
async def engine(switch: EngineSwitch) -> AsyncIterator[FakeEngine]:
    """A scripted engine in the place of the speech server."""
    async with FakeEngine() as engine:
        with switch.to(engine.base_url):
            yield engine


def lines_of(order: Order) -> list[tuple[int, str, str]]:
    return [(line.quantity, line.name, line.size_name) for line in order.lines]


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
        await hears(call.caller, prompt("en", "one_moment"))
        resumed = await call.told("call", state="resumed")
        await call.is_asked(told_before, killed)
        await call.gets_across("add_item", second, "One cheeseburger, please.", since=len(feed.messages))
        await call.gets_across("set_fulfilment", *pickup)
        await call.gets_across("set_customer", *name)
        await call.agrees(yes)
        await call.told("order")
    found = await house.orders(line.restaurant_id, call.call_id)
    logged = await eventually(lambda: house.logged_call(call.call_id))

    assert [lines_of(order) for order in found] == [[(2, "Caesar salad", ""), (1, "Cheeseburger", "")]]
    assert (found[0].fulfilment, found[0].customer_name) == ("pickup", "Anna")
    assert resumed["attempt"] > 1
    assert (logged["outcome"], logged["attempts"]) == ("order_confirmed", resumed["attempt"])


async def test_the_voice_is_back_though_its_handler_died_after_the_first_words(
    house: House, phone: Phone, engine: FakeEngine
) -> None:
    async with phone(house.line(ENGLISH)) as call:
        await call.ring_until_joined()
        first = await engine.session()
        await first.expect("session.update")
        await call.until_silent(0.0)
        await first.speech_starts()
        await first.response_starts()
        await first.audio_delta("item_first", 400)  # its turn is not over: nothing is kept yet
        await asyncio.sleep(0.5)
        killed = time.monotonic()
        await house.kill(await house.busy_pod())
        second = await engine.session()
        await second.expect("response.create")
        asked_after_s = time.monotonic() - killed
        one_moment_ended = await call.caller.rtp.wait_for_speech_end(300, VOICE_BACK_WITHIN_S, killed)
        await second.reply("Sorry! What would you like?", audio_ms=600)
        heard_at = await call.hears_voice(one_moment_ended)

    assert asked_after_s <= VOICE_BACK_WITHIN_S
    assert heard_at - one_moment_ended <= VOICE_BACK_WITHIN_S


async def test_a_french_caller_gets_what_she_ordered_and_it_is_at_the_till_and_in_writing_once(
    house: House, phone: Phone, spoken: Spoken
) -> None:
    line = house.line(FRENCH)
    await house.connect(line.restaurant_id, "store_api")
    await house.connect(line.restaurant_id, "twilio")
    order, yes = "Bonjour, une grande margherita, et c'est tout, merci.", "Oui, c'est bien ça."
    pickup = ("À emporter, au nom de Sophie.", "Je viendrai la chercher moi-même.", "Je passerai la prendre ce soir.")
    name = ("Au nom de Sophie.", "Je m'appelle Sophie.")

    async with phone(line, spoken("ff_siwis", order, *pickup, *name, yes)) as call:
        await call.ring_until_joined()
        await call.until_silent(0.0)
        await call.says(order)
        await call.gets_across("set_fulfilment", *pickup)
        await call.gets_across("set_customer", *name)
        await call.agrees(yes)
        await call.told("order")
    [found] = await house.orders(line.restaurant_id, call.call_id)

    assert lines_of(found) == [(1, "Margherita", "Grande")]
    assert (found.fulfilment, found.customer_name) == ("pickup", "Sophie")
    assert (found.total_cents, found.currency) == (1350, "EUR")
    [at_the_till] = await eventually(lambda: house.was_told("store_api"))
    assert (at_the_till["order_id"], at_the_till["total_cents"]) == (found.id, 1350)
    [message] = await eventually(lambda: house.was_told("twilio"))
    assert "Margherita" in message["Body"] and "13,50" in message["Body"]


async def test_five_calls_at_once_are_served_each_by_a_handler_of_its_own(
    house: House, phone: Phone, engine: FakeEngine
) -> None:
    line = house.line(ENGLISH)

    async with AsyncExitStack() as calls:
        five = [await calls.enter_async_context(phone(line)) for _ in range(5)]
        answers = await asyncio.gather(*(call.ring() for call in five))
        assert [answer.status for answer in answers] == [200] * 5
        await asyncio.gather(*(call.hears_voice(0.0) for call in five))
        for _ in five:
            await engine.session()
        await eventually(house.live_counters, lambda counters: counters == (5, 0, 0))
        busy = [pod for pod in await house.pods() if pod["state"] == "busy"]

    assert len(busy) == 5
    await eventually(house.live_counters, lambda counters: counters == (0, 0, 0))
    await eventually(house.pods, lambda pods: pods == [], PODS_GONE_WITHIN_S)
    [edge] = await house.pods(EDGE)
    assert edge["restarts"] == 0
    assert "died" not in house.logged(EDGE)


async def test_a_table_with_a_deposit_and_a_pizza_by_one_call_while_all_who_are_told_die_once(
    house: House, phone: Phone, engine: FakeEngine
) -> None:
    line = house.line(ENGLISH)
    async with evening.street(house, line.restaurant_id) as street:
        async with asyncio.TaskGroup() as dying:
            dying.create_task(street.die_in_the_middle())
            async with phone(line) as call:
                await call.ring_until_joined()
                booked, ordered = await evening.books_and_orders(await evening.session_of_call(engine), call)
        assert (booked["ok"], booked["held_for_deposit"], ordered["ok"]) == (True, True, True), (booked, ordered)
        await street.all_back()
        await evening.pays(await street.link())

        async def waiting() -> list[dict[str, object]]:
            return await house.rows(
                "select kind, state, last_error from errand"
                " where restaurant_id = $1 and state <> 'done' and kind <> 'message.price'",  # asked for minutes later
                line.restaurant_id,
            )

        async def is_confirmed() -> bool:
            [booking] = await house.rows("select status from reservation where call_id = $1", call.call_id)
            return bool(booking["status"] == "confirmed" and len(street.texts.messages) >= len(evening.TEXTS))

        await eventually(is_confirmed, timeout_s=evening.SETTLED_WITHIN_S)
        await eventually(waiting, lambda left: not left, evening.SETTLED_WITHIN_S)

        [order] = await house.orders(line.restaurant_id, call.call_id)
        assert lines_of(order) == [(1, "Pepperoni", "Large")]
        assert [(one["order_id"], one["state"]) for one in street.till.orders.values()] == [(order.id, "placed")]
        assert [len(street.neighbours.printer.torn), len(street.neighbours.printer.tickets)] == [1, 1]
        [entry] = street.calendar.objects.values()
        assert "STATUS:CONFIRMED" in entry
        asked = sorted((one["amount_total"], one["payment_status"]) for one in street.payments.sessions.values())
        deposit = evening.DEPOSIT_CENTS * evening.COVERS
        assert (asked, street.payments.refunds) == ([(order.total_cents, "unpaid"), (deposit, "paid")], {})
        assert sorted(map(evening.kind_of, street.texts.messages)) == sorted(evening.TEXTS)


async def test_the_synthetic_callers_order_is_right_and_reaches_no_kitchen(house: House, feed: LiveFeed) -> None:
    number = "+353209110099"
    postgres = Postgres(house.about.platform_url)
    await postgres.open()
    async with postgres.platform() as connection:
        restaurant_id = await rehearsals.set_up(connection, number, SipPasswordCipher(house.about.master_key))
    await postgres.close()
    password = EmbeddedPostgres(house.state_dir / "postgres").password(SYNTHETIC_ROLE)
    at = urlsplit(house.about.platform_url)
    url = at._replace(netloc=f"{SYNTHETIC_ROLE}:{password}@127.0.0.1:{at.port}").geturl()
    settings = Settings(f"127.0.0.1:{house.about.sip_port}", number, url)

    await eventually(lambda: call_once(settings), lambda status: status == 0, SYNTHETIC_WITHIN_S)
    nobodys = msgspec.structs.replace(settings, synthetic_number="+353209110098")
    assert await call_once(nobodys) == 1

    wrong, right, *_ = await house.rows("select failed_at, why, answer_ms from synthetic_call order by id desc")
    assert (wrong["failed_at"], right["failed_at"]) == ("answer", "") and wrong["why"].startswith("404")
    [kept] = await house.rows("select count(*) from rehearsed_order where restaurant_id = $1", restaurant_id)
    assert kept["count"] >= 1
    for table in ('"order"', "order_log", "ticket_counter", "customer", "integration_event"):
        assert await house.rows(f"select from {table} where restaurant_id = $1", restaurant_id) == []
    taken = await house.rows("select distinct type from processed_event where restaurant_id = $1", restaurant_id)
    assert "com.alloresto.call.ended" in {row["type"] for row in taken}
