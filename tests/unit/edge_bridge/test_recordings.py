import queue
import wave
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.media.audio import FRAME_BYTES, SILENCE
from edge_bridge.media.recordings import BATCH_FRAMES, Recorder, Recording

pytestmark = pytest.mark.unit

LOUD = b"\x00" * FRAME_BYTES


def test_the_caller_is_left_and_the_assistant_right_frame_by_frame(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recording = recorder.start("restaurant", "call")
    for number in range(120):
        recording.add(LOUD if number < 60 else SILENCE, SILENCE if number < 60 else LOUD)
    recording.close()
    recorder.stop()
    with wave.open(str(tmp_path / "restaurant" / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 120 * FRAME_BYTES)
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    middle = 60 * FRAME_BYTES
    assert all(samples[2 * at] < -1000 and samples[2 * at + 1] == 0 for at in range(0, middle, 500))
    assert all(samples[2 * at] == 0 and samples[2 * at + 1] < -1000 for at in range(middle, 2 * middle, 500))


def test_a_recording_is_its_owners_alone(tmp_path: Path) -> None:
    old = tmp_path / "recordings" / "restaurant" / "old.wav"
    old.parent.mkdir(parents=True, mode=0o755)
    old.touch(mode=0o644)
    recorder = Recorder(tmp_path / "recordings")
    made = Recorder(tmp_path / "made" / "here")
    for recording in (recorder.start("restaurant", "old"), made.start("restaurant", "new")):
        recording.add(LOUD, LOUD)
        recording.close()
    recorder.stop()
    made.stop()

    new = tmp_path / "made" / "here" / "restaurant" / "new.wav"
    modes = [path.stat().st_mode & 0o777 for path in (old, old.parent, new, new.parent, new.parent.parent)]
    assert modes == [0o600, 0o700, 0o600, 0o700, 0o700]


def test_a_disk_that_takes_nothing_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "restaurant").write_text("a file where the folder should be")
    recorder = Recorder(tmp_path)
    recording = recorder.start("restaurant", "call")
    for _ in range(120):
        recording.add(LOUD, SILENCE)
    assert recording.finished.wait(5)
    assert recording.failed
    recording.add(LOUD, SILENCE)
    recording.close()
    recorder.stop()


def test_a_disk_that_falls_behind_ends_the_recording_and_nothing_else() -> None:
    behind: queue.Queue[Any] = queue.Queue(1)  # nobody writes
    recording = Recording(Path("call.wav"), behind)
    failed_after = []
    for _ in range(2 * BATCH_FRAMES):
        recording.add(LOUD, SILENCE)
        failed_after.append(recording.failed)
    assert failed_after.index(True) == 2 * BATCH_FRAMES - 1
    assert recording.finished.is_set()


def test_closing_twice_writes_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recording = recorder.start("restaurant", "call")
    recording.add(LOUD, LOUD)
    recording.close()
    recording.close()
    recorder.stop()
    with wave.open(str(recording.path)) as file:
        assert file.getnframes() == FRAME_BYTES


def test_what_the_caller_must_not_have_said_is_blanked_and_the_assistant_stays(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recording = recorder.start("restaurant", "call")
    for _ in range(70):
        recording.add(LOUD, LOUD)
    recording.blank(60)
    for _ in range(70):
        recording.add(LOUD, LOUD)
    recording.close()
    recorder.stop()

    with wave.open(str(recording.path)) as file:
        assert file.getnframes() == 140 * FRAME_BYTES
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    callers = [samples[2 * FRAME_BYTES * frame] < -1000 for frame in range(140)]
    assert callers == [True] * 10 + [False] * 60 + [True] * 70
    assert all(samples[2 * FRAME_BYTES * frame + 1] < -1000 for frame in range(140))
