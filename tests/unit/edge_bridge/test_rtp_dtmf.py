"""Telephone keys: each counts once, whatever of its packets is lost, late or odd."""

import struct

import pytest

from edge_bridge.media.rtp.dtmf import END_PACKETS, KEYS, PAUSE_FRAMES, PRESSED_FRAMES, KeyReader, key_payloads

pytestmark = pytest.mark.unit


def event(key: str, duration: int, *, end: bool = False) -> bytes:
    return struct.pack(">BBH", KEYS.index(key), (0x80 if end else 0) | 10, duration)


class Line:
    """Packets 20 ms after one another into one reader."""

    def __init__(self) -> None:
        self.reader = KeyReader()
        self.pressed = ""
        self.now = 10.0

    def send(self, payload: bytes, timestamp: int, *, marker: bool = False) -> None:
        self.now += 0.02
        self.pressed += self.reader.read(payload, marker, timestamp, self.now) or ""

    def key(self, key: str, timestamp: int, *, marker: bool = True, ends: int = 3, updates: int = 5) -> None:
        for number in range(updates):
            self.send(event(key, 160 * (number + 1)), timestamp, marker=marker and number == 0)
        for _ in range(ends):
            self.send(event(key, 160 * updates, end=True), timestamp)


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("ends", [3, 1, 0])
def test_a_key_counts_once_with_and_without_marker_and_with_its_ends_lost(marker: bool, ends: int) -> None:
    line = Line()
    line.key("5", 1000, marker=marker, ends=ends)
    line.key("5", 5000, marker=True, ends=ends)
    line.key("#", 9000, marker=marker, ends=ends)
    assert line.pressed == "55#"


def test_a_key_of_which_only_an_end_arrives_counts() -> None:
    line = Line()
    line.key("7", 1000, updates=0, ends=2)
    assert line.pressed == "7"


def test_an_update_that_comes_after_the_end_is_no_second_key() -> None:
    line = Line()
    line.key("3", 1000)
    line.send(event("3", 480), 1000)
    assert line.pressed == "3"


def test_a_phone_that_moves_the_timestamp_on_presses_once() -> None:
    line = Line()
    for number in range(6):
        line.send(event("9", 160 * (number + 1)), 1000 + 160 * number)
    line.send(event("9", 960, end=True), 1960)
    assert line.pressed == "9"


def test_a_key_held_for_longer_than_a_duration_can_say_counts_once() -> None:
    line = Line()
    for duration in (160, 30_000, 0xFFFF):
        line.send(event("2", duration), 1000)
    line.send(event("2", 160), 1000 + 0xFFFF)
    assert line.pressed == "2"


def test_two_keys_in_quick_succession_with_all_ends_lost_are_two() -> None:
    line = Line()
    line.key("5", 1000, marker=False, ends=0)
    line.key("5", 2000, marker=False, ends=0)
    assert line.pressed == "55"


def test_a_phone_whose_clock_stands_still_may_press_twice() -> None:
    line = Line()
    line.key("1", 1000)
    line.key("1", 1000)
    line.now += 0.2
    line.key("1", 1000, marker=False)
    assert line.pressed == "111"


def test_flash_and_what_is_too_short_are_no_keys() -> None:
    line = Line()
    line.send(struct.pack(">BBH", 16, 10, 160), 1000)
    line.send(b"\x01", 2000)
    assert line.pressed == ""


@pytest.mark.parametrize("keys", ["1", "*#", "0000", "42ABCD"])
def test_keys_that_we_send_are_read_as_they_were(keys: str) -> None:
    line, timestamp = Line(), 0
    for key in keys:
        payloads = list(key_payloads(key, 160))
        assert len(payloads) == PRESSED_FRAMES + END_PACKETS + PAUSE_FRAMES
        for payload in payloads:
            if payload is None:
                line.now += 0.02
            else:
                line.send(payload, timestamp)
        timestamp += len(payloads) * 160
    assert line.pressed == keys


def test_what_is_on_no_telephone_is_refused() -> None:
    with pytest.raises(ValueError, match="substring"):
        list(key_payloads("x", 160))
