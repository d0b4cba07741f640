"""Both sides of a call in one stereo WAV: the caller left, the assistant right, aligned frame by frame.

The event loop only appends to a list; one writer thread does the disk's work. A full disk or a slow one ends
the recording, never the call.
"""

import audioop
import contextlib
import os
import queue
import threading
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from process import logs

log = logs.get(__name__)

BATCH_FRAMES = 50  # one second
QUEUED_BATCHES = 120  # of all calls together; about 2 MB
STOP_TIMEOUT_S = 3.0
WAVE_HEADER_BYTES = 44
STEREO_FRAME_BYTES = 4 * 160  # 20 ms of 8 kHz, 16 bits, two channels

Frames = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Batch:
    recording: "Recording"
    frames: Frames
    last: bool = False
    blank: int = 0  # frames of the caller's to silence, from the end of these on backwards


@dataclass(slots=True)
class Recording:
    """One file being written. ``add`` is called every 20 ms; ``close`` ends it once."""

    path: Path
    _batches: "queue.Queue[_Batch | None]"
    finished: threading.Event = field(default_factory=threading.Event)
    failed: bool = False
    _waiting: Frames = field(default_factory=list)
    _closed: bool = False
    _file: wave.Wave_write | None = None
    _disk: BinaryIO | None = None  # what ``_file`` writes to

    def add(self, caller: bytes, assistant: bytes) -> None:
        if self.failed or self._closed:
            return
        self._waiting.append((caller, assistant))
        if len(self._waiting) >= BATCH_FRAMES:
            self._hand_over(last=False)

    def blank(self, frames: int) -> None:
        """Make the caller's last ``frames`` silent, those that are written already, too."""
        if not self.failed and not self._closed:
            self._hand_over(last=False, blank=frames)

    def close(self) -> None:
        """Write what is left and finish the file; ``finished`` is set when it is on disk."""
        if not self._closed:
            self._closed = True
            self._hand_over(last=True)

    def _hand_over(self, *, last: bool, blank: int = 0) -> None:
        batch, self._waiting = self._waiting, []
        try:
            self._batches.put_nowait(_Batch(self, batch, last, blank))
        except queue.Full:
            self.fail("the disk is too slow")

    def fail(self, why: str) -> None:
        if not self.failed:
            self.failed = True
            self.finished.set()
            log.error("recording stopped, the call goes on; see RECORDINGS_DIR", file=self.path.name, why=why)

    def write(self, batch: Frames) -> None:
        """On the writer thread: append the frames to the file."""
        if self._file is None:
            _keep_to_ourselves(self.path)
            # Of a session that died in this call, before it could write the header's lengths.
            earlier = self.path.read_bytes()[WAVE_HEADER_BYTES:] if self.path.exists() else b""
            self._disk = self.path.open("w+b")
            self._file = wave.open(self._disk, "wb")  # noqa: SIM115 - both are open for the length of the call
            self._file.setnchannels(2)
            self._file.setsampwidth(2)
            self._file.setframerate(8000)
            self._file.writeframesraw(earlier[: len(earlier) - len(earlier) % 4])
        left = audioop.ulaw2lin(b"".join(caller for caller, _ in batch), 2)
        right = audioop.ulaw2lin(b"".join(assistant for _, assistant in batch), 2)
        stereo = audioop.add(audioop.tostereo(left, 2, 1, 0), audioop.tostereo(right, 2, 0, 1), 2)
        self._file.writeframes(stereo)

    def silence(self, frames: int) -> None:
        """On the writer thread: make the caller's last frames in the file silent."""
        if self._disk is None:
            return
        end = self._disk.tell()
        start = max(WAVE_HEADER_BYTES, end - frames * STEREO_FRAME_BYTES)
        self._disk.seek(start)
        stereo = self._disk.read(end - start)
        self._disk.seek(start)
        self._disk.write(audioop.tostereo(audioop.tomono(stereo, 2, 0, 1), 2, 0, 1))
        self._disk.seek(end)

    def shut(self) -> None:
        """On the writer thread: close the file."""
        if self._file is not None and self._disk is not None:
            self._file.close()
            self._disk.close()
            self._file = self._disk = None


def _keep_to_ourselves(path: Path) -> None:
    """Make the file and its folders, or take hold of those that are there: callers' voices are nobody else's."""
    # As root for the sake of real-time scheduling, the group is the images' own: the admin reads as its member.
    for_a_group = os.geteuid() == 0 and os.getegid() != 0
    folder_mode, file_mode = (0o750, 0o640) if for_a_group else (0o700, 0o600)
    restaurant = path.parent
    restaurant.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
    restaurant.mkdir(mode=folder_mode, exist_ok=True)
    path.touch(mode=file_mode)
    with contextlib.suppress(PermissionError):  # on a volume of another owner's their mode is that owner's
        restaurant.chmod(folder_mode)
        path.chmod(file_mode)


class Recorder:
    """Makes recordings and owns the thread that writes them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._batches: queue.Queue[_Batch | None] = queue.Queue(QUEUED_BATCHES)
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    def start(self, restaurant_id: str, call_id: str) -> Recording:
        """A recording at ``{root}/{restaurant}/{call}.wav``; the file appears with its first second."""
        return Recording(self._root / restaurant_id / f"{call_id}.wav", self._batches)

    def stop(self) -> None:
        """Finish what is queued, at most STOP_TIMEOUT_S."""
        with contextlib.suppress(queue.Full):
            self._batches.put(None, timeout=STOP_TIMEOUT_S)
        self._thread.join(STOP_TIMEOUT_S)

    def _write_all(self) -> None:
        # The session's threads inherit its real-time scheduling; disk writes must not have it.
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while (batch := self._batches.get()) is not None:
            recording = batch.recording
            if recording.failed:
                with contextlib.suppress(OSError):
                    recording.shut()
                continue
            try:
                if batch.frames:
                    recording.write(batch.frames)
                if batch.blank:
                    recording.silence(batch.blank)
                if batch.last:
                    recording.shut()
                    recording.finished.set()
            except OSError as error:
                recording.fail(error.strerror or type(error).__name__)
