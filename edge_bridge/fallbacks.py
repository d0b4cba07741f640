"""What a caller gets when no handler can be had: a human, a message to leave, or a sentence and the end.

All of them are bounded and end the call.
"""

import asyncio
import time
from typing import Protocol

from domain.calls import Outcome
from edge_bridge import frames
from edge_bridge.audio import CallAudio
from edge_bridge.directory import LineEntry
from edge_bridge.recordings import Recording
from eventing.catalogue import MissedReason
from process import logs

log = logs.get(__name__)

SAY_WITHIN_S = 30.0
MESSAGE_AT_MOST_S = 120.0
MESSAGE_SILENCE_S = 6.0
SHORTEST_MESSAGE_MS = 500
MESSAGE_TICK_S = 0.1
FRAMES_AT_ONCE = 50
END_KEY = "#"


class FallbackCall(Protocol):
    """What a fallback needs of the call; ``keys`` are the DTMF digits that the caller has pressed."""

    line: LineEntry
    audio: CallAudio
    keys: list[str]
    caller_gone: asyncio.Event

    def say(self, prompt: str) -> None:
        """Play a built-in prompt in the restaurant's language."""

    def start_recording(self) -> Recording: ...

    async def transfer(self, target: str, reason: str) -> bool:
        """Whether the other phone took the call."""


async def run(call: FallbackCall, reason: MissedReason) -> Outcome:
    """The restaurant's own choice; the busy message when that fails."""
    restaurant = call.line.restaurant
    prompt = "unavailable" if reason == "ai_down" else "busy"
    if restaurant.fallback == "forward":
        if await call.transfer(restaurant.fallback_number, reason):
            return "transferred"
        if call.caller_gone.is_set():
            return "abandoned"
    elif restaurant.fallback == "take_message":
        return await _take_message(call)
    return await say_and_hang_up(call, prompt)


async def say_and_hang_up(call: FallbackCall, prompt: str) -> Outcome:
    """Say it to the end, at most SAY_WITHIN_S; the session hangs up then."""
    call.say(prompt)
    await call.audio.until_played(SAY_WITHIN_S)
    return "busy"


async def _take_message(call: FallbackCall) -> Outcome:
    """Record until ``#``, silence, MESSAGE_AT_MOST_S or the caller's hang-up."""
    call.say("leave_message")
    call.say("beep")
    await call.audio.until_played(SAY_WITHIN_S)
    if call.caller_gone.is_set():
        return "abandoned"
    if call.audio.recording is None:
        call.start_recording()
    spoken_ms = await _listen(call)
    if not call.caller_gone.is_set():
        call.say("goodbye")
        await call.audio.until_played(SAY_WITHIN_S)
    if spoken_ms < SHORTEST_MESSAGE_MS:
        return "abandoned"
    return "message_taken"


async def _listen(call: FallbackCall) -> int:
    """How many ms of voice there were."""
    audio = call.audio
    audio.forget_heard()
    call.keys.clear()
    end = time.monotonic() + MESSAGE_AT_MOST_S
    voice_at, spoken_ms = time.monotonic(), 0
    while time.monotonic() < end and not call.caller_gone.is_set() and END_KEY not in call.keys:
        await asyncio.sleep(MESSAGE_TICK_S)
        for frame in frames.split(audio.take(FRAMES_AT_ONCE)):
            if frames.is_voice(frame):
                voice_at, spoken_ms = time.monotonic(), spoken_ms + frames.FRAME_MS
        if time.monotonic() - voice_at > MESSAGE_SILENCE_S:
            break
    return spoken_ms
