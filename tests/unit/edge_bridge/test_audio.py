import asyncio
import audioop
import wave
from pathlib import Path

import pytest

from edge_bridge.media.audio import EARLY_FRAMES, FRAME_BYTES, PLAY_FRAMES, SILENCE, CallAudio
from edge_bridge.media.recordings import Recorder

pytestmark = pytest.mark.unit


def frame(value: int) -> bytes:
    return bytes([value]) * FRAME_BYTES


@pytest.fixture
async def audio() -> CallAudio:
    return CallAudio()


async def test_audio_of_any_length_is_played_in_frames_and_in_order(audio: CallAudio) -> None:
    whole = frame(0x10) + frame(0x20) + frame(0x30)
    audio.play(whole[:250])
    audio.play(whole[250:])
    assert [audio.next_frame() for _ in range(4)] == [frame(0x10), frame(0x20), frame(0x30), None]


async def test_a_mark_comes_back_when_what_was_before_it_is_played(audio: CallAudio) -> None:
    told: list[str] = []
    audio.play(frame(0x10))
    audio.when_played(lambda: told.append("mark"))
    audio.next_frame()
    await asyncio.sleep(0)
    assert told == []
    audio.next_frame()
    await asyncio.sleep(0)
    assert told == ["mark"]


async def test_the_last_part_of_a_frame_is_filled_up_before_its_mark(audio: CallAudio) -> None:
    audio.play(frame(0x10)[:100])
    audio.when_played(lambda: None)
    assert audio.next_frame() == frame(0x10)[:100] + SILENCE[100:]


async def test_clear_is_silent_from_the_next_frame_and_gives_marks_back(audio: CallAudio) -> None:
    told: list[str] = []
    audio.play(frame(0x10) * 50)
    audio.when_played(lambda: told.append("mark"))
    audio.next_frame()
    audio.clear()
    assert audio.next_frame() is None
    assert told == ["mark"]
    assert audio.ms_to_play == 0


async def test_too_much_ahead_is_refused_and_counted(audio: CallAudio) -> None:
    audio.play(frame(0x10) * (PLAY_FRAMES + 5))
    assert audio.ms_to_play == PLAY_FRAMES * 20
    assert audio.frames_refused == 5


async def test_nothing_is_waited_for_after_the_end_of_the_call(audio: CallAudio) -> None:
    audio.play(frame(0x10) * 500)
    waiting = asyncio.create_task(audio.until_played(30))
    await asyncio.sleep(0)
    audio.close()
    assert await asyncio.wait_for(waiting, 1)
    assert await audio.until_played(1)


async def test_what_the_caller_said_early_is_kept_and_the_oldest_dropped(audio: CallAudio) -> None:
    for _ in range(EARLY_FRAMES + 3):
        audio.heard(SILENCE)
    assert audio.ms_waiting == EARLY_FRAMES * 20
    assert audio.frames_dropped == 3
    assert len(audio.take(25)) == 25 * FRAME_BYTES
    assert audio.ms_waiting == (EARLY_FRAMES - 25) * 20


async def test_nobody_is_woken_before_a_handler_listens() -> None:
    woken: list[int] = []
    audio = CallAudio()
    audio.heard(SILENCE)
    audio.listener = lambda: woken.append(1)
    audio.heard(SILENCE)
    assert len(woken) == 1


async def test_packets_of_any_length_are_heard_as_frames(audio: CallAudio) -> None:
    whole = frame(0x10) + frame(0x20) + frame(0x30)
    for start in range(0, 480, 80):
        audio.heard(whole[start : start + 80])
    assert audio.take(25) == whole
    audio.heard(whole[:240])
    audio.heard(whole[240:])
    assert audio.take(25) == whole


async def test_a_recording_pairs_what_is_heard_with_what_is_played_however_packets_come(
    audio: CallAudio, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    audio.recording = recorder.start("r", "c")
    audio.play(frame(0x10) + frame(0x20) + frame(0x30))
    audio.next_frame()
    audio.heard(frame(0x40))
    audio.heard(frame(0x50))
    audio.next_frame()
    audio.next_frame()
    audio.recording.close()
    assert audio.recording.finished.wait(5)
    recorder.stop()
    with wave.open(str(tmp_path / "r" / "c.wav")) as file:
        stereo = file.readframes(1000)
    left, right = audioop.tomono(stereo, 2, 1, 0), audioop.tomono(stereo, 2, 0, 1)
    assert audioop.lin2ulaw(left, 2) == SILENCE + frame(0x40) + frame(0x50)
    assert audioop.lin2ulaw(right, 2) == frame(0x10) + frame(0x20) + frame(0x30)


async def test_hold_music_replaces_the_assistant_until_it_is_taken_away(audio: CallAudio) -> None:
    audio.play(frame(0x10))
    audio.hold_music = (frame(0x40), frame(0x50))
    assert {audio.next_frame(), audio.next_frame()} == {frame(0x40), frame(0x50)}
    audio.hold_music = ()
    assert audio.next_frame() == frame(0x10)
