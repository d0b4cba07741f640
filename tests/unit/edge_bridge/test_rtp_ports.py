"""RTP ports: which are lent, and when one is lent again."""

import contextlib
import os
import random
import socket
import time

import pytest

from edge_bridge.media.rtp import ports
from edge_bridge.media.rtp.ports import LISTEN_S, PortPair, PortRange

pytestmark = pytest.mark.unit

HOST = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # ports that no other test takes


def free_range(count: int) -> int:
    """The first of so many free ports."""
    for first in random.sample(range(24_000, 60_000, 2), 200):
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    one = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    one.bind((HOST, port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


def lend(made: PortRange) -> PortPair | None:
    """What is lent as soon as it has been listened to."""
    end = time.monotonic() + LISTEN_S + 0.2
    while time.monotonic() < end:
        pair = made.lend()
        if pair is not None:
            return pair
        time.sleep(0.02)
    return None


def send_to(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(b"x", (HOST, port))


def test_pairs_are_even_ports_of_the_range_with_the_next_one() -> None:
    first = free_range(20)
    made = PortRange(HOST, first + 1, first + 19)
    pair = lend(made)
    assert pair is not None
    assert pair.port % 2 == 0
    assert first + 1 <= pair.port < first + 19
    assert pair.rtp.getsockname()[1] + 1 == pair.rtcp.getsockname()[1] == pair.port + 1
    pair.close()
    made.close()


def test_ports_are_drawn_at_random() -> None:
    first = free_range(100)
    orders = []
    for _ in range(2):
        made = PortRange(HOST, first, first + 99)
        time.sleep(LISTEN_S)
        pairs = [pair for pair in (made.lend() for _ in range(8)) if pair is not None]
        orders.append([pair.port for pair in pairs])
        for pair in pairs:
            pair.close()
        made.close()
    assert len(orders[0]) == 8
    assert orders[0] != orders[1]


def test_nothing_is_lent_before_it_has_been_listened_to() -> None:
    first = free_range(20)
    made = PortRange(HOST, first, first + 19)
    assert made.lend() is None
    assert made.is_listening
    time.sleep(LISTEN_S)
    pair = made.lend()
    assert pair is not None
    pair.close()
    made.close()


def test_a_port_that_somebody_sends_to_is_not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "REST_AT_LEAST_S", 60.0)  # longer than this takes on a busy machine
    first = free_range(4)
    made = PortRange(HOST, first, first + 3)
    send_to(first)
    send_to(first + 3)  # RTCP counts, too
    assert lend(made) is None
    assert set(made.used()) == {first, first + 2}
    made.close()


def test_a_port_rests_after_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "REST_S", 1.0)
    first = free_range(2)
    made = PortRange(HOST, first, first + 1)
    pair = lend(made)
    assert pair is not None
    made.take_back(pair)
    ended = time.monotonic()
    assert lend(made) is None
    while (again := made.lend()) is None:
        time.sleep(0.02)
        assert time.monotonic() - ended < 5
    assert time.monotonic() - ended >= 1.0 + LISTEN_S
    again.close()
    made.close()


def test_where_all_ports_rest_the_one_that_rested_longest_is_lent_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "REST_AT_LEAST_S", 0.5)
    first = free_range(4)
    made = PortRange(HOST, first, first + 3)
    pairs = [lend(made), lend(made)]
    ended = time.monotonic()
    for pair in pairs:
        assert pair is not None
        made.take_back(pair)
    assert lend(made) is None
    while (again := made.lend()) is None:
        time.sleep(0.02)
        assert time.monotonic() - ended < 5
    assert time.monotonic() - ended >= 0.5 + LISTEN_S
    assert again.port == (pairs[0].port if pairs[0] else None)
    again.close()
    made.close()


def test_a_pair_that_nobody_was_told_of_is_lent_again_at_once() -> None:
    first = free_range(2)
    made = PortRange(HOST, first, first + 1)
    pair = lend(made)
    assert pair is not None
    made.give_back(pair)
    assert made.lend() is pair
    assert made.used() == (first,)
    pair.close()
    made.close()


def test_the_ports_of_the_worker_before_rest_first() -> None:
    first = free_range(4)
    made = PortRange(HOST, first, first + 3, resting=(first,))
    pair = lend(made)
    assert pair is not None
    assert pair.port == first + 2
    assert lend(made) is None
    pair.close()
    made.close()


def test_ports_that_another_program_has_are_passed_over() -> None:
    first = free_range(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, first + 1))
        made = PortRange(HOST, first, first + 3)
        pair = lend(made)
        assert pair is not None
        assert pair.port == first + 2
        pair.close()
        made.close()
