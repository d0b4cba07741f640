import os
import socket
import uuid
from datetime import UTC, datetime

import pytest

from edge_bridge.node import control
from edge_bridge.node.kept_calls import MOST_SESSIONS, STEADY_AFTER_S, KeptCalls
from stores import redis
from stores.live import LiveCall

pytestmark = pytest.mark.unit


def live_call() -> LiveCall:
    return LiveCall(
        restaurant_id=str(uuid.uuid4()),
        call_id=str(uuid.uuid4()),
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge",
        started_at=datetime.now(UTC),
    )


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def two_sockets() -> tuple[int, int]:
    first, second = socket.socketpair()
    return first.detach(), second.detach()


EARLY_S = 1.0


@pytest.fixture
async def calls() -> KeptCalls:
    # Nothing listens there: what is given up waits to be told.
    return KeptCalls(redis.connect("redis://127.0.0.1:1/0"))


async def test_a_call_is_adopted_with_its_latest_progress_and_the_sockets_of_its_first_message(
    calls: KeptCalls,
) -> None:
    call, sockets = live_call(), two_sockets()
    calls.held(control.CallHeld(call, 10_000, b"first"), sockets)
    calls.held(control.CallHeld(call, 10_000, b"later"), ())
    calls.after_a_session(EARLY_S)
    assert calls.adoptable() == [(control.Adopt(call, 10_000, b"later"), sockets)]
    assert calls.rtp_ports == {10_000}
    calls.left(call.call_id)
    assert not any(map(is_open, sockets))
    await calls.close()


async def test_a_call_without_sockets_ends_with_its_session(calls: KeptCalls) -> None:
    calls.held(control.CallHeld(live_call()), ())
    calls.after_a_session(EARLY_S)
    assert calls.adoptable() == []
    await calls.close(0.01)


async def test_a_call_that_ends_session_after_session_is_given_up(calls: KeptCalls) -> None:
    sockets = two_sockets()
    calls.held(control.CallHeld(live_call(), 10_000, b"progress"), sockets)
    for _ in range(MOST_SESSIONS - 1):
        calls.after_a_session(EARLY_S)
        assert len(calls.adoptable()) == 1
    calls.after_a_session(EARLY_S)
    assert calls.adoptable() == []
    assert not any(map(is_open, sockets))
    await calls.close(0.01)


async def test_a_call_outlives_any_number_of_sessions_that_were_steady(calls: KeptCalls) -> None:
    sockets = two_sockets()
    calls.held(control.CallHeld(live_call(), 10_000, b"progress"), sockets)
    for _ in range(2 * MOST_SESSIONS):
        calls.after_a_session(STEADY_AFTER_S)
        calls.after_a_session(EARLY_S)
        assert len(calls.adoptable()) == 1
    calls.give_up_all()
    await calls.close(0.01)
