"""The sockets of few calls and of many, on a real loop."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator

import pytest

from edge_bridge.media.rtp.arrivals import GATHER_S, MANY_SOCKETS, MOST_ROUNDS, Arrivals
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit


class Sink:
    """A socket of ours with its sender's end."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.read: list[tuple[bytes, float]] = []

    def take(self, now: float) -> None:
        self.read.append((self.ours.recv(100), now))

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def sinks() -> Iterator[list[Sink]]:
    made = [Sink() for _ in range(MANY_SOCKETS + 4)]
    yield made
    for one in made:
        one.close()


async def until_read(sinks: list[Sink], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sum(len(one.read) for one in sinks) < count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [1, MANY_SOCKETS - 1, MANY_SOCKETS, MANY_SOCKETS + 4])
async def test_all_that_comes_is_read_in_its_order_and_with_the_time(sinks: list[Sink], count: int) -> None:
    arrivals, used = Arrivals.of(asyncio.get_running_loop()), sinks[:count]
    for one in used:
        arrivals.add(one.ours.fileno(), one.take)
    began = time.monotonic()
    for number in range(2 * MOST_ROUNDS):
        for one in used:
            one.theirs.send(bytes([number]))
    await until_read(used, 2 * MOST_ROUNDS * count)
    for one in used:
        arrivals.remove(one.ours.fileno())
        assert [data for data, _ in one.read] == [bytes([number]) for number in range(2 * MOST_ROUNDS)]
        assert all(began - GATHER_S <= now <= time.monotonic() for _, now in one.read)


async def test_few_are_read_at_once_and_again_after_there_were_many(sinks: list[Sink]) -> None:
    arrivals = Arrivals.of(asyncio.get_running_loop())
    for one in sinks:
        arrivals.add(one.ours.fileno(), one.take)
    for one in sinks[1:]:
        arrivals.remove(one.ours.fileno())
    for number in range(20):
        sinks[0].theirs.send(b"x")
        await until_read(sinks[:1], number + 1)
    arrivals.remove(sinks[0].ours.fileno())


async def test_a_read_that_fails_or_takes_another_away_is_not_the_others_fault(sinks: list[Sink]) -> None:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    arrivals = Arrivals.of(loop)

    def failing(_: float) -> None:
        sinks[0].ours.recv(100)
        arrivals.remove(sinks[1].ours.fileno())
        raise RuntimeError("broken")

    arrivals.add(sinks[0].ours.fileno(), failing)
    for one in sinks[1:]:
        arrivals.add(one.ours.fileno(), one.take)
        one.theirs.send(b"x")
    sinks[0].theirs.send(b"x")
    await until_read(sinks[2:], len(sinks) - 2)
    assert len(told) == 1
    for one in (sinks[0], *sinks[2:]):
        arrivals.remove(one.ours.fileno())


async def test_nothing_stays_open_when_the_last_socket_is_gone(sinks: list[Sink]) -> None:
    loop = asyncio.get_running_loop()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        arrivals = Arrivals.of(loop)
        for one in sinks:
            arrivals.add(one.ours.fileno(), one.take)
        for one in sinks:
            arrivals.remove(one.ours.fileno())
    assert len(os.listdir("/proc/self/fd")) == before
    assert Arrivals.of(loop) is not arrivals
