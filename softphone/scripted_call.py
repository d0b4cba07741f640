"""One caller as a process of its own: rings a line over real SIP, speaks its sentences in turn, hangs up.

``python -m softphone.scripted_call`` reads a script (JSON) on stdin and writes what happens on stdout, a JSON
object a line, with ``at`` in Unix seconds: ``voice_ready``, ``ringing``, ``answered``, ``first_audio``,
``speaks``, ``heard``, ``hung_up``, and last ``done`` with the timings. The audio is real speech, made before
the call; the caller takes its turn when the other side has been silent for a while, or interrupts on purpose.
"""

from __future__ import annotations

import asyncio
import audioop
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from softphone.caller import Caller
from softphone.media import FRAME_BYTES, FRAME_S, VOICE_RMS
from voices import synthesize_ulaw

END_OF_TURN_SILENCE_MS = 900
REPLY_TIMEOUT_S = 20.0


class Turn(msgspec.Struct, frozen=True):
    """One sentence. ``interrupt_after_ms``: speak so long into the other side's turn instead of after it.

    ``answer_s``: the answer is over only once so many seconds of voice were heard, as for one who waits to be read an
    order back and not for the "thank you" before it.
    """

    say: str
    interrupt_after_ms: int | None = None
    answer_s: float = 0.0


class Script(msgspec.Struct, frozen=True):
    """Whom to ring (``target`` is ``host:port``, ``to_user`` the line), what to say, where to record both sides.

    ``goodbye_s``: after the last answer the caller lets the other side hang up first, for so long.
    """

    target: str
    to_user: str
    turns: tuple[Turn, ...]
    voice: str = "am_michael"
    from_user: str = "+33600000001"
    recording: str = ""
    goodbye_s: float = 20.0


@dataclass
class Timings:
    """Milliseconds, as the caller's side sees them."""

    invite_to_200: float | None = None
    invite_to_greeting: float | None = None
    turns: list[float] = field(default_factory=list)


def report(kind: str, **fields: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"kind": kind, "at": time.time(), **fields}) + b"\n")
    sys.stdout.buffer.flush()


def trailing_silence_s(ulaw: bytes) -> float:
    """How long the sentence's audio goes on after its last voiced frame."""
    frames = [ulaw[at : at + FRAME_BYTES] for at in range(0, len(ulaw), FRAME_BYTES)]
    quiet = 0
    for frame in reversed(frames):
        if audioop.rms(audioop.ulaw2lin(frame, 2), 2) > VOICE_RMS:
            break
        quiet += 1
    return quiet * FRAME_S


class ScriptedCaller:
    """Takes the turns of a script on one call."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._timings = Timings()
        host, _, port = script.target.rpartition(":")
        self._caller = Caller((host, int(port)), script.to_user, from_user=script.from_user)

    async def run(self, audio: list[bytes]) -> int:
        """Exit status 0 when the call was answered."""
        async with self._caller as caller:
            report("rings", uri=f"sip:{self._script.to_user}@{self._script.target}")
            result = await caller.invite()
            if result.status != 200:
                report("refused", status=result.status, reason=result.reason)
                return 1
            self._timings.invite_to_200 = result.ms_to_200
            report("answered", ms=result.ms_to_200)
            await caller.rtp.wait_for_voice(0.0, REPLY_TIMEOUT_S)
            self._timings.invite_to_greeting = caller.first_voice_ms
            report("first_audio", ms=caller.first_voice_ms)
            turns = self._script.turns
            if turns and turns[0].interrupt_after_ms is None:
                await caller.rtp.wait_for_speech_end(END_OF_TURN_SILENCE_MS, REPLY_TIMEOUT_S, since=0.0)
            for number, (turn, ulaw) in enumerate(zip(turns, audio, strict=True), start=1):
                if caller.hung_up.is_set():
                    break
                await self._take(turn, turns[number] if number < len(turns) else None, ulaw)
            await self._goodbye()
            report("hung_up", by="restaurant" if caller.hung_up.is_set() else "caller")
        if self._script.recording:
            caller.write_wav(Path(self._script.recording))
        report("done", timings=asdict(self._timings), recording=self._script.recording)
        return 0

    async def _take(self, turn: Turn, following: Turn | None, ulaw: bytes) -> None:
        """Say ``turn`` and wait for the answer: for its end, or for the moment at which ``following`` interrupts it."""
        rtp = self._caller.rtp
        report("speaks", text=turn.say, interrupts=turn.interrupt_after_ms is not None)
        self._caller.say(ulaw)
        await rtp.until_said(len(ulaw) / 8000 + 5)
        ended = time.monotonic() - trailing_silence_s(ulaw)
        reply = await self._unless_hung_up(rtp.wait_for_voice(ended, REPLY_TIMEOUT_S))
        if reply is None:
            return
        self._timings.turns.append((reply - ended) * 1000)
        report("heard", ms=self._timings.turns[-1])
        if following is not None and following.interrupt_after_ms is not None:
            await asyncio.sleep(max(0.0, reply + following.interrupt_after_ms / 1000 - time.monotonic()))
        else:
            since = reply - 0.001  # the packet of the reply itself counts as heard after it
            await self._unless_hung_up(self._answer_ends(since, turn.answer_s))

    async def _answer_ends(self, since: float, at_least_s: float) -> float:
        """When the voice ended that is heard after ``since``, for ``at_least_s`` altogether. Raises TimeoutError."""
        rtp, silent_since = self._caller.rtp, since
        async with asyncio.timeout(REPLY_TIMEOUT_S + at_least_s):
            while True:
                silent_since = await rtp.wait_for_speech_end(END_OF_TURN_SILENCE_MS, REPLY_TIMEOUT_S, silent_since)
                if rtp.voice_s(since) >= at_least_s:
                    return silent_since

    async def _unless_hung_up(self, wait: Coroutine[Any, Any, float]) -> float | None:
        """What ``wait`` gives; None when the other side hung up or said nothing in time."""
        try:
            return await self._caller.unless_hung_up(wait)
        except TimeoutError:
            report("heard_nothing", seconds=REPLY_TIMEOUT_S)
            return None

    async def _goodbye(self) -> None:
        """Give the other side ``goodbye_s`` to hang up first."""
        try:
            await asyncio.wait_for(self._caller.hung_up.wait(), self._script.goodbye_s)
        except TimeoutError:
            report("waited", seconds=self._script.goodbye_s)


def main() -> None:
    script = msgspec.json.decode(sys.stdin.buffer.read(), type=Script)
    audio = [synthesize_ulaw(turn.say, script.voice) for turn in script.turns]
    report("voice_ready", seconds=round(sum(map(len, audio)) / 8000, 1))
    sys.exit(uvloop.run(ScriptedCaller(script).run(audio)))


if __name__ == "__main__":
    main()
