import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.order import Cart, ConfirmedOrder
from stores import checkpoints, greetings, keys, live
from stores.checkpoints import Checkpoint, Utterance
from stores.greetings import Greeting, Wanted
from stores.redis import RedisError, connect
from tests.integration.stores.samples import NOW, make_menu, make_order, new_id
from tests.live_state import bridge_is_alive, counters, live_events, waiting
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


def _order() -> ConfirmedOrder:
    return make_order(make_menu(new_id()), "a call")


async def test_a_call_goes_on_from_its_checkpoint(redis: Any) -> None:
    order = _order()
    checkpoint = Checkpoint(
        call_id="a call",
        restaurant_id=order.restaurant_id,
        attempt=2,
        started_at=NOW,
        cart=Cart("EUR", order.id, 3, 2, order.lines, order.fulfilment, "Ada Lovelace"),
        transcript=[Utterance("caller", "Deux, s’il vous plaît", NOW)],
        confirmed=order,
        usage={"output_tokens": 5},
        turns=1,
    )

    await checkpoints.save(redis, "a call", checkpoint)

    assert await checkpoints.load(redis, "a call") == checkpoint
    assert 7000 < await redis.ttl(keys.call_checkpoint("a call")) <= 7200
    await live.call_ended(redis, order.restaurant_id, "a call", NOW)
    assert await checkpoints.load(redis, "a call") is None


def _begun(attempt: int, turns: int) -> Checkpoint:
    order = _order()
    cart = Cart("EUR", order.id, 1, 1)
    return Checkpoint(
        call_id="a call", restaurant_id=order.restaurant_id, attempt=attempt, started_at=NOW, cart=cart, turns=turns
    )


async def test_an_earlier_attempt_does_not_replace_the_checkpoint_of_a_later_one(redis: Any) -> None:
    first, second, again = _begun(1, turns=1), _begun(2, turns=2), _begun(2, turns=3)

    for saved in (first, second, first, again, first):
        await checkpoints.save(redis, "a call", saved)

    assert await checkpoints.load(redis, "a call") == again


@pytest.mark.parametrize("other", [b'{"callId": 1}', b'{"attempt": null}', b"[]", b"not JSON"])
async def test_a_checkpoint_in_another_shape_is_replaced(redis: Any, other: bytes) -> None:
    await redis.set(keys.call_checkpoint("a call"), other)
    mine = _begun(1, turns=1)

    await checkpoints.save(redis, "a call", mine)

    assert await checkpoints.load(redis, "a call") == mine


async def test_a_checkpoint_in_another_shape_counts_as_none(redis: Any) -> None:
    await redis.set(keys.call_checkpoint("a call"), b'{"callId": 1}')

    assert await checkpoints.load(redis, "a call") is None


async def test_a_greeting_is_its_bytes_its_text_and_its_voice_together(redis: Any) -> None:
    greeting = Greeting("Bonjour, Chez Margot", "siwis", bytes(range(256)) * 40)

    await greetings.save(redis, "r", greeting)

    assert await greetings.load(redis, "r") == greeting
    assert await redis.get(keys.restaurant_greeting("r")) == greeting.audio
    assert await greetings.load(redis, "another") is None


async def test_only_greetings_that_are_as_wanted_are_kept_alive(redis: Any) -> None:
    for name in ("same", "reworded", "revoiced", "silent", "voiceless"):
        await greetings.save(redis, name, Greeting("Bonjour, Léa", "siwis", b"\xff" * 80))
        for key in await redis.keys(f"resto:{name}:*"):
            await redis.expire(key, 600)
    await redis.delete(keys.restaurant_greeting("silent"))
    await redis.delete(keys.restaurant_greeting_voice("voiceless"))  # as a release without voices has left it
    wanted = [Wanted(name, "Bonjour, Léa", "siwis") for name in ("same", "silent", "voiceless", "none")]
    wanted += [Wanted("reworded", "Bonsoir, Léa", "siwis"), Wanted("revoiced", "Bonjour, Léa", "alba")]

    found = await greetings.keep(redis, wanted)

    assert found == ["kept", "missing", "differs", "missing", "differs", "differs"]
    alive = {key.decode() for key in await redis.keys("resto:*") if await redis.ttl(key) > 600}
    assert alive == {"resto:same:greeting", "resto:same:greeting:text", "resto:same:greeting:voice"}


async def test_a_greeting_is_dropped_unless_it_says_what_it_should(redis: Any) -> None:
    await greetings.save(redis, "r", Greeting("Bonjour", "siwis", b"\xff"))

    assert await greetings.drop_unless(redis, "r", "Bonjour") == []
    assert await greetings.load(redis, "r") is not None
    gone = ["resto:r:greeting", "resto:r:greeting:text", "resto:r:greeting:voice"]
    assert await greetings.drop_unless(redis, "r", "Bonsoir") == gone
    assert await greetings.drop_unless(redis, "r", "Bonsoir") == []


async def test_the_live_feed_tells_every_kind_as_it_was_published(redis: Any) -> None:
    line = live.TakenLine(name="Margherita", quantity=2, total_cents=2700, size="Large", modifiers=("Olives",))
    told: list[live.LiveEvent] = [
        live.CallChanged(call_id="c", state="ringing", at=NOW),
        live.Spoke(call_id="c", who="caller", text="Bonjour", at=NOW),
        live.ToolUsed(call_id="c", name="add_item", arguments={"item": "Margherita"}, ok=True, ms=1.5),
        live.OrderTaken(call_id="c", order_id="o", number=7, total_cents=2700, currency="EUR", lines=(line,)),
        live.BargedIn(call_id="c", ms=48.0),
        live.EventHandled(type="t", id="e", function="order_logger", ms=9.0),
    ]
    heard: list[live.LiveEvent] = []
    feed = live_events(redis, "r")

    async def listen() -> None:
        async for event in feed:
            heard.append(event)
            if len(heard) == len(told):
                return

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE_S):
        while (await redis.pubsub_numsub(keys.restaurant_live("r")))[0][1] == 0:
            await asyncio.sleep(0.01)
        for event in told:
            await live.publish(redis, "r", event)
        await listening
    await feed.aclose()

    assert heard == told
    assert msgspec.json.decode(msgspec.json.encode(told[3])) == {
        "kind": "order",
        "callId": "c",
        "orderId": "o",
        "number": 7,
        "totalCents": 2700,
        "currency": "EUR",
        "lines": [{"name": "Margherita", "quantity": 2, "totalCents": 2700, "size": "Large", "modifiers": ["Olives"]}],
    }


@pytest.mark.usefixtures("within_one_day")
async def test_the_counters_follow_calls_however_often_they_are_told(redis: Any) -> None:
    call = live.QueuedCall(
        restaurant_id="r",
        phone_line_id="l",
        call_id="c1",
        bridge_node_id="n",
        audio_stream_url="ws://127.0.0.1:1/media/c1/1",
        timestamp=1,
    )
    second = msgspec.structs.replace(call, call_id="c2")
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # the day's counter ends with the day: not during this test

    for one in (call, second):
        await live.call_started(redis, live_call(one.call_id), tomorrow)
        await live.queued(redis, one)
    assert await counters(redis) == (2, 2, 2)
    assert await waiting(redis) == (call, second)

    for _ in range(2):
        await live.unqueued(redis, call)
        await live.call_ended(redis, "r", "c1", tomorrow)
    assert await counters(redis) == (1, 1, 2)


@pytest.mark.usefixtures("within_one_day")
async def test_a_call_told_after_its_midnight_leaves_the_days_count_as_it_is(redis: Any) -> None:
    now = datetime.now(UTC)

    await live.call_started(redis, live_call("c1"), now)
    await live.call_started(redis, live_call("c2"), now - timedelta(days=1))

    assert (await counters(redis)).calls_today == 2


@pytest.mark.usefixtures("within_one_day")
async def test_the_days_count_ends_at_midnight_utc(redis: Any) -> None:
    await live.call_started(redis, live_call("c"), NOW)

    expires_at = await redis.expiretime(keys.CALLS_TODAY)
    assert expires_at % live.DAY_S == 0
    assert 0 < expires_at - (await redis.time())[0] <= live.DAY_S


async def test_a_call_whose_bridge_fell_silent_is_not_counted_and_found_as_lost(redis: Any) -> None:
    begun = datetime.now(UTC)
    silent, renewed = live_call("silent"), live_call("renewed")
    await live.call_started(redis, silent, begun)
    await live.call_started(redis, renewed, begun)
    later = begun + timedelta(seconds=live.LEASE_S + 1)

    await live.calls_renewed(redis, [renewed], later)

    assert (await counters(redis)).active_calls == 1
    [lost] = await live.lost_calls(redis, later)
    assert lost.call == silent
    assert abs(lost.seen_at - begun) < timedelta(milliseconds=1)
    assert await live.calls_of(redis, "r") == (silent, renewed)


async def test_who_is_on_the_phone_is_known_with_the_state_until_the_lease_runs_out(redis: Any) -> None:
    begun = datetime.now(UTC)
    silent, renewed, over = live_call("silent"), live_call("renewed"), live_call("over")
    for call in (silent, renewed, over):
        await live.call_started(redis, call, begun)
    await live.publish(redis, "r", live.CallChanged(call_id="silent", state="ringing", at=begun))
    for state in ("ringing", "joined"):
        await live.publish(redis, "r", live.CallChanged(call_id="renewed", state=state, at=begun))
    await live.publish(redis, "r", live.CallChanged(call_id="over", state="ended", at=begun))

    at_once = await live.on_the_phone(redis, "r", begun)
    later = begun + timedelta(seconds=live.LEASE_S + 1)
    await live.calls_renewed(redis, [renewed, over], later)

    assert set(at_once) == {(silent, "ringing"), (renewed, "joined")}
    assert await live.on_the_phone(redis, "r", later) == ((renewed, "joined"),)
    assert await live.on_the_phone(redis, "another", later) == ()


async def test_a_call_whose_state_was_lost_with_redis_is_on_the_phone_all_the_same(redis: Any) -> None:
    now = datetime.now(UTC)
    await live.calls_renewed(redis, [live_call("c")], now)

    assert await live.on_the_phone(redis, "r", now) == ((live_call("c"), None),)


async def test_no_state_is_kept_of_a_call_that_was_given_up(redis: Any) -> None:
    now = datetime.now(UTC)
    await live.call_started(redis, live_call("c"), now)
    await live.publish(redis, "r", live.CallChanged(call_id="c", state="joined", at=now))
    await live.call_ended(redis, "r", "c", now)

    await live.publish(redis, "r", live.CallChanged(call_id="c", state="ended", at=now))

    assert await redis.exists(keys.restaurant_call_states("r")) == 0


async def test_an_ended_call_leaves_neither_lease_nor_checkpoint(redis: Any) -> None:
    now = datetime.now(UTC)
    await live.call_started(redis, live_call("c"), now)
    await redis.set(keys.call_checkpoint("c"), b"{}")

    for _ in range(2):
        await live.call_ended(redis, "r", "c", now)

    assert await live.lost_calls(redis, now + timedelta(hours=1)) == ()
    assert await live.calls_of(redis, "r") == ()
    assert await redis.exists(keys.call_checkpoint("c")) == 0
    assert (await counters(redis)).active_calls == 0


def live_call(call_id: str) -> live.LiveCall:
    return live.LiveCall(
        restaurant_id="r", call_id=call_id, phone_line_id="l", bridge_node_id="n", started_at=NOW, caller_sealed=b"x"
    )


async def test_a_bridge_and_a_worker_are_there_until_they_fall_silent(redis: Any) -> None:
    await live.bridge_heartbeat(redis, "edge-0", ["l1", "l2"])
    await live.bridge_heartbeat(redis, "edge-0", ["l2"])
    await live.worker_heartbeat(redis, "w", "busy", live.WorkerCall("r", "c", NOW))

    assert await bridge_is_alive(redis, "edge-0")
    assert await redis.smembers(keys.bridge_registrations("edge-0")) == {b"l2"}
    assert await redis.get(keys.bridge_count("edge-0")) == b"1"
    for key in (keys.bridge_heartbeat("edge-0"), keys.worker_status("w"), keys.worker_call("w")):
        assert 0 < await redis.ttl(key) <= 30
    await live.worker_heartbeat(redis, "w", "idle")
    assert not await redis.exists(keys.worker_call("w"))


async def test_a_server_that_refuses_is_an_error_within_its_retries() -> None:
    async with connect("redis://127.0.0.1:1/0") as nowhere:
        with pytest.raises(RedisError):
            await asyncio.wait_for(nowhere.get("x"), 5)


async def test_a_task_that_never_ends_by_itself_ends_when_it_is_cancelled_at_whatever_moment(redis: Any) -> None:
    async def for_ever() -> None:
        while True:
            async with redis.pubsub() as channel:
                await channel.subscribe("news")
                await channel.get_message(timeout=0.001)

    for turns in range(150):
        task = asyncio.create_task(for_ever())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
        assert done, f"cancelled after {turns} turns of the loop, it went on"
