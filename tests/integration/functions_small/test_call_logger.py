import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from eventing.catalogue import CallEnded, CallMissed, CallTransferred
from stores import calls, live

pytestmark = pytest.mark.integration

STARTED = datetime(2026, 11, 21, 12, tzinfo=UTC)


def about(restaurant_id, call_id="call-1"):
    return {
        "restaurant_id": restaurant_id,
        "call_id": call_id,
        "phone_line_id": str(uuid.uuid4()),
        "bridge_node_id": "edge-1",
        "received_at": STARTED,
    }


def ended(restaurant_id, outcome="order_confirmed", **more):
    end = STARTED + timedelta(seconds=95)
    return CallEnded(
        **about(restaurant_id),
        outcome=outcome,
        attempts=2,
        ended_at=end,
        duration_ms=95_000,
        answered_at=STARTED,
        **more,
    )


def missed(restaurant_id, reason="no_handler"):
    return CallMissed(**about(restaurant_id), reason=reason, ended_at=STARTED + timedelta(seconds=31))


def transferred(restaurant_id):
    return CallTransferred(**about(restaurant_id), target="+331", reason="asked", transferred_at=STARTED)


@pytest.fixture
def logged(postgres, restaurant_id):
    async def get(call_id="call-1"):
        async with postgres.app.tenant(restaurant_id) as connection:
            return await calls.get(connection, call_id)

    return get


async def test_a_calls_end_is_logged_beside_what_was_said_and_the_live_count_is_put_right(
    function, postgres, redis, restaurant_id, logged
):
    order_id = str(uuid.uuid4())
    await live.call_started(redis, "call-1", datetime.now(UTC))
    async with postgres.app.tenant(restaurant_id) as connection:
        await calls.record_conversation(
            connection, "call-1", STARTED, restaurant_id, (), {"tokens": 7}, 0.12, None, "answered"
        )
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
    assert (await live.stats(redis)).active_calls == 0


async def test_a_missed_call_is_logged_with_its_reason(function, restaurant_id, logged):
    async with function("call_logger") as logger:
        await logger.send(missed(restaurant_id, "restaurant_full"))

    call = await logged()
    assert (call.outcome, call.missed_reason, call.duration_ms) == ("busy", "restaurant_full", 31_000)


@pytest.mark.parametrize(
    ("kinds", "outcome", "reason"),
    [((missed, ended), "failed", "no_handler"), ((transferred, ended), "transferred", "")],
)
async def test_the_events_of_a_call_give_the_same_row_in_any_order(
    function, postgres, restaurant_id, logged, kinds, outcome, reason
):
    rows = []
    async with function("call_logger") as logger:
        for order in itertools.permutations(kinds):
            for kind in order:
                said = "answered" if outcome == "transferred" else "failed"
                event = ended(restaurant_id, said) if kind is ended else kind(restaurant_id)
                assert (await logger.send(event))[0] == 204
            rows.append(await logged())
            async with postgres.platform.platform() as connection:
                await connection.execute("delete from call_log")

    assert rows[0] == rows[1]
    assert (rows[0].outcome, rows[0].missed_reason, rows[0].duration_ms) == (outcome, reason, 95_000)


async def test_a_call_is_logged_while_redis_is_away(function, restaurant_id, logged, unused_tcp_port):
    async with function("call_logger", REDIS_URL=f"redis://127.0.0.1:{unused_tcp_port}/0") as logger:
        status, _, _ = await logger.send(ended(restaurant_id))

    assert status == 204
    assert (await logged()).outcome == "order_confirmed"
