"""The audio of one call, between pjsip's clock thread and the event loop, in 20 ms frames of G.711 µ-law.

Both sides meet in two bounded deques. Single deque operations are atomic under the GIL, so the clock thread
never waits for a lock; what would take two operations (``clear``) swaps the whole deque instead.
"""

import asyncio
import audioop
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from edge_bridge.media.recordings import Recording

FRAME_MS = 20
FRAME_BYTES = 160  # 8 bytes a millisecond
SILENCE = b"\xff" * FRAME_BYTES
EARLY_FRAMES = 15_000 // FRAME_MS
PLAY_FRAMES = 90_000 // FRAME_MS  # engines answer faster than real time: one long reply ahead

Played = Callable[[], None]


def split(ulaw: bytes) -> Iterator[bytes]:
    """Whole frames; the last one is filled up with silence."""
    for start in range(0, len(ulaw), FRAME_BYTES):
        frame = ulaw[start : start + FRAME_BYTES]
        yield frame if len(frame) == FRAME_BYTES else frame + SILENCE[len(frame) :]


class CallAudio:
    """Frames of the caller wait in ``take``'s deque (15 s, the oldest dropped), ours in ``play``'s (90 s, the
    newest refused: what the caller is hearing must not skip).

    ``heard`` and ``next_pcm`` belong to the clock thread, everything else to the event loop. ``cleared`` is told of
    each ``clear``, for what the far end has buffered.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None], cleared: Callable[[], None] = lambda: None
    ) -> None:
        self._loop = loop
        self._wake = wake
        self._cleared = cleared
        self._heard: deque[bytes] = deque(maxlen=EARLY_FRAMES)
        self._to_play: deque[bytes | Played] = deque()
        self._tail = b""
        self._last_played = SILENCE
        self.listening = False
        self.recording: Recording | None = None
        self.frames_dropped = 0
        self.frames_refused = 0
        self.hold_music: tuple[bytes, ...] = ()
        self._hold_at = 0
        self._closed = False

    # --- The clock thread, every 20 ms -----------------------------------------------------------------------

    def heard(self, pcm: bytes) -> None:
        """One frame of the caller: 16-bit PCM, empty while nothing arrives."""
        ulaw = audioop.lin2ulaw(pcm, 2) if pcm else SILENCE
        waiting = self._heard
        if len(waiting) == EARLY_FRAMES:
            self.frames_dropped += 1
        waiting.append(ulaw)
        if self.recording is not None:
            self.recording.add(ulaw, self._last_played)
        if self.listening:
            self._wake()

    def next_pcm(self) -> bytes | None:
        """The next frame to play as 16-bit PCM; None for silence."""
        music = self.hold_music
        if music:
            self._hold_at = (self._hold_at + 1) % len(music)
            self._last_played = music[self._hold_at]
            return audioop.ulaw2lin(self._last_played, 2)
        queue = self._to_play
        while queue:
            try:
                item = queue.popleft()
            except IndexError:  # cleared in between
                break
            if isinstance(item, bytes):
                self._last_played = item
                return audioop.ulaw2lin(item, 2)
            self._loop.call_soon_threadsafe(item)
        self._last_played = SILENCE
        return None

    # --- The event loop --------------------------------------------------------------------------------------

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
        """Call ``then`` on the loop once all audio so far is played, or thrown away by ``clear``."""
        if self._closed:
            self._loop.call_soon(then)
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
        while thrown:
            try:
                item = thrown.popleft()
            except IndexError:  # the clock thread took the last one
                break
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
        if len(waiting) == 1 or most == 1:
            return waiting.popleft() if waiting else b""
        taken: list[bytes] = []
        while waiting and len(taken) < most:
            taken.append(waiting.popleft())
        return b"".join(taken)

    def forget_heard(self) -> None:
        self._heard.clear()
