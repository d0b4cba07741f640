import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import pytest

from domain.calls import Outcome
from eventing.catalogue import CallEnded, CallMissed, CallTransferred, MissedReason, Payload
from eventing.cloudevents import Event
from functions.call_logger import log_call
from stores import calls, live
from stores.ciphers import PiiCipher
from stores.redis import Redis
from tests.conftest import Pools
from tests.integration.functions_small.conftest import StartFunction
from tests.live_state import counters

pytestmark = pytest.mark.integration

Logged = Callable[[], Awaitable[calls.LoggedCall]]
Make = Callable[[str], Payload]

STARTED = datetime(2026, 11, 21, 12, tzinfo=UTC)


class About(TypedDict):
    restaurant_id: str
    call_id: str
    phone_line_id: str
    bridge_node_id: str
    received_at: datetime


def about(restaurant_id: str) -> About:
    return {
        "restaurant_id": restaurant_id,
        "call_id": "call-1",
        "phone_line_id": str(uuid.uuid4()),
        "bridge_node_id": "edge-1",
        "received_at": STARTED,
    }


def ended(
    restaurant_id: str,
    outcome: Outcome = "order_confirmed",
    order_id: str | None = None,
    recording: str | None = None,
) -> CallEnded:
    end = STARTED + timedelta(seconds=95)
    return CallEnded(
        **about(restaurant_id),
        outcome=outcome,
        attempts=2,
        ended_at=end,
        duration_ms=95_000,
        answered_at=STARTED,
        order_id=order_id,
        recording=recording,
    )


def missed(restaurant_id: str, reason: MissedReason = "no_handler") -> CallMissed:
    return CallMissed(
        **about(restaurant_id), caller="+33600000000", reason=reason, ended_at=STARTED + timedelta(seconds=31)
    )


def transferred(restaurant_id: str) -> CallTransferred:
    return CallTransferred(**about(restaurant_id), target="+331", reason="asked", transferred_at=STARTED)


@pytest.fixture
def logged(postgres: Pools, restaurant_id: str) -> Logged:
    async def get() -> calls.LoggedCall:
        async with postgres.app.tenant(restaurant_id) as connection:
            return await calls.get(connection, "call-1")

    return get


async def test_a_calls_end_is_logged_beside_what_was_said_and_the_live_count_is_put_right(
    function: StartFunction, postgres: Pools, redis: Redis, pii: PiiCipher, restaurant_id: str, logged: Logged
) -> None:
    order_id = str(uuid.uuid4())
    ringing = live.LiveCall(
        restaurant_id=restaurant_id,
        call_id="call-1",
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-1",
        started_at=STARTED,
    )
    await live.call_started(redis, ringing, datetime.now(UTC))
    async with postgres.app.tenant(restaurant_id) as connection:
        record = calls.ConversationRecord(
            call_id="call-1",
            restaurant_id=restaurant_id,
            started_at=STARTED,
            outcome="answered",
            usage={"tokens": 7},
            cost_dollars=0.12,
        )
        await calls.record_conversation(connection, record, pii)
    async with function("call_logger") as logger:
        status, reply, _ = await logger.send(ended(restaurant_id, order_id=order_id, recording="calls/1.wav"))

    assert (status, reply) == (204, None)
    call = await logged()
    assert (call.outcome, call.attempts, call.duration_ms, call.recording) == (
        "order_confirmed",
        2,
        95_000,
        "calls/1.wav",
    )
    assert (call.order_id, call.usage, call.cost_dollars, call.bridge_node_id) == (
        order_id,
        {"tokens": 7},
        0.12,
        "edge-1",
    )
    assert (await counters(redis)).active_calls == 0


async def test_a_missed_call_is_logged_with_its_reason(
    function: StartFunction, restaurant_id: str, logged: Logged
) -> None:
    async with function("call_logger") as logger:
        await logger.send(missed(restaurant_id, "restaurant_full"))

    call = await logged()
    assert (call.outcome, call.missed_reason, call.duration_ms) == ("busy", "restaurant_full", 31_000)


@pytest.mark.parametrize(
    ("kinds", "outcome", "reason"),
    [((missed, ended), "failed", "no_handler"), ((transferred, ended), "transferred", "")],
)
async def test_the_events_of_a_call_give_the_same_row_in_any_order(
    function: StartFunction,
    postgres: Pools,
    restaurant_id: str,
    logged: Logged,
    kinds: tuple[Make, ...],
    outcome: str,
    reason: str,
) -> None:
    rows = []
    async with function("call_logger") as logger:
        for order in itertools.permutations(kinds):
            for kind in order:
                said: Outcome = "answered" if outcome == "transferred" else "failed"
                event = ended(restaurant_id, said) if kind is ended else kind(restaurant_id)
                assert (await logger.send(event))[0] == 204
            rows.append(await logged())
            async with postgres.platform.platform() as connection:
                await connection.execute("delete from call_log")

    assert rows[0] == rows[1]
    assert (rows[0].outcome, rows[0].missed_reason, rows[0].duration_ms) == (outcome, reason, 95_000)


async def test_the_end_and_the_miss_of_a_call_at_the_same_moment_give_the_same_row_too(
    postgres: Pools, redis: Redis, restaurant_id: str, logged: Logged
) -> None:
    """Some Brokers deliver the two side by side: neither may overwrite the other's half."""

    async def log_beside() -> None:
        async with postgres.app.tenant(restaurant_id) as second:
            await log_call(redis, second, Event.of(missed(restaurant_id), source="/edge"))

    async with postgres.app.tenant(restaurant_id) as first:
        await log_call(redis, first, Event.of(ended(restaurant_id, "failed"), source="/edge"))
        beside = asyncio.create_task(log_beside())
        await asyncio.sleep(0.2)  # it has found no row, or waits for ours
    await beside

    call = await logged()
    assert (call.outcome, call.attempts, call.duration_ms, call.missed_reason) == ("failed", 2, 95_000, "no_handler")


async def test_a_call_is_logged_while_redis_is_away(
    function: StartFunction, restaurant_id: str, logged: Logged, unused_tcp_port: int
) -> None:
    async with function("call_logger", REDIS_URL=f"redis://127.0.0.1:{unused_tcp_port}/0") as logger:
        status, _, _ = await logger.send(ended(restaurant_id))

    assert status == 204
    assert (await logged()).outcome == "order_confirmed"
