"""The audio of a call whose entrance has no clock of its own: 50 frames a second on the event loop."""

import asyncio
from collections.abc import Callable

from edge_bridge.media.audio import FRAME_BYTES, FRAME_S, SILENCE, Sound

# A stream over TCP comes in bursts. Silence is put in its place only after this much nothing, so that the recording
# and the session keep the time of the clock.
FILL_AFTER_FRAMES = 5
# A second of burst after a stall is heard; a peer that sends faster than real time for longer is not.
AHEAD_FRAMES = 50
EARLY_FRAMES = 0.1  # uvloop's clock has whole milliseconds: a timer may come that much before its time
CATCH_UP_FRAMES = 5  # what a late event loop makes good; frames that are later than that are not played in a burst


# Not ``media.rtp.pacer.Pacer``, which ticks all calls at one moment: what is played here is encoded and written to a
# stream at once, and would stand before the RTP packets of that moment, whose jitter a phone hears. A receiver of a
# stream has a buffer, and this clock is the one that can be late.
class FrameClock:
    """One call's. ``play`` is called every 20 ms with the next frame for the caller, None for silence."""

    def __init__(self, sound: Sound, play: Callable[[bytes | None], None]) -> None:
        self._sound = sound
        self._play = play
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._started_at = 0.0
        self._ticks = 0
        self._heard = 0  # frames, those of silence included
        self._part = b""
        self.frames_refused = 0

    def start(self) -> None:
        self._started_at = self._loop.time()
        self._tick()

    def stop(self) -> None:
        """Nothing is heard or played from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, ulaw: bytes) -> None:
        """The caller's audio as it comes, at any length."""
        if self._timer is None:
            return
        audio = self._part + ulaw
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._part = audio[whole:]
        for at in range(0, whole, FRAME_BYTES):
            if self._heard >= self._ticks + AHEAD_FRAMES:
                self.frames_refused += (whole - at) // FRAME_BYTES
                break
            self._heard += 1
            self._sound.heard(audio[at : at + FRAME_BYTES])

    def _tick(self) -> None:
        now = self._loop.time()
        due = int((now - self._started_at) / FRAME_S + EARLY_FRAMES) + 1
        if due - self._ticks > CATCH_UP_FRAMES:
            self._started_at += (due - self._ticks - 1) * FRAME_S
            due = self._ticks + 1
        while self._ticks < due:
            self._ticks += 1
            if self._heard < self._ticks - FILL_AFTER_FRAMES:
                self._heard += 1
                self._sound.heard(SILENCE)
            self._play(self._sound.next_frame())
        # From the start and not from now: 20 ms of each tick's own lateness would add up.
        self._timer = self._loop.call_at(self._started_at + self._ticks * FRAME_S, self._tick)
