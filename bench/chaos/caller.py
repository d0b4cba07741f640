"""One caller who orders, hears the order read back, and says yes; and what that caller heard.

The assistant's sentences are told apart by their pitch (``tones``); a voice without one is the bridge's own prompt.
The caller is patient as people are: it repeats itself when nobody answers, and hangs up on a dead line.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

from bench.chaos import tones
from bench.chaos.dialogue import READ_BACK_S, Wish
from softphone.caller import Caller
from softphone.media import FRAME_S, Received

ORDER_S = 1.0
YES_S = 0.6
TURN_ENDS_AFTER_S = 0.6
REPEATS_AFTER_S = 12.0  # without a sound
DEAD_LINE_S = 14.0  # without a packet; a process that is stopped for 8 s and goes on is none
CALL_AT_MOST_S = 80.0
RECOGNISED = 0.9
GAP_S = 0.2  # a silence within a sentence, so long that it is none any more
LINE_IS_UP_S = 0.5  # the last packet is no older
POLL_S = 0.02

Heard = Literal["read_back", "ask", "confirmed", "beep", "voice"]


@dataclass(slots=True)
class Experience:
    """What one call came to, on the monotonic clock.

    ``agreed_at``: the end of each yes to a read-back that was heard to its end. ``silence_s`` is the longest one while
    it was not the caller's turn, and ``silence_at`` its beginning.
    """

    wish: Wish
    number: str
    status: int = 0
    rang_at: float = 0.0
    ended_at: float = 0.0
    agreed_at: list[float] = field(default_factory=list)
    confirmed_at: float = 0.0
    silence_s: float = 0.0
    silence_at: float = 0.0
    ended_by: Literal["assistant", "dead line", "patience", "refused"] = "refused"
    heard: list[tuple[float, Heard]] = field(default_factory=list)
    voices: list[float] = field(default_factory=list)  # arrival of each packet with a voice in it

    def voice_after(self, moment: float) -> float | None:
        """Seconds from ``moment`` to the first voice; None when there was none."""
        return next((at - moment for at in self.voices if at > moment), None)

    @property
    def agreed(self) -> bool:
        return bool(self.agreed_at)


class _Sentence:
    """What is being heard: grows by packets, ends with a silence."""

    def __init__(self) -> None:
        self.last_at: float | None = None
        self._run = 0
        self._run_of: int | None = None
        self._longest: dict[int | None, int] = {}

    def add(self, packet: Received) -> None:
        hertz = tones.pitch(tones.crossings(packet.ulaw), len(packet.ulaw))
        follows = self.last_at is not None and packet.at - self.last_at < GAP_S
        self._run = self._run + 1 if follows and hertz == self._run_of else 1
        self._run_of, self.last_at = hertz, packet.at
        self._longest[hertz] = max(self._run, self._longest.get(hertz, 0))

    def what(self) -> Heard:
        def lasted(hertz: int, seconds: float) -> bool:
            return self._longest.get(hertz, 0) * FRAME_S >= seconds

        if lasted(tones.READ_BACK_HZ, READ_BACK_S * RECOGNISED):
            return "read_back"
        if lasted(tones.CONFIRMED_HZ, 0.4):
            return "confirmed"
        if lasted(tones.BEEP_HZ, 0.3):
            return "beep"
        return "ask" if lasted(tones.ASK_HZ, 0.4) else "voice"


class ScriptedCaller:
    """``run`` once."""

    def __init__(self, target: tuple[str, int], line_id: str, wish: Wish, number: str) -> None:
        self.experience = Experience(wish, number)
        self.phone = Caller(target, line_id, from_user=number)
        self._read = 0
        self._sentence = _Sentence()
        self._waiting_since: float | None = 0.0

    async def run(self) -> Experience:
        told = self.experience
        async with self.phone as caller:
            told.rang_at = time.monotonic()
            result = await caller.invite()
            told.status = result.status
            self._waiting_since = time.monotonic()  # until then a phone rings
            if result.status == 200:
                try:
                    async with asyncio.timeout(CALL_AT_MOST_S):
                        await self.talk()
                except TimeoutError:
                    told.ended_by = "patience"
        told.ended_at = time.monotonic()
        return told

    async def talk(self) -> None:
        """The conversation of a call that is up, until it is over or the line is dead."""
        caller, told, greeted = self.phone, self.experience, False
        while not caller.hung_up.is_set():
            await asyncio.sleep(POLL_S)
            now = time.monotonic()
            self._listen(now)
            last = self._sentence.last_at
            if last is not None and now - last >= TURN_ENDS_AFTER_S:
                what, self._sentence = self._sentence.what(), _Sentence()
                told.heard.append((last, what))
                if what == "voice" and not greeted:
                    what = "ask"
                greeted = True
                await self._answer(what)
            elif self._waiting_since is not None and now - max(self._waiting_since, last or 0.0) >= REPEATS_AFTER_S:
                await self._say(tones.said(told.wish.voice, ORDER_S))
            elif caller.rtp.received and now - caller.rtp.received[-1].at > DEAD_LINE_S:
                told.ended_by = "dead line"
                return
        told.ended_by = "assistant"
        await self._hear_out()
        if self._sentence.last_at is not None:  # the line was cut right behind it
            told.heard.append((self._sentence.last_at, self._sentence.what()))
            if told.heard[-1][1] == "confirmed":
                told.confirmed_at = self._sentence.last_at

    async def _hear_out(self) -> None:
        """What came before the BYE: a busy machine reads that first, and the audio packet by packet."""
        read = -1
        while read != self._read:
            read = self._read
            await asyncio.sleep(POLL_S)
            self._listen(time.monotonic())

    def _listen(self, now: float) -> None:
        """Take in what has arrived, and how long it was silent before."""
        received = self.phone.rtp.received
        for packet in received[self._read :]:
            if packet.voice:
                self._silent_until(packet.at)
                self.experience.voices.append(packet.at)
                self._sentence.add(packet)
        self._read = len(received)
        self._silent_until(now)

    def _silent_until(self, moment: float) -> None:
        if self._waiting_since is None:
            return
        voices = self.experience.voices
        since = max(self._waiting_since, voices[-1] if voices else 0.0)
        if moment - since > self.experience.silence_s:
            self.experience.silence_s, self.experience.silence_at = moment - since, since

    async def _answer(self, what: Heard) -> None:
        told = self.experience
        if what == "read_back":
            said_at = await self._say(tones.tone(tones.YES_HZ, YES_S))
            if said_at - self.phone.rtp.received[-1].at < LINE_IS_UP_S:  # else it was said into a dead line
                told.agreed_at.append(said_at)
        elif what in ("ask", "beep"):
            await self._say(tones.said(told.wish.voice, ORDER_S))
        elif what == "confirmed":
            told.confirmed_at = time.monotonic()
            self._waiting_since = None  # all is said: the assistant hangs up

    async def _say(self, sound: bytes) -> float:
        """The moment of its end; what is heard meanwhile is the caller's own interruption."""
        self._waiting_since = None
        self.phone.say(sound)
        await self.phone.rtp.until_said(len(sound) / tones.RATE + 5)
        self._listen(time.monotonic())
        self._sentence = _Sentence()
        self._waiting_since = time.monotonic()
        return self._waiting_since
