"""What a caller gets when no handler can be had: a human, a message to leave, or a sentence and the end.

All of them are bounded and end the call.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from domain.calls import Outcome
from edge_bridge import frames
from eventing.catalogue import MissedReason
from process import logs

if TYPE_CHECKING:
    from edge_bridge.session import Session

log = logs.get(__name__)

SAY_WITHIN_S = 30.0
MESSAGE_AT_MOST_S = 120.0
MESSAGE_SILENCE_S = 6.0
SHORTEST_MESSAGE_MS = 500
MESSAGE_TICK_S = 0.1
FRAMES_AT_ONCE = 50
END_KEY = "#"


async def run(session: "Session", reason: MissedReason) -> Outcome:
    """The restaurant's own choice; the busy message when that fails."""
    restaurant = session.line.restaurant
    prompt = "unavailable" if reason == "ai_down" else "busy"
    if restaurant.fallback == "forward":
        if await session.transfer(restaurant.fallback_number, reason):
            return "transferred"
        if session.caller_gone.is_set():
            return "abandoned"
    elif restaurant.fallback == "take_message":
        return await _take_message(session)
    return await say_and_hang_up(session, prompt)


async def say_and_hang_up(session: "Session", prompt: str) -> Outcome:
    """Say it to the end, at most SAY_WITHIN_S; the session hangs up then."""
    session.say(prompt)
    await session.audio.until_played(SAY_WITHIN_S)
    return "busy"


async def _take_message(session: "Session") -> Outcome:
    """Record until ``#``, silence, MESSAGE_AT_MOST_S or the caller's hang-up."""
    session.say("leave_message")
    session.say("beep")
    await session.audio.until_played(SAY_WITHIN_S)
    if session.caller_gone.is_set():
        return "abandoned"
    if session.audio.recording is None:
        session.start_recording()
    spoken_ms = await _listen(session)
    if not session.caller_gone.is_set():
        session.say("goodbye")
        await session.audio.until_played(SAY_WITHIN_S)
    if spoken_ms < SHORTEST_MESSAGE_MS:
        return "abandoned"
    return "message_taken"


async def _listen(session: "Session") -> int:
    """How many ms of voice there were."""
    audio = session.audio
    audio.forget_heard()
    session.keys.clear()
    end = time.monotonic() + MESSAGE_AT_MOST_S
    voice_at, spoken_ms = time.monotonic(), 0
    while time.monotonic() < end and not session.caller_gone.is_set() and END_KEY not in session.keys:
        await asyncio.sleep(MESSAGE_TICK_S)
        for frame in frames.split(audio.take(FRAMES_AT_ONCE)):
            if frames.is_voice(frame):
                voice_at, spoken_ms = time.monotonic(), spoken_ms + frames.FRAME_MS
        if time.monotonic() - voice_at > MESSAGE_SILENCE_S:
            break
    return spoken_ms
