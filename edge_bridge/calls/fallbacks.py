"""What a caller gets when no handler can be had: a human, a message to leave, or a sentence and the end.

All of them are bounded and end the call.
"""

import asyncio
import audioop
import time
from typing import Protocol

from domain.calls import Outcome
from domain.overload import Step
from edge_bridge.lines.directory import LineEntry
from edge_bridge.media.audio import FRAME_MS, CallAudio, split
from edge_bridge.media.recordings import Recording
from eventing.catalogue import MissedReason
from protocols.media import TransferMode

SAY_WITHIN_S = 30.0
MESSAGE_AT_MOST_S = 120.0
MESSAGE_WHEN_FULL_S = 20.0  # others find no place meanwhile
MESSAGE_SILENCE_S = 6.0
SHORTEST_MESSAGE_MS = 500
MESSAGE_TICK_S = 0.1
FRAMES_AT_ONCE = 50
END_KEY = "#"
STORED_WITHIN_S = 3.0
WORDS: dict[MissedReason, str] = {"line_disabled": "unavailable", "closed": "goodbye"}
NOT_OURS: frozenset[MissedReason] = frozenset({"closed", "line_disabled", "restaurant_full"})
VOICE_RMS = 250  # of 16-bit samples; line noise lies below 100


class FallbackCall(Protocol):
    """What a fallback needs of the call; ``keys`` are the DTMF digits that the caller has pressed."""

    line: LineEntry
    audio: CallAudio
    keys: list[str]
    caller_gone: asyncio.Event

    @property
    def step(self) -> Step:
        """Of the ladder under overload, now."""

    @property
    def caller_is_known(self) -> bool:
        """The restaurant gets the caller's number."""

    def say(self, prompt: str) -> None:
        """Play a built-in prompt in the restaurant's language."""

    def start_recording(self) -> Recording: ...

    async def transfer(self, target: str, reason: str, mode: TransferMode = "auto") -> bool:
        """Whether the other phone took the call."""


async def run(call: FallbackCall, reason: MissedReason) -> Outcome:
    """The restaurant's own choice; words when that fails."""
    restaurant, is_full = call.line.restaurant, reason == "node_full"
    choice = restaurant.when_closed if reason == "closed" else restaurant.fallback
    if reason == "closed":
        call.say("closed")
    if choice == "take_message" and reason not in NOT_OURS and call.step >= Step.FORWARDING:
        choice = "forward" if restaurant.fallback_number else "busy"  # a message would take a place for long
    if choice == "forward":
        call.say("putting_through")
        # A leg of our own takes a place of the node's, and REFER frees one.
        if await call.transfer(restaurant.fallback_number, reason, "refer" if is_full else "auto"):
            return "transferred"
        if call.caller_gone.is_set():
            return "abandoned"
    elif choice == "take_message":
        if reason != "closed":
            call.say("cannot_serve")
        return await take_message(call, MESSAGE_WHEN_FULL_S if is_full else MESSAGE_AT_MOST_S)
    return await say_and_hang_up(call, WORDS.get(reason) or _why_and_what_next(call))


def _why_and_what_next(call: FallbackCall) -> str:
    """That the restaurant may call back is said only where it has the number."""
    return "call_back" if call.caller_is_known else "busy"


async def say_and_hang_up(call: FallbackCall, prompt: str) -> Outcome:
    """Say it to the end, at most SAY_WITHIN_S; the call hangs up then."""
    call.say(prompt)
    await call.audio.until_played(SAY_WITHIN_S)
    return "busy"


async def take_message(call: FallbackCall, at_most_s: float = MESSAGE_AT_MOST_S) -> Outcome:
    """Record until ``#``, silence, ``at_most_s`` or the caller's hang-up. A message is one that was stored."""
    audio = call.audio
    call.say("leave_message")
    call.say("beep")
    await audio.until_played(SAY_WITHIN_S)
    if call.caller_gone.is_set():
        return "abandoned"
    if audio.recording is None:
        call.start_recording()
    audio.forget_heard()
    call.keys.clear()
    end = time.monotonic() + at_most_s
    voice_at, spoken_ms = time.monotonic(), 0
    while time.monotonic() < end and not call.caller_gone.is_set() and END_KEY not in call.keys:
        await asyncio.sleep(MESSAGE_TICK_S)
        for frame in split(audio.take(FRAMES_AT_ONCE)):
            # A guess by loudness: enough to tell a message from an empty line.
            if audioop.rms(audioop.ulaw2lin(frame, 2), 2) > VOICE_RMS:
                voice_at, spoken_ms = time.monotonic(), spoken_ms + FRAME_MS
        if time.monotonic() - voice_at > MESSAGE_SILENCE_S:
            break
    if spoken_ms < SHORTEST_MESSAGE_MS:
        kept: Outcome = "abandoned"
    else:
        kept = "message_taken" if await _is_stored(audio.recording) else "busy"
    if not call.caller_gone.is_set():
        call.say("goodbye" if kept != "busy" else _why_and_what_next(call))
        await audio.until_played(SAY_WITHIN_S)
    return kept


async def _is_stored(recording: Recording | None) -> bool:
    """End it. Whether it is on disk in time: what nobody will hear is no message."""
    if recording is None:
        return False
    recording.close()
    end = time.monotonic() + STORED_WITHIN_S
    while not recording.finished.is_set() and time.monotonic() < end:
        await asyncio.sleep(MESSAGE_TICK_S)
    return recording.finished.is_set() and not recording.failed
