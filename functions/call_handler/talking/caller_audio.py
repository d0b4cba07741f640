"""What an engine that takes over has to hear first: the caller's words that nobody has understood yet.

A turn is open from its first sound until the engine has answered it or told its words; an engine that is lost before
that takes the turn with it. So the audio is kept, and the next engine hears the turn from its beginning.
"""

from collections import deque
from typing import Protocol

FRAMES_MOST = 1500  # 30 s of 20 ms: longer than a turn is let go on, with the time that dialling takes
FRAMES_BEFORE = 50  # an engine notices a turn some 0.5 s after its first sound


class Hearer(Protocol):
    def hear(self, audio: bytes) -> None: ...


class CallerAudio:
    """One a conversation. It begins without an engine."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=FRAMES_MOST)
        self._is_waiting = True
        self.turn_is_open = False

    def add(self, audio: bytes) -> None:
        """Whether an engine hears it or not."""
        self._frames.append(audio)
        if not (self.turn_is_open or self._is_waiting) and len(self._frames) > FRAMES_BEFORE:
            self._frames.popleft()

    def turn_begins(self) -> None:
        self.turn_is_open = True

    def understood(self) -> None:
        """What was said so far is in the transcript, or was answered."""
        self.turn_is_open = False
        if not self._is_waiting:
            self._keep_the_last()

    def engine_lost(self) -> None:
        self._is_waiting = True
        if not self.turn_is_open:
            self._frames.clear()

    def give(self, engine: Hearer) -> None:
        """``engine`` hears what it missed; what comes from now on is the caller's to send."""
        self._is_waiting = False
        for frame in self._frames:
            engine.hear(frame)
        if not self.turn_is_open:
            self._keep_the_last()

    def _keep_the_last(self) -> None:
        while len(self._frames) > FRAMES_BEFORE:
            self._frames.popleft()
