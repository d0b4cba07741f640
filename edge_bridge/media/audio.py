"""The audio of one call between its phone and its handler, in 20 ms frames of G.711 µ-law: two bounded queues, both
the event loop's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from edge_bridge.media.recordings import Recording

FRAME_MS = 20
FRAME_S = FRAME_MS / 1000
FRAME_BYTES = 160  # 8 bytes a millisecond
SILENCE = b"\xff" * FRAME_BYTES
EARLY_FRAMES = 15_000 // FRAME_MS
PLAY_FRAMES = 90_000 // FRAME_MS  # engines answer faster than real time: one long reply ahead
RECORD_FRAMES = 100 // FRAME_MS  # how much of a burst is written down in its turn; the oldest is left out

Played = Callable[[], None]


def split(ulaw: bytes) -> Iterator[bytes]:
    """Whole frames; the last one is filled up with silence."""
    for start in range(0, len(ulaw), FRAME_BYTES):
        frame = ulaw[start : start + FRAME_BYTES]
        yield frame if len(frame) == FRAME_BYTES else frame + SILENCE[len(frame) :]


class Sound(Protocol):
    """One call's audio as its phone has it: µ-law at 8 kHz."""

    def heard(self, ulaw: bytes) -> None:
        """What the far end said next, of any length."""

    def next_frame(self) -> bytes | None:
        """20 ms to say; None for silence."""


class CallAudio:
    """Frames of the caller wait in ``take``'s queue (15 s, the oldest dropped), ours in ``play``'s (90 s, the
    newest refused: what the caller is hearing must not skip). ``heard`` and ``next_frame`` are the phone's side, a
    ``Sound``. ``cleared`` is told of each ``clear``, for what the far end has buffered.
    """

    __slots__ = (
        "_cleared",
        "_closed",
        "_heard",
        "_heard_tail",
        "_hold_at",
        "_tail",
        "_to_play",
        "_to_record",
        "frames_dropped",
        "frames_refused",
        "hold_music",
        "listener",
        "recording",
    )

    def __init__(self, cleared: Callable[[], None] = lambda: None) -> None:
        self.listener: Callable[[], None] | None = None  # called when ``take`` has something new
        self._cleared = cleared
        self.recording: Recording | None = None
        self.frames_dropped = 0
        self.frames_refused = 0
        self.hold_music: tuple[bytes, ...] = ()
        self._heard: deque[bytes] = deque(maxlen=EARLY_FRAMES)
        self._heard_tail = b""
        self._to_record: deque[bytes] = deque(maxlen=RECORD_FRAMES)
        self._to_play: deque[bytes | Played] = deque()
        self._tail = b""
        self._hold_at = 0
        self._closed = False

    # --- The phone -------------------------------------------------------------------------------------------

    def heard(self, ulaw: bytes) -> None:
        """What the caller said next, of any length."""
        if self._heard_tail or len(ulaw) != FRAME_BYTES:
            ulaw = self._heard_tail + ulaw
            whole = len(ulaw) - len(ulaw) % FRAME_BYTES
            self._heard_tail = ulaw[whole:]
            for at in range(0, whole, FRAME_BYTES):
                self._keep(ulaw[at : at + FRAME_BYTES])
        else:
            self._keep(ulaw)
        if self.listener is not None:
            self.listener()

    def _keep(self, frame: bytes) -> None:
        waiting = self._heard
        if len(waiting) == EARLY_FRAMES:
            self.frames_dropped += 1
        waiting.append(frame)
        if self.recording is not None:
            self._to_record.append(frame)

    def next_frame(self) -> bytes | None:
        """The next frame to play; None for silence. Called every 20 ms."""
        frame = self._next_frame()
        if self.recording is not None:
            self.recording.add(self._to_record.popleft() if self._to_record else SILENCE, frame or SILENCE)
        return frame

    def _next_frame(self) -> bytes | None:
        music = self.hold_music
        if music:
            self._hold_at = (self._hold_at + 1) % len(music)
            return music[self._hold_at]
        while self._to_play:
            item = self._to_play.popleft()
            if isinstance(item, bytes):
                return item
            item()
        return None

    # --- The handler -----------------------------------------------------------------------------------------

    def play(self, ulaw: bytes) -> None:
        """Play after what was sent before, at any length. What passes 90 s is refused and counted."""
        room = PLAY_FRAMES - len(self._to_play)
        audio = self._tail + ulaw
        whole = len(audio) // FRAME_BYTES
        end = min(whole, max(room, 0)) * FRAME_BYTES
        size = FRAME_BYTES
        self._to_play.extend(audio[at : at + size] for at in range(0, end, size))
        self.frames_refused += whole - end // size
        self._tail = audio[whole * size :]

    def play_frames(self, ready: Iterable[bytes]) -> None:
        """Play frames that were split before, such as a greeting: nothing is copied."""
        self._to_play.extend(ready)

    def when_played(self, then: Played) -> None:
        """Call ``then`` once all audio so far is played, or thrown away by ``clear``."""
        if self._closed:
            asyncio.get_running_loop().call_soon(then)
            return
        if self._tail:
            self._to_play.extend(split(self._tail))
            self._tail = b""
        self._to_play.append(then)

    async def until_played(self, timeout_s: float) -> bool:
        """Wait until all audio so far is played. False when that took longer than ``timeout_s``."""
        played = asyncio.Event()
        self.when_played(played.set)
        try:
            await asyncio.wait_for(played.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def clear(self) -> None:
        """Throw away what is not played yet; it is silent from the next frame on. Waiters of ``when_played`` run."""
        thrown, self._to_play = self._to_play, deque()
        self._tail = b""
        self._cleared()
        for item in thrown:
            if not isinstance(item, bytes):
                item()

    def close(self) -> None:
        """The call is over: nothing will be played any more, and nobody waits for it."""
        self._closed = True
        self.clear()

    @property
    def ms_to_play(self) -> int:
        return len(self._to_play) * FRAME_MS

    @property
    def ms_waiting(self) -> int:
        """How much of the caller's audio waits to be taken."""
        return len(self._heard) * FRAME_MS

    def take(self, most: int) -> bytes:
        """The oldest waiting audio of the caller, up to ``most`` frames joined; empty when there is none."""
        waiting = self._heard
        if not waiting:
            return b""
        if len(waiting) == 1 or most == 1:
            return waiting.popleft()
        taken: list[bytes] = []
        while waiting and len(taken) < most:
            taken.append(waiting.popleft())
        return b"".join(taken)

    def blank(self, ms: int) -> None:
        """What the caller said in the last ``ms`` is not to be heard in the recording, if there is one."""
        if self.recording is not None:
            self._to_record.clear()
            self.recording.blank(ms // FRAME_MS)

    def forget_heard(self) -> None:
        self._heard.clear()
