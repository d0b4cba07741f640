"""Packets put back in order, and what is heard in place of lost ones."""

import random

import pytest

from edge_bridge.media.rtp.jitter import MOST_WAIT_S, ReorderBuffer
from edge_bridge.media.rtp.packets import QUIETER_ULAW

pytestmark = pytest.mark.unit


def frame(number: int) -> bytes:
    return bytes([number % 250]) * 160


def test_what_is_in_order_passes_at_once() -> None:
    buffer = ReorderBuffer()
    for number in range(65_530, 65_545):
        assert buffer.push(number & 0xFFFF, frame(number), number * 0.02) == (frame(number),)


def test_what_came_early_waits_for_what_is_missing() -> None:
    buffer = ReorderBuffer()
    buffer.push(1, frame(1), 0.0)
    assert buffer.push(3, frame(3), 0.02) == ()
    assert buffer.push(4, frame(4), 0.03) == ()
    assert buffer.push(2, frame(2), 0.04) == (frame(2), frame(3), frame(4))
    assert buffer.expire(1.0) == ()
    assert buffer.concealed == 0


def test_a_lost_packet_is_the_sound_before_it_more_quietly_and_then_silence() -> None:
    buffer = ReorderBuffer()
    buffer.push(1, frame(1), 0.0)
    buffer.push(6, frame(6), 0.02)
    assert buffer.expire(0.021) == ()
    quieter = frame(1).translate(QUIETER_ULAW)
    assert buffer.expire(0.02 + MOST_WAIT_S) == (quieter, quieter, b"\xff" * 160, b"\xff" * 160, frame(6))
    assert buffer.concealed == 4


def test_what_comes_twice_or_too_late_is_dropped_and_counted() -> None:
    buffer = ReorderBuffer()
    buffer.push(1, frame(1), 0.0)
    assert buffer.push(1, frame(1), 0.0) == ()
    buffer.push(3, frame(3), 0.02)
    buffer.expire(1.0)
    assert buffer.push(2, frame(2), 1.1) == ()
    assert buffer.late == 2


def test_another_numbering_is_taken_up_at_its_second_packet_and_one_stray_packet_changes_nothing() -> None:
    buffer = ReorderBuffer()
    buffer.push(1, frame(1), 0.0)
    assert buffer.push(30_000, frame(9), 0.02) == ()
    assert buffer.push(2, frame(2), 0.04) == (frame(2),)
    buffer.push(40_000, frame(3), 0.06)
    assert buffer.push(40_001, frame(4), 0.08) == (frame(4),)
    assert buffer.push(40_002, frame(5), 0.10) == (frame(5),)


def test_the_wait_grows_with_the_jitter_and_stays_bounded() -> None:
    calm, uneven = ReorderBuffer(), ReorderBuffer()
    for number in range(100):
        calm.push(number, frame(number), number * 0.02)
        uneven.push(number, frame(number), number * 0.02 + (0.04 if number % 2 else 0))
    assert calm.wait_s < 0.022
    assert uneven.wait_s == MOST_WAIT_S


def test_five_per_cent_loss_and_60_ms_of_jitter_keep_time_and_most_of_the_sound() -> None:
    dice = random.Random(7)
    sent = [(number, number * 0.02 + dice.uniform(0, 0.06)) for number in range(1000) if dice.random() > 0.05]
    arrivals = sorted(sent, key=lambda one: one[1])
    heard: list[bytes] = []
    buffer, tick = ReorderBuffer(), 0.0
    for number, at in arrivals:
        while tick < at:
            heard += buffer.expire(tick)
            tick += 0.02
        heard += buffer.push(number, frame(number), at)
    heard += buffer.expire(tick + 1)
    assert abs(len(heard) - 1000) <= 3
    assert buffer.late < 10
