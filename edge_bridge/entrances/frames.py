"""The audio of a call whose entrance has no clock of its own: 50 frames a second on the event loop.

An entrance gives and gets 20 ms frames of G.711 µ-law here; what the call's session takes is translated in
``_Session``, and nowhere else.
"""

import asyncio
import audioop
from collections.abc import Callable

from edge_bridge.entrances.sip.signals import FrameSide

FRAME_S = 0.02
FRAME_BYTES = 160
# A stream over TCP comes in bursts. Silence is put in its place only after this much nothing, so that the recording
# and the session keep the time of the clock.
FILL_AFTER_FRAMES = 5
# A second of burst after a stall is heard; a peer that sends faster than real time for longer is not.
AHEAD_FRAMES = 50
EARLY_FRAMES = 0.1  # uvloop's clock has whole milliseconds: a timer may come that much before its time
CATCH_UP_FRAMES = 5  # what a late event loop makes good; frames that are later than that are not played in a burst


class _Session:
    """``FrameSide`` in µ-law."""

    def __init__(self, side: FrameSide) -> None:
        self._side = side

    def heard(self, ulaw: bytes) -> None:
        self._side.heard(audioop.ulaw2lin(ulaw, 2) if ulaw else b"")

    def next_frame(self) -> bytes | None:
        pcm = self._side.next_pcm()
        return None if pcm is None else audioop.lin2ulaw(pcm, 2)


class FrameClock:
    """One call's. ``play`` is called every 20 ms with the next frame for the caller, None for silence."""

    def __init__(self, side: FrameSide, play: Callable[[bytes | None], None]) -> None:
        self._session = _Session(side)
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
            self._session.heard(audio[at : at + FRAME_BYTES])

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
                self._session.heard(b"")
            self._play(self._session.next_frame())
        # From the start and not from now: 20 ms of each tick's own lateness would add up.
        self._timer = self._loop.call_at(self._started_at + self._ticks * FRAME_S, self._tick)
