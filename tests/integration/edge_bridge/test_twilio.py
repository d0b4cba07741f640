"""Calls from Twilio: its webhook and its stream, a real bridge process, a real handler on the wire."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import aiohttp
import asyncpg
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.servers.embedded import EmbeddedValkey
from devstack.servers.ports import free_port
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.postgres import Postgres
from tests.conftest import Database, run_apart
from tests.integration.edge_bridge.conftest import Scene, Start, restaurant, running_bridge, tone
from tests.integration.edge_bridge.twilio_side import TwilioSide
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://edge-test.example/twilio"
NUMBER, TOKENLESS = "+33100000201", "+33100000202"


async def seed_lines(database: Database, master_key: str) -> None:
    platform = Postgres(database.platform_url)
    await platform.open()
    cipher = SipPasswordCipher(master_key)
    async with platform.platform() as connection:
        for number, token in {NUMBER: TOKEN, TOKENLESS: ""}.items():
            owner = restaurant(number, fallback_number="+33612340000")
            await restaurants.create(connection, owner)
            await lines.create(
                connection,
                restaurant_id=owner.id,
                number=number,
                cipher=cipher,
                provider="twilio",
                twilio_auth_token=token,
            )
    await platform.close()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def scene(module_database: Database, valkey_server: EmbeddedValkey, master_key: str, port: int) -> Iterator[Scene]:
    """A bridge that Twilio reaches."""
    run_apart(lambda: seed_lines(module_database, master_key))
    with running_bridge(
        module_database,
        valkey_server.url(),
        master_key,
        free_port(),
        TWILIO_BIND_ADDRESS="127.0.0.1",
        TWILIO_PORT=str(port),
        TWILIO_PUBLIC_URL=PUBLIC_URL,
    ) as running:
        yield running


@pytest.fixture
async def twilio(scene: Scene, port: int) -> AsyncIterator[TwilioSide]:
    async with TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as side:
        yield side
        await side.ask(f"{PUBLIC_URL}/status", CallStatus="completed")  # or its place is taken until its stream is late


async def speak(call: HandledCall) -> None:
    await call.join()
    await call.clear()
    await call.play(tone(600))
    await call.mark("said")
    await call.stopped
    await call.end("answered")


async def test_a_whole_call(handler: HandlerApp, twilio: TwilioSide) -> None:
    handler.behave = speak
    await twilio.ring()
    call = await handler.call(1)
    await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
    await twilio.until_played(tone(600)[:4000])
    twilio.saying += tone(400)
    async with asyncio.timeout(PATIENCE_S):
        while sum(byte not in (0xFF, 0x7F) for byte in call.heard) < 8 * 300:
            await asyncio.sleep(0.02)
    await twilio.press("7#")
    async with asyncio.timeout(PATIENCE_S):
        while call.digits != ["7", "#"]:
            await asyncio.sleep(0.02)
    await twilio.hang_up()
    assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    assert (call.event.caller, call.event.called) == ("+33612345678", NUMBER)


async def test_the_handler_hangs_up_when_twilio_has_played_all(handler: HandlerApp, twilio: TwilioSide) -> None:
    async def goodbye(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(800))
        await call.hang_up()
        await call.stopped
        await call.end("answered")

    handler.behave = goodbye
    await twilio.ring()
    await asyncio.wait_for(twilio.closed.wait(), PATIENCE_S)
    assert tone(800) in twilio.played


async def put_through(call: HandledCall) -> None:
    """A handler that asks for a human, and goes on where there is none."""
    await call.join()
    await call.clear()
    await call.play(tone(200))
    await call.transfer("+33 6 12 34 00 00")
    await call.heard_by_caller.wait()
    await call.play(tone(300, 880))
    await call.stopped
    await call.end("answered")


async def test_a_caller_is_put_through_by_what_twilio_asks_next(handler: HandlerApp, twilio: TwilioSide) -> None:
    handler.behave = put_through
    await twilio.ring()
    response = await twilio.go_on()
    dial, number = response.find("./Dial"), response.find("./Dial/Number")
    assert dial is not None
    assert number is not None
    assert number.text == "+33612340000"
    leg = {"CallSid": "CA" + "e" * 32, "ParentCallSid": twilio.sid, "To": "+33612340000"}
    status, _ = await twilio.ask(number.attrib["statusCallback"], CallStatus="in-progress", **leg)
    assert status == 204
    call = await handler.call(1)
    assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "transferred"
    _, last = await twilio.ask(dial.attrib["action"], DialCallStatus="completed")
    assert "<Hangup/>" in last


async def test_where_nobody_picks_up_the_same_call_goes_on_with_a_new_stream(
    handler: HandlerApp, twilio: TwilioSide
) -> None:
    handler.behave = put_through
    await twilio.ring()
    dial = (await twilio.go_on()).find("./Dial")
    assert dial is not None
    status, again = await twilio.ask(dial.attrib["action"], DialCallStatus="no-answer")
    assert status == 200
    await twilio.follow(again)
    call = await handler.call(1)
    call.heard_by_caller.set()
    await twilio.until_played(tone(300, 880))
    assert not call.stopped.done()
    await twilio.hang_up()
    assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    assert len(handler.calls) == 1


async def test_after_a_call_that_was_hung_up_twilio_hangs_up_too(handler: HandlerApp, twilio: TwilioSide) -> None:
    async def goodbye(call: HandledCall) -> None:
        await call.join()
        await call.hang_up()
        await call.stopped
        await call.end("answered")

    handler.behave = goodbye
    await twilio.ring()
    assert (await twilio.go_on()).find("./Hangup") is not None


@pytest.mark.parametrize("path", ["voice", "next", "dialled", "status"])
async def test_no_path_answers_what_is_not_signed(twilio: TwilioSide, path: str) -> None:
    assert (await twilio.ask(f"{PUBLIC_URL}/{path}", signed_with=""))[0] == 403


async def test_what_twilio_has_buffered_is_cleared_with_the_rest(handler: HandlerApp, twilio: TwilioSide) -> None:
    async def barge_in(call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(20_000))
        await call.heard_by_caller.wait()
        await call.clear()
        await call.mark("cleared")
        await call.stopped
        await call.end("answered")

    handler.behave = barge_in
    await twilio.ring()
    call = await handler.call(1)
    await twilio.until_played(tone(400))
    before = twilio.cleared
    call.heard_by_caller.set()
    await asyncio.wait_for(call.marked.wait(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while twilio.cleared == before:
            await asyncio.sleep(0.02)
    played = len(twilio.played)
    await asyncio.sleep(0.3)
    assert len(twilio.played) <= played + 160


async def test_a_withheld_number_is_none(handler: HandlerApp, twilio: TwilioSide) -> None:
    twilio.caller = "+266696687"  # ANONYMOUS
    await twilio.ring()
    call = await handler.call(1)
    assert call.event.caller == ""


async def test_a_wrong_signature_is_refused(handler: HandlerApp, twilio: TwilioSide) -> None:
    status, body = await twilio.ask(f"{PUBLIC_URL}/voice", signed_with="f" * 32)
    assert status == 403
    assert "<" not in body
    assert handler.calls == []


@pytest.mark.parametrize("number", ["+33199999999", TOKENLESS, ""])
async def test_a_number_that_is_not_ours_is_refused_as_a_wrong_signature_is(twilio: TwilioSide, number: str) -> None:
    _, refusal = await twilio.ask(f"{PUBLIC_URL}/voice", signed_with="f" * 32)
    twilio.to = number
    assert await twilio.ask(f"{PUBLIC_URL}/voice") == (403, refusal)


async def test_a_stream_without_its_token_is_refused(handler: HandlerApp, twilio: TwilioSide) -> None:
    await twilio.ask(f"{PUBLIC_URL}/voice")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await twilio.open("wss://edge-test.example/twilio/stream/guess")
    assert refused.value.status == 403


async def test_a_token_opens_one_stream_only(handler: HandlerApp, twilio: TwilioSide, port: int) -> None:
    await twilio.ring()
    url = twilio.answers[0].partition('url="')[2].partition('"')[0]
    async with TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as second:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await second.open(url)
    assert refused.value.status == 403


async def test_a_stream_of_another_call_is_closed(handler: HandlerApp, twilio: TwilioSide) -> None:
    _, body = await twilio.ask(f"{PUBLIC_URL}/voice")
    twilio.sid = "CA" + "f" * 32
    await twilio.follow(body)
    await asyncio.wait_for(twilio.closed.wait(), PATIENCE_S)
    assert handler.calls == []


async def test_asked_again_the_webhook_makes_one_call_and_voids_the_first_token(
    handler: HandlerApp, twilio: TwilioSide
) -> None:
    _, first = await twilio.ask(f"{PUBLIC_URL}/voice")
    await twilio.ring()
    await handler.call(1)
    url = first.partition('url="')[2].partition('"')[0]
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await twilio.open(url)
    assert len(handler.calls) == 1


async def test_a_webhook_that_somebody_has_kept_begins_no_second_call(handler: HandlerApp, twilio: TwilioSide) -> None:
    await twilio.ask(f"{PUBLIC_URL}/voice")
    await twilio.ask(f"{PUBLIC_URL}/status", CallStatus="canceled")

    status, again = await twilio.ask(f"{PUBLIC_URL}/voice")
    assert status == 200 and "<Hangup/>" in again and "<Stream" not in again


async def test_a_call_that_ended_before_its_stream_is_a_missed_call_with_its_number(
    scene: Scene, twilio: TwilioSide
) -> None:
    await twilio.ask(f"{PUBLIC_URL}/voice")
    status, _ = await twilio.ask(f"{PUBLIC_URL}/status", CallStatus="canceled")
    assert status == 204
    connection = await asyncpg.connect(scene.database.platform_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await connection.fetchval(
                "select count(*) from outbox where type = 'com.alloresto.call.missed'"
                " and event::text like '%+33612345678%'"
            ):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_a_status_that_says_over_ends_the_call(handler: HandlerApp, twilio: TwilioSide) -> None:
    await twilio.ring()
    call = await handler.call(1)
    async with asyncio.timeout(PATIENCE_S):
        while not call.start:
            await asyncio.sleep(0.02)
    assert (await twilio.ask(f"{PUBLIC_URL}/status", signed_with="f" * 32, CallStatus="completed"))[0] == 403
    assert not call.stopped.done()
    assert (await twilio.ask(f"{PUBLIC_URL}/status", CallStatus="completed"))[0] == 204
    assert await asyncio.wait_for(call.stopped, PATIENCE_S) == "caller_hung_up"
    await asyncio.wait_for(twilio.closed.wait(), PATIENCE_S)


async def test_a_message_that_is_not_understood_costs_nobody_the_call_and_many_do(
    handler: HandlerApp, twilio: TwilioSide
) -> None:
    await twilio.ring()
    await handler.call(1)
    await twilio.send({"event": "new-in-2030", "streamSid": twilio.stream_sid})
    async with asyncio.timeout(PATIENCE_S):
        while not handler.calls[-1].digits:  # on a busy machine the call has a second attempt
            await twilio.press("1")
            await asyncio.sleep(0.1)
    for _ in range(20):
        await twilio.send({"event": 5})
    assert await asyncio.wait_for(handler.calls[-1].stopped, PATIENCE_S) == "caller_hung_up"


async def test_a_bridge_that_drains_sends_twilio_to_the_next_one_and_keeps_its_call(scene: Scene, start: Start) -> None:
    port = free_port()
    bridge = await asyncio.to_thread(
        lambda: start(TWILIO_BIND_ADDRESS="127.0.0.1", TWILIO_PORT=str(port), TWILIO_PUBLIC_URL=PUBLIC_URL)
    )
    async with (
        HandlerApp(bridge.sink_port) as handler,
        TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as twilio,
        TwilioSide(port, PUBLIC_URL, TOKEN, NUMBER) as late,
    ):
        handler.behave = put_through
        await twilio.ring()
        await handler.call(1)
        assert bridge.process is not None
        bridge.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            while "draining" not in (await asyncio.to_thread(bridge.missing) or {}):
                await asyncio.sleep(0.02)
            while (await late.ask(f"{PUBLIC_URL}/voice"))[0] != 503:
                await late.ask(f"{PUBLIC_URL}/status", CallStatus="completed")
        await twilio.until_played(tone(200))
