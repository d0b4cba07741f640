"""The clock of entrances that have none: on a loop whose time the test sets."""

import asyncio
from collections.abc import Iterator

import pytest

from edge_bridge.entrances.frames import AHEAD_FRAMES, CATCH_UP_FRAMES, FILL_AFTER_FRAMES, FrameClock
from edge_bridge.media.audio import FRAME_BYTES, SILENCE

pytestmark = pytest.mark.unit

FRAME = b"\x12" * FRAME_BYTES


class TimedLoop(asyncio.SelectorEventLoop):
    """Time stands still but for ``pass_s``."""

    now = 100.0

    def time(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds
        self.call_soon(self.stop)
        self.run_forever()  # timers that are due
        self.call_soon(self.stop)
        self.run_forever()  # what they scheduled


class Side:
    """A session's end: what it heard, and what it has to say."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.to_say: list[bytes] = []

    def heard(self, ulaw: bytes) -> None:
        self.frames.append(ulaw)

    def next_frame(self) -> bytes | None:
        return self.to_say.pop(0) if self.to_say else None


class Call:
    def __init__(self, loop: TimedLoop) -> None:
        self.loop = loop
        self.side = Side()
        self.played: list[bytes | None] = []

        async def start() -> None:
            self.clock = FrameClock(self.side, self.played.append)
            self.clock.start()

        loop.run_until_complete(start())

    def pass_frames(self, count: int) -> None:
        for _ in range(count):
            self.loop.pass_s(0.02)


@pytest.fixture
def call() -> Iterator[Call]:
    loop = TimedLoop()
    call = Call(loop)
    yield call
    call.clock.stop()
    loop.close()


def test_a_frame_is_played_every_20_ms_and_silence_is_told(call: Call) -> None:
    call.side.to_say = [FRAME, FRAME]
    call.pass_frames(4)
    assert call.played == [None, FRAME, FRAME, None, None]


def test_a_tick_that_came_late_is_made_good_and_a_stall_is_not_played_in_a_burst(call: Call) -> None:
    call.loop.pass_s(0.06)
    assert len(call.played) == 4
    call.loop.pass_s(2.0)
    assert len(call.played) == 5
    call.pass_frames(CATCH_UP_FRAMES)
    assert len(call.played) == 5 + CATCH_UP_FRAMES


def test_audio_of_any_length_is_heard_at_once_in_whole_frames(call: Call) -> None:
    call.clock.heard(FRAME + FRAME[:100])
    assert call.side.frames == [FRAME]
    call.clock.heard(FRAME[100:])
    assert call.side.frames == [FRAME, FRAME]


def test_where_nothing_comes_for_long_silence_is_heard_in_its_place(call: Call) -> None:
    call.pass_frames(FILL_AFTER_FRAMES - 1)
    assert call.side.frames == []
    call.pass_frames(10)
    assert call.side.frames == [SILENCE] * 10


def test_the_burst_after_a_stall_is_heard_and_faster_than_real_time_is_not(call: Call) -> None:
    call.pass_frames(30)
    call.clock.heard(FRAME * 30)
    assert call.side.frames.count(FRAME) == 30
    call.clock.heard(FRAME * 1000)
    assert call.side.frames.count(FRAME) < 30 + AHEAD_FRAMES + FILL_AFTER_FRAMES
    assert call.clock.frames_refused > 900


def test_after_the_end_nothing_is_heard_or_played(call: Call) -> None:
    call.clock.stop()
    call.clock.heard(FRAME)
    call.pass_frames(5)
    assert call.side.frames == []
    assert call.played == [None]
